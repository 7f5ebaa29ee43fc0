"""How good a classifier is, with an interval on every figure that has one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.abstention import Answered, answered_share
from classmark.evaluation.calibration import CalibrationQuality, calibration_quality
from classmark.evaluation.class_counts import confusion_of, counts_of, redrawn
from classmark.evaluation.intervals import Estimate, corrected, no_surer_than, proportion
from classmark.evaluation.ranking import roc_auc


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """One class against the rest.

    Attributes:
        label: The class.
        precision: Of what was given this label, the share that has it.
        recall: Of what has this label, the share that was given it.
        f1: Their harmonic mean.
        support: Rows that have it.
    """

    label: str
    precision: Estimate
    recall: Estimate
    f1: Estimate
    support: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one answer takes, in milliseconds."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class MacroFigures:
    """Means over classes.

    Those that are macro are over the classes that occur, as truth or as answer; a class that was
    never given, or that no row has, counts 0.

    Attributes:
        precision: The macro mean.
        recall: The macro mean.
        f1: The macro mean.
        weighted_f1: The mean over all classes, weighted by support.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    weighted_f1: Estimate


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured on labelled rows.

    Attributes:
        rows: How many.
        accuracy: The share of right answers.
        macro_f1: The mean over the classes that occur, as truth or as answer; a class that was
            never given, or that no row has, counts 0.
        micro_f1: Equal to accuracy where every row has one label.
        weighted_f1: The mean over classes, weighted by support.
        macro_precision: The mean over the same classes.
        macro_recall: The mean over the same classes.
        roc_auc: One class against the rest, mean over the classes that have rows; None
            where all rows have the same class.
        mean_confidence: Of the given labels.
        per_class: In the order of labels.
        labels: The classes.
        confusion: Counts, true classes down, given classes across.
        latency: Of one text at a time.
        calibration: How far the probabilities can be taken at their word.
        answered: What the classifier's threshold lets through.
    """

    rows: int
    accuracy: Estimate
    macro_f1: Estimate
    micro_f1: Estimate
    weighted_f1: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    roc_auc: Estimate | None
    mean_confidence: float
    per_class: tuple[ClassMetrics, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    latency: Latency
    calibration: CalibrationQuality
    answered: Answered


def measure(
    truth: Sequence[str],
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
    latency: Latency,
    abstain_below: float | None = None,
) -> Evaluation:
    """The figures of a classifier on labelled rows.

    Args:
        truth: The label of each row; all of them occur in `labels`.
        probabilities: Shape (rows, classes), classes in the order of `labels`.
        labels: The classes.
        latency: As it was measured beside.
        abstain_below: The lowest confidence that is answered; None answers all.
    """
    expected = np.array([labels.index(label) for label in truth])
    given = probabilities.argmax(1)
    counts = confusion_of(expected, given, len(labels))
    given_each = counts.sum(0)
    accuracy = proportion(int(np.trace(counts)), len(truth))
    macro = macro_figures(counts)
    return Evaluation(
        rows=len(truth),
        accuracy=accuracy,
        macro_f1=macro.f1,
        micro_f1=accuracy,
        weighted_f1=macro.weighted_f1,
        macro_precision=macro.precision,
        macro_recall=macro.recall,
        roc_auc=roc_auc(expected, probabilities),
        mean_confidence=float(probabilities.max(1).mean()),
        per_class=tuple(
            class_metrics(label, int(counts[at, at]), int(counts[at].sum()), int(given_each[at]))
            for at, label in enumerate(labels)
        ),
        labels=labels,
        confusion=tuple(tuple(map(int, row)) for row in counts),
        latency=latency,
        calibration=calibration_quality(probabilities, expected),
        answered=answered_share(probabilities.max(1), given == expected, abstain_below),
    )


def macro_figures(confusion: NDArray[np.int64]) -> MacroFigures:
    """The means over the classes of a confusion matrix, with bias-corrected bootstrap intervals.

    To either side an interval reaches at least as far as Wilson's interval of accuracy does: where
    hardly any answer is wrong, or hardly any right, the bootstrap has next to nothing to redraw.

    Args:
        confusion: Counts, shape (classes, classes), true classes down; one at least is not 0.
    """
    counts, draws = counts_of(confusion), redrawn(confusion)
    accuracy = proportion(int(counts.right.sum()), int(counts.support.sum()))

    def estimate(figure: str) -> Estimate:
        drawn = corrected(float(getattr(counts, figure)), getattr(draws, figure))
        return no_surer_than(accuracy, drawn)

    return MacroFigures(
        precision=estimate("macro_precision"),
        recall=estimate("macro_recall"),
        f1=estimate("macro_f1"),
        weighted_f1=estimate("weighted_f1"),
    )


def latency_of(seconds: Sequence[float]) -> Latency:
    """The usual figures of single durations."""
    mean = float(np.mean(seconds))
    p50, p95, p99 = (float(value) for value in np.quantile(seconds, [0.5, 0.95, 0.99]))
    return Latency(*(round(value * 1000, 3) for value in (mean, p50, p95, p99)))


def class_metrics(label: str, right: int, support: int, given: int) -> ClassMetrics:
    """The figures of one class by its three counts, which are those of `ClassCounts`."""
    return ClassMetrics(
        label=label,
        precision=proportion(right, given),
        recall=proportion(right, support),
        f1=_f1(right, support + given - right),
        support=support,
    )


def _f1(right: int, involved: int) -> Estimate:
    """F1 with its interval.

    Of the rows that have the class or were given it, those that are right are a share J, and F1 is
    2 J / (1 + J), which rises with J: so the ends of Wilson's interval of J are those of F1.
    """
    share = proportion(right, involved)
    value, low, high = (2 * j / (1 + j) for j in (share.value, share.low, share.high))
    return Estimate(value, low, high)
