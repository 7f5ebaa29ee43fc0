"""What a version's metadata says of every training, be it of texts or of a table."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from classmark.datasets import Dataset, TableDataset
from classmark.evaluation import Evaluation, LabelSetEvaluation
from classmark.training import TrainedModel, TrainedTable, git_commit, library_versions

# Of the classes that are taken for one another, so many pairs are worth a look.
_CONFUSIONS = 10


def dataset_facts(dataset: Dataset | TableDataset) -> dict[str, Any]:
    """Which snapshot was learned from, and where that came from."""
    return {
        "name": dataset.name,
        "snapshot": dataset.snapshot_id,
        "fingerprint": dataset.fingerprint,
        "source": dict(dataset.source),
        "samples": sum(dataset.sizes().values()),
        "split": dataset.sizes(),
        "recipe": dict(dataset.recipe),
    }


def training_facts(trained: TrainedModel | TrainedTable) -> dict[str, Any]:
    """What learned, how, from which code, and what the gate found."""
    return {
        "family": trained.recipe.family,
        "hyperparameters": dict(trained.parameters),
        "seed": trained.recipe.seed,
        "training_seconds": round(trained.seconds, 3),
        "parity": asdict(trained.outcome.parity),
        "details": dict(trained.outcome.details),
        "git_commit": git_commit(),
        "libraries": library_versions(),
    }


def figures(evaluation: Evaluation | LabelSetEvaluation) -> Mapping[str, Any]:
    """The main figures of a classifier, and those of each class."""
    if isinstance(evaluation, LabelSetEvaluation):
        return _label_set_figures(evaluation)
    return {
        "rows": evaluation.rows,
        "accuracy": evaluation.accuracy.value,
        "accuracy_low": evaluation.accuracy.low,
        "accuracy_high": evaluation.accuracy.high,
        "macro_f1": evaluation.macro_f1.value,
        "mean_confidence": evaluation.mean_confidence,
        "calibration_error": evaluation.calibration.error.value,
        "coverage": evaluation.answered.coverage.value,
        "accuracy_answered": evaluation.answered.accuracy.value,
        "latency_p50_ms": evaluation.latency.p50_ms,
        "latency_p95_ms": evaluation.latency.p95_ms,
        "macro_f1_low": evaluation.macro_f1.low,
        "macro_f1_high": evaluation.macro_f1.high,
        "per_class": _class_figures(evaluation),
        "confusions": _worst_confusions(evaluation),
    }


def _label_set_figures(evaluation: LabelSetEvaluation) -> Mapping[str, Any]:
    overall = {
        "accuracy": evaluation.accuracy,
        "hamming_loss": evaluation.hamming_loss,
        "macro_f1": evaluation.macro.f1,
        "micro_f1": evaluation.micro.f1,
        "weighted_f1": evaluation.weighted.f1,
        "samples_f1": evaluation.samples.f1,
        **({"roc_auc": evaluation.roc_auc} if evaluation.roc_auc else {}),
    }
    return {
        "rows": evaluation.rows,
        **{
            f"{name}{end}": getattr(estimate, key)
            for name, estimate in overall.items()
            for end, key in (("", "value"), ("_low", "low"), ("_high", "high"))
        },
        "latency_p50_ms": evaluation.latency.p50_ms,
        "latency_p95_ms": evaluation.latency.p95_ms,
        "per_class": _class_figures(evaluation),
    }


def _class_figures(
    evaluation: Evaluation | LabelSetEvaluation,
) -> dict[str, dict[str, float]]:
    """Precision, recall with its interval, F1 and support of each class."""
    return {
        found.label: {
            "precision": found.precision.value,
            "recall": found.recall.value,
            "recall_low": found.recall.low,
            "recall_high": found.recall.high,
            "f1": found.f1.value,
            "support": found.support,
        }
        for found in evaluation.per_class
    }


def _worst_confusions(evaluation: Evaluation) -> list[dict[str, str | int]]:
    """Which class is taken for which most often, with the number of rows that have the first."""
    found = [
        (rows, true, given, sum(counts))
        for true, counts in zip(evaluation.labels, evaluation.confusion, strict=True)
        for given, rows in zip(evaluation.labels, counts, strict=True)
        if rows and true != given
    ]
    worst = sorted(found, key=lambda one: -one[0])[:_CONFUSIONS]
    return [
        {"true": true, "given": given, "rows": rows, "support": support}
        for rows, true, given, support in worst
    ]
