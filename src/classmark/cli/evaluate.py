"""`classmark evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import Home, existing_home, utc_now
from classmark.cli.caveats import warn_of_learned
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReferenceArgument,
    TextFieldsOption,
    labelled_documents,
    parsed_fields,
)
from classmark.cli.table_evaluation import evaluate_table_version
from classmark.cli.table_versions import check_no_fields, predicts_tables
from classmark.cli.terminal import Bars, keep_result, say, say_table, say_warning
from classmark.cli.version_facts import baseline_sentence, training_facts
from classmark.documents import Document
from classmark.evaluation import (
    Estimate,
    Evaluation,
    ReportHeading,
    Slice,
    assess,
    slices_of,
    weak_points,
    write_report_at,
)
from classmark.serving import ServedModel, load_served_model

SourceArgument = Annotated[
    str, typer.Argument(help="A labelled file, or a dataset's name for its test part.")
]


def run(
    reference: ReferenceArgument,
    source: SourceArgument,
    text_fields: TextFieldsOption = None,
    label_field: LabelFieldOption = None,
    home: HomeOption = None,
    json: JsonOption = None,
) -> None:
    """Measure a version on labelled documents: figures with intervals, a report, the errors."""
    place = existing_home(home)
    if predicts_tables(place, reference):
        check_no_fields(text_fields, label_field)
        keep_result(json, evaluate_table_version(place, reference, source))
        return
    model = load_served_model(place.registry, reference)
    documents = labelled_documents(place, source, parsed_fields(text_fields, label_field))
    keep_result(json, measured_and_reported(place, model, documents, source))


def measured_and_reported(
    place: Home,
    model: ServedModel,
    documents: Sequence[Document],
    source: str,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure a version, write its report and say what came of it.

    Args:
        place: Where reports go that are given no folder.
        model: What is measured.
        documents: Labelled.
        source: Where they came from, for the report.
        out: The folder of the report.

    Returns:
        The JSON result.
    """
    version = model.version
    assessment = assess(model.classifier, documents, threads=place.threads, progress=Bars())
    heading = ReportHeading(
        version.name, source, utc_now(), training_facts(version), baseline_sentence(version)
    )
    report = write_report_at(assessment, heading, out or place.reports / heading.folder_name)
    slices = slices_of(documents, assessment.right)
    found = weak_points(assessment, slices)
    show(version.name, assessment.evaluation)
    for line in (heading.baseline, *found):
        if line:
            say(line)
    warn_of_learned(place, [version], documents)
    say_report(report)
    return {
        "model": version.model,
        "version": str(version.version),
        "source": source,
        **describe(assessment.evaluation),
        "slices": [describe_slice(one) for one in slices],
        "findings": found,
        "baseline": version.metadata.get("baseline"),
        "report": str(report),
    }


def say_report(folder: Path) -> None:
    """Where a report lies, and whether its PDF is missing."""
    say(f"Report: {folder / 'report.html'}")
    if not (folder / "report.pdf").exists():
        say_warning("There is no report.pdf: WeasyPrint, or Pango that it draws with, is missing.")


def describe_slice(one: Slice) -> dict[str, Any]:
    """A slice as the JSON result has it."""
    return {
        "kind": one.kind.value,
        "name": one.name,
        "n": len(one.rows),
        "accuracy": one.accuracy.value,
        "accuracy_interval": _ends(one.accuracy),
        "rest_accuracy": one.rest.value,
        "p_value": one.p_value,
        "worse": one.is_worse,
    }


def describe(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as the JSON result has it."""
    return {
        "n": evaluation.rows,
        "accuracy": evaluation.accuracy.value,
        "accuracy_interval": _ends(evaluation.accuracy),
        "macro_f1": evaluation.macro_f1.value,
        "macro_f1_interval": _ends(evaluation.macro_f1),
        "micro_f1": evaluation.micro_f1.value,
        "micro_f1_interval": _ends(evaluation.micro_f1),
        "weighted_f1": evaluation.weighted_f1.value,
        "weighted_f1_interval": _ends(evaluation.weighted_f1),
        "macro_precision": evaluation.macro_precision.value,
        "macro_precision_interval": _ends(evaluation.macro_precision),
        "macro_recall": evaluation.macro_recall.value,
        "macro_recall_interval": _ends(evaluation.macro_recall),
        "roc_auc": evaluation.roc_auc.value if evaluation.roc_auc else None,
        "roc_auc_interval": _ends(evaluation.roc_auc) if evaluation.roc_auc else None,
        "mean_confidence": evaluation.mean_confidence,
        "per_class": {
            metrics.label: {
                "precision": metrics.precision.value,
                "precision_interval": _ends(metrics.precision),
                "recall": metrics.recall.value,
                "recall_interval": _ends(metrics.recall),
                "f1": metrics.f1.value,
                "f1_interval": _ends(metrics.f1),
                "support": metrics.support,
            }
            for metrics in evaluation.per_class
        },
        "labels": list(evaluation.labels),
        "confusion_matrix": [list(row) for row in evaluation.confusion],
        "latency": {
            "mean_ms": evaluation.latency.mean_ms,
            "p50_ms": evaluation.latency.p50_ms,
            "p95_ms": evaluation.latency.p95_ms,
            "p99_ms": evaluation.latency.p99_ms,
        },
        "calibration_error": evaluation.calibration.error.value,
        "calibration_error_interval": _ends(evaluation.calibration.error),
        "brier": evaluation.calibration.brier,
        "log_loss": evaluation.calibration.log_loss,
        "abstain_below": evaluation.answered.abstain_below,
        "coverage": evaluation.answered.coverage.value,
        "coverage_interval": _ends(evaluation.answered.coverage),
        "accuracy_answered": evaluation.answered.accuracy.value,
        "accuracy_answered_interval": _ends(evaluation.answered.accuracy),
        "coverage_at_90": evaluation.answered.coverage_at_90,
    }


def show(name: str, evaluation: Evaluation) -> None:
    """An evaluation as a table."""
    say_table(
        ("class", "precision", "recall", "F1", "documents"),
        [
            (
                metrics.label,
                _written(metrics.precision),
                _written(metrics.recall),
                _written(metrics.f1),
                metrics.support,
            )
            for metrics in evaluation.per_class
        ],
        title=f"{name} on {evaluation.rows:,} documents",
    )
    say(f"accuracy {_written(evaluation.accuracy)}, macro F1 {_written(evaluation.macro_f1)}")
    latency = evaluation.latency
    say(f"latency of one text: p50 {latency.p50_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms")


def _ends(estimate: Estimate) -> list[float]:
    return [estimate.low, estimate.high]


def _written(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
