"""`classmark evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from classmark.assembly import Home, existing_home, utc_now
from classmark.cli.caveats import warn_of_learned
from classmark.cli.label_set_evaluation import (
    describe_label_sets,
    described_classes,
    ends,
    show_label_sets,
    written,
)
from classmark.cli.options import (
    HomeOption,
    JsonOption,
    LabelFieldOption,
    ReferenceArgument,
    TextFieldsOption,
    fields_for,
    labelled_documents,
    parsed_fields,
)
from classmark.cli.table_evaluation import evaluate_table_version
from classmark.cli.table_versions import check_no_fields, predicts_tables
from classmark.cli.terminal import Bars, keep_result, say, say_table, say_warning
from classmark.cli.version_facts import baseline_sentence, training_facts
from classmark.documents import Document
from classmark.evaluation import (
    Evaluation,
    LabelSetEvaluation,
    ReportHeading,
    Slice,
    assess_any,
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
    fields = fields_for(model, parsed_fields(text_fields, label_field))
    documents = labelled_documents(place, source, fields)
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
    assessment = assess_any(model.classifier, documents, threads=place.threads, progress=Bars())
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
        "accuracy_interval": ends(one.accuracy),
        "rest_accuracy": one.rest.value,
        "p_value": one.p_value,
        "worse": one.is_worse,
    }


def describe(evaluation: Evaluation | LabelSetEvaluation) -> dict[str, Any]:
    """An evaluation as the JSON result has it."""
    if isinstance(evaluation, LabelSetEvaluation):
        return describe_label_sets(evaluation)
    return {
        "n": evaluation.rows,
        "accuracy": evaluation.accuracy.value,
        "accuracy_interval": ends(evaluation.accuracy),
        "macro_f1": evaluation.macro_f1.value,
        "macro_f1_interval": ends(evaluation.macro_f1),
        "micro_f1": evaluation.micro_f1.value,
        "micro_f1_interval": ends(evaluation.micro_f1),
        "weighted_f1": evaluation.weighted_f1.value,
        "weighted_f1_interval": ends(evaluation.weighted_f1),
        "macro_precision": evaluation.macro_precision.value,
        "macro_precision_interval": ends(evaluation.macro_precision),
        "macro_recall": evaluation.macro_recall.value,
        "macro_recall_interval": ends(evaluation.macro_recall),
        "roc_auc": evaluation.roc_auc.value if evaluation.roc_auc else None,
        "roc_auc_interval": ends(evaluation.roc_auc) if evaluation.roc_auc else None,
        "mean_confidence": evaluation.mean_confidence,
        "per_class": described_classes(evaluation.per_class),
        "labels": list(evaluation.labels),
        "confusion_matrix": [list(row) for row in evaluation.confusion],
        "latency": asdict(evaluation.latency),
        "calibration_error": evaluation.calibration.error.value,
        "calibration_error_interval": ends(evaluation.calibration.error),
        "brier": evaluation.calibration.brier,
        "log_loss": evaluation.calibration.log_loss,
        "abstain_below": evaluation.answered.abstain_below,
        "coverage": evaluation.answered.coverage.value,
        "coverage_interval": ends(evaluation.answered.coverage),
        "accuracy_answered": evaluation.answered.accuracy.value,
        "accuracy_answered_interval": ends(evaluation.answered.accuracy),
        "coverage_at_90": evaluation.answered.coverage_at_90,
    }


def show(name: str, evaluation: Evaluation | LabelSetEvaluation) -> None:
    """An evaluation as a table."""
    say_table(
        ("class", "precision", "recall", "F1", "documents"),
        [
            (
                metrics.label,
                written(metrics.precision),
                written(metrics.recall),
                written(metrics.f1),
                metrics.support,
            )
            for metrics in evaluation.per_class
        ],
        title=f"{name} on {evaluation.rows:,} documents",
    )
    if isinstance(evaluation, LabelSetEvaluation):
        show_label_sets(evaluation)
    else:
        say(f"accuracy {written(evaluation.accuracy)}, macro F1 {written(evaluation.macro_f1)}")
    latency = evaluation.latency
    say(f"latency of one text: p50 {latency.p50_ms:.1f} ms, p95 {latency.p95_ms:.1f} ms")
