"""How good a classifier is, with an interval on every figure that has one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, roc_auc_score

from classmark.evaluation.intervals import Estimate, bootstrap, proportion

_SEED = 42


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
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one answer takes, in milliseconds."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


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
        roc_auc: One class against the rest, mean over classes; None where a class has no rows.
        mean_confidence: Of the given labels.
        per_class: In the order of labels.
        labels: The classes.
        confusion: Counts, true classes down, given classes across.
        latency: Of one text at a time.
    """

    rows: int
    accuracy: Estimate
    macro_f1: Estimate
    micro_f1: Estimate
    weighted_f1: Estimate
    macro_precision: float
    macro_recall: float
    roc_auc: float | None
    mean_confidence: float
    per_class: tuple[ClassMetrics, ...]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    latency: Latency


def measure(
    truth: Sequence[str],
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
    latency: Latency,
) -> Evaluation:
    """The figures of a classifier on labelled rows.

    Args:
        truth: The label of each row; all of them occur in `labels`.
        probabilities: Shape (rows, classes), classes in the order of `labels`.
        labels: The classes.
        latency: As it was measured beside.
    """
    expected = np.array([labels.index(label) for label in truth])
    given = probabilities.argmax(1)
    counts = confusion_matrix(expected, given, labels=range(len(labels))).astype(np.int64)
    accuracy = proportion(int(np.trace(counts)), len(truth))
    per_class = tuple(_class_metrics(counts, index, label) for index, label in enumerate(labels))
    occurring = [per_class[index] for index in np.flatnonzero(_occurs(counts))]
    return Evaluation(
        rows=len(truth),
        accuracy=accuracy,
        macro_f1=bootstrap(counts, _macro_f1, _SEED),
        micro_f1=accuracy,
        weighted_f1=bootstrap(counts, _weighted_f1, _SEED),
        macro_precision=float(np.mean([metrics.precision.value for metrics in occurring])),
        macro_recall=float(np.mean([metrics.recall.value for metrics in occurring])),
        roc_auc=_roc_auc(expected, probabilities),
        mean_confidence=float(probabilities.max(1).mean()),
        per_class=per_class,
        labels=labels,
        confusion=tuple(tuple(map(int, row)) for row in counts),
        latency=latency,
    )


def latency_of(seconds: Sequence[float]) -> Latency:
    """The usual figures of single durations."""
    mean = float(np.mean(seconds))
    p50, p95, p99 = (float(value) for value in np.quantile(seconds, [0.5, 0.95, 0.99]))
    return Latency(*(round(value * 1000, 3) for value in (mean, p50, p95, p99)))


def _class_metrics(counts: NDArray[np.int64], index: int, label: str) -> ClassMetrics:
    right = int(counts[index, index])
    support, given = int(counts[index].sum()), int(counts[:, index].sum())
    f1 = 2 * right / max(support + given, 1)
    return ClassMetrics(label, proportion(right, given), proportion(right, support), f1, support)


def _f1_per_class(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    doubled = 2 * np.diag(counts)
    total = counts.sum(0) + counts.sum(1)
    found: NDArray[np.float64] = doubled / np.maximum(total, 1)
    return found


def _occurs(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which classes occur, as truth or as answer."""
    found: NDArray[np.bool_] = (counts.sum(0) + counts.sum(1)) > 0
    return found


def _macro_f1(counts: NDArray[np.int64]) -> float:
    return float(_f1_per_class(counts)[_occurs(counts)].mean())


def _weighted_f1(counts: NDArray[np.int64]) -> float:
    return float(np.average(_f1_per_class(counts), weights=counts.sum(1)))


def _roc_auc(expected: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float | None:
    classes = probabilities.shape[1]
    if len(set(expected.tolist())) < classes:
        return None
    if classes == 2:
        return float(roc_auc_score(expected, probabilities[:, 1]))
    return float(roc_auc_score(expected, probabilities, multi_class="ovr"))
