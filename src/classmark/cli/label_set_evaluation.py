"""Figures of label sets, as JSON and as lines."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from classmark.cli.terminal import say
from classmark.evaluation import Averages, ClassMetrics, Estimate, LabelSetEvaluation


def describe_label_sets(evaluation: LabelSetEvaluation) -> dict[str, Any]:
    """The figures of label sets as the JSON result has them."""
    averages = {
        name: figure
        for how in ("micro", "macro", "weighted", "samples")
        for name, figure in _named(how, getattr(evaluation, how)).items()
    }
    overall = {
        "accuracy": evaluation.accuracy,
        "hamming_loss": evaluation.hamming_loss,
        **averages,
        "roc_auc": evaluation.roc_auc,
    }
    return {
        "problem": "multi-label",
        "n": evaluation.rows,
        **{name: one.value if one else None for name, one in overall.items()},
        **{f"{name}_interval": ends(one) if one else None for name, one in overall.items()},
        "labels_true": evaluation.labels_true,
        "labels_given": evaluation.labels_given,
        "per_class": described_classes(evaluation.per_class),
        "labels": list(evaluation.labels),
        "thresholds": list(evaluation.thresholds),
        "latency": asdict(evaluation.latency),
    }


def show_label_sets(evaluation: LabelSetEvaluation) -> None:
    """The overall figures in a few lines."""
    say(
        f"subset accuracy {written(evaluation.accuracy)}, "
        f"Hamming loss {written(evaluation.hamming_loss)}"
    )
    say(
        f"F1: micro {written(evaluation.micro.f1)}, macro {written(evaluation.macro.f1)}, "
        f"by document {written(evaluation.samples.f1)}"
    )
    say(f"{evaluation.labels_true:.2f} labels a document, {evaluation.labels_given:.2f} are given")


def described_classes(classes: Sequence[ClassMetrics]) -> dict[str, Any]:
    """The figures of each class as the JSON result has them."""
    return {
        one.label: {
            "precision": one.precision.value,
            "precision_interval": ends(one.precision),
            "recall": one.recall.value,
            "recall_interval": ends(one.recall),
            "f1": one.f1.value,
            "f1_interval": ends(one.f1),
            "support": one.support,
        }
        for one in classes
    }


def ends(estimate: Estimate) -> list[float]:
    """The ends of an interval."""
    return [estimate.low, estimate.high]


def written(estimate: Estimate) -> str:
    """A figure and its interval as people read them."""
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _named(how: str, averages: Averages) -> dict[str, Estimate]:
    return {
        f"{how}_precision": averages.precision,
        f"{how}_recall": averages.recall,
        f"{how}_f1": averages.f1,
    }
