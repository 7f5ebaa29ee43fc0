"""`classmark evaluate` and `classmark compare` where versions predict tables."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classmark.assembly import Home, utc_now
from classmark.cli.caveats import warn_of_rows
from classmark.cli.comparisons import describe_any
from classmark.cli.table_versions import (
    load_table_version,
    rows_with_targets,
)
from classmark.cli.terminal import Bars, say, say_table
from classmark.durable import publishing, write_json
from classmark.errors import SettingError
from classmark.evaluation import (
    Estimate,
    Evaluation,
    RegressionEvaluation,
    ReportHeading,
    TableAssessment,
    assess_table,
    compare_tables,
)
from classmark.registry import ModelReference
from classmark.serving import LoadedTableVersion
from classmark.spreadsheet import safe_cell

if TYPE_CHECKING:
    import pandas as pd


def evaluate_table_version(place: Home, reference: ModelReference, source: str) -> dict[str, Any]:
    """Measure a version on rows whose targets are known; the JSON result of it."""
    loaded = load_table_version(place, reference)
    rows = rows_with_targets(place, loaded.version, source)
    assessment = assess_table(loaded.predictor, rows, progress=Bars())
    show(loaded.version.name, assessment)
    warn_of_rows(place, loaded.version, rows)
    heading = ReportHeading(loaded.version.name, source, utc_now())
    figures = describe(assessment)
    folder = _report(place.reports / heading.folder_name, assessment, rows, figures)
    say(f"Report: {folder}")
    return {
        "model": loaded.version.model,
        "version": str(loaded.version.version),
        "source": source,
        "n": len(rows),
        "targets": figures,
        "report": str(folder),
    }


def compare_table_versions(
    place: Home,
    references: tuple[ModelReference, ModelReference],
    source: str,
    out: Path | None,
) -> dict[str, Any]:
    """Two versions on the same rows of a table, target by target; the JSON result of it.

    Raises:
        SettingError: One classifies texts, or their targets differ.
    """
    a, b = (load_table_version(place, reference) for reference in references)
    _check_alike(a, b)
    rows = rows_with_targets(place, a.version, source)
    found = [assess_table(one.predictor, rows, progress=Bars()) for one in (a, b)]
    names = (a.version.name, b.version.name)
    targets = {
        name: describe_any(comparison, names, "rows")
        for name, comparison in compare_tables(*found).items()
    }
    for name, told in targets.items():
        say(f"{name}: {told['verdict']}")
    for loaded in (a, b):
        warn_of_rows(place, loaded.version, rows)
    result = {"n": len(rows), "a": names[0], "b": names[1], "targets": targets}
    if out is not None:
        with publishing(out) as draft:
            write_json(draft / "comparison.json", result)
        say(f"Report: {out}")
    return result


def describe(assessment: TableAssessment) -> dict[str, dict[str, Any]]:
    """The figures of each target as the JSON result has them."""
    if assessment.numbers is None:
        return {name: asdict(evaluation) for name, evaluation in assessment.classes.items()}
    return {metrics.name: asdict(metrics) for metrics in assessment.numbers.per_target}


def show(name: str, assessment: TableAssessment) -> None:
    """The figures as tables."""
    for target, evaluation in assessment.classes.items():
        _show_classes(f"{name}: {target} on {evaluation.rows:,} rows", evaluation)
    if assessment.numbers is not None:
        _show_numbers(f"{name} on {assessment.numbers.rows:,} rows", assessment.numbers)


def _show_classes(title: str, evaluation: Evaluation) -> None:
    say_table(
        ("class", "precision", "recall", "F1", "rows"),
        [
            (
                metrics.label,
                _share(metrics.precision),
                _share(metrics.recall),
                _share(metrics.f1),
                metrics.support,
            )
            for metrics in evaluation.per_class
        ],
        title=title,
    )
    say(f"accuracy {_share(evaluation.accuracy)}, macro F1 {_share(evaluation.macro_f1)}")


def _show_numbers(title: str, evaluation: RegressionEvaluation) -> None:
    say_table(
        ("target", "MAE", "RMSE", "R²"),
        [
            (
                metrics.name,
                _written(metrics.mae),
                _written(metrics.rmse),
                _written(metrics.r2) if metrics.r2 else "none: it does not vary",
            )
            for metrics in evaluation.per_target
        ],
        title=title,
    )


def _share(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _written(estimate: Estimate) -> str:
    return f"{estimate.value:.4g} ({estimate.low:.4g} to {estimate.high:.4g})"


def _report(
    folder: Path,
    assessment: TableAssessment,
    rows: "pd.DataFrame",
    figures: Mapping[str, Mapping[str, Any]],
) -> Path:
    """Write all figures, and every row's truth and prediction."""
    file = io.StringIO(newline="")
    truth, columns = assessment.truth, assessment.predictions.columns()
    writer = csv.writer(file)
    writer.writerow(map(safe_cell, ["row", *truth.columns, *columns]))
    for place, cells in enumerate(
        zip(*(truth[name] for name in truth.columns), *columns.values(), strict=True)
    ):
        writer.writerow(map(safe_cell, [rows.index[place], *cells]))
    with publishing(folder) as draft:
        write_json(draft / "metrics.json", figures)
        (draft / "predictions.csv").write_text(file.getvalue(), "utf-8", newline="")
    return folder


def _check_alike(a: LoadedTableVersion, b: LoadedTableVersion) -> None:
    if a.predictor.questions != b.predictor.questions:
        raise SettingError(
            f"{a.version.name} and {b.version.name} predict different targets or classes.",
            remedy="Compare versions that answer the same question.",
        )
