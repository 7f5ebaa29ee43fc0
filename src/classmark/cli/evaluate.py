"""`classmark evaluate`."""

from typing import Annotated, Any

import typer

from classmark.assembly import existing_home, utc_now
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
from classmark.cli.terminal import Bars, keep_result, say, say_table
from classmark.evaluation import Estimate, Evaluation, ReportHeading, assess, write_report
from classmark.serving import load_served_model

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
    model = load_served_model(place.registry, reference)
    version = model.version
    documents = labelled_documents(place, source, parsed_fields(text_fields, label_field))
    assessment = assess(model.classifier, documents, threads=place.threads, progress=Bars())
    heading = ReportHeading(version.name, source, utc_now())
    report = write_report(assessment, heading, place.reports)
    show(version.name, assessment.evaluation)
    warn_of_learned(place, [version], documents)
    say(f"Report: {report / 'report.html'}")
    keep_result(
        json,
        {
            "model": version.model,
            "version": str(version.version),
            "source": source,
            **describe(assessment.evaluation),
            "report": str(report),
        },
    )


def describe(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as the JSON result has it."""
    return {
        "n": evaluation.rows,
        "accuracy": evaluation.accuracy.value,
        "accuracy_interval": _ends(evaluation.accuracy),
        "macro_f1": evaluation.macro_f1.value,
        "macro_f1_interval": _ends(evaluation.macro_f1),
        "micro_f1": evaluation.micro_f1.value,
        "weighted_f1": evaluation.weighted_f1.value,
        "weighted_f1_interval": _ends(evaluation.weighted_f1),
        "macro_precision": evaluation.macro_precision,
        "macro_recall": evaluation.macro_recall,
        "roc_auc": evaluation.roc_auc,
        "mean_confidence": evaluation.mean_confidence,
        "per_class": {
            metrics.label: {
                "precision": metrics.precision.value,
                "precision_interval": _ends(metrics.precision),
                "recall": metrics.recall.value,
                "recall_interval": _ends(metrics.recall),
                "f1": metrics.f1,
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
                f"{metrics.f1:.3f}",
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
