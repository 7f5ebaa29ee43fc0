"""How good a classifier is whose texts may have several labels.

With an interval on every figure: Wilson's of shares of independent rows, else a bootstrap over
rows, corrected for bias. To either side the interval of an average reaches at least as far as that
of subset accuracy: of labels that few rows have, the bootstrap has next to nothing to redraw.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.class_counts import ClassCounts
from classmark.evaluation.intervals import (
    RESAMPLES,
    SEED,
    Estimate,
    corrected,
    no_surer_than,
    proportion,
    row_draws,
)
from classmark.evaluation.metrics import ClassMetrics, Latency, class_metrics
from classmark.evaluation.ranking import mean_roc_auc
from classmark.models import decided

_FIGURES = ("precision", "recall", "f1")
_FEWEST_RESAMPLES = 200
# So many rows times figures times draws take about half a second.
_AFFORDABLE = 600_000_000

Matrix = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Averages:
    """Precision, recall and F1, averaged in one way."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True, slots=True)
class LabelSetEvaluation:
    """What was measured on rows that may have several labels.

    Attributes:
        rows: How many.
        accuracy: The share of rows that are given all their labels and no other (subset accuracy).
        hamming_loss: Of all decisions, one for each row and label, the share that is wrong.
        micro: Over all decisions together.
        macro: The mean over the labels that occur, as truth or as answer.
        weighted: The mean over labels, weighted by support.
        samples: The mean over rows; a row that is given nothing counts 0.
        roc_auc: The mean over the labels that some rows have and others don't; None where there is
            no such label.
        labels_true: The mean number of labels that a row has.
        labels_given: The mean number that it is given.
        per_class: One label against its absence, in the order of labels.
        labels: All of them.
        thresholds: The probability from which on each was given.
        latency: Of one text at a time.
    """

    rows: int
    accuracy: Estimate
    hamming_loss: Estimate
    micro: Averages
    macro: Averages
    weighted: Averages
    samples: Averages
    roc_auc: Estimate | None
    labels_true: float
    labels_given: float
    per_class: tuple[ClassMetrics, ...]
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    latency: Latency

    @property
    def macro_f1(self) -> Estimate:
        """As an evaluation of one label a row names it."""
        return self.macro.f1


def measure_label_sets(
    truth: Sequence[Sequence[str]],
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
    thresholds: tuple[float, ...],
    latency: Latency,
) -> LabelSetEvaluation:
    """The figures of a classifier on rows that may have several labels.

    Args:
        truth: The labels of each row; all of them occur in `labels`.
        probabilities: Shape (rows, labels).
        labels: All of them.
        thresholds: The probability from which on each is given.
        latency: As it was measured beside.
    """
    has = membership(truth, labels)
    given = decided(probabilities, thresholds) > 0
    drawn = _Drawn(has, given)
    counts = (drawn.of_rows.right, drawn.of_rows.support, drawn.of_rows.given)
    return LabelSetEvaluation(
        rows=len(truth),
        accuracy=drawn.accuracy,
        hamming_loss=drawn.row_mean("wrong"),
        micro=drawn.averages("micro"),
        macro=drawn.averages("macro"),
        weighted=drawn.averages("weighted"),
        samples=drawn.samples(),
        roc_auc=mean_roc_auc(has, probabilities),
        labels_true=float(has.sum(1).mean()),
        labels_given=float(given.sum(1).mean()),
        per_class=tuple(
            class_metrics(label, *map(int, three))
            for label, *three in zip(labels, *counts, strict=True)
        ),
        labels=labels,
        thresholds=thresholds,
        latency=latency,
    )


def membership(sets: Sequence[Sequence[str]], labels: Sequence[str]) -> Matrix:
    """Whether each row has each label, shape (rows, labels)."""
    column = {label: at for at, label in enumerate(labels)}
    found = np.zeros((len(sets), len(column)), bool)
    for row, of_row in enumerate(sets):
        found[row, [column[label] for label in of_row]] = True
    return found


def affordable_draws(rows: int, figures: int) -> int:
    """How often rows can be redrawn, where each has so many figures."""
    return min(max(_AFFORDABLE // (rows * figures), _FEWEST_RESAMPLES), RESAMPLES)


class _Drawn:
    """Figures of rows, and of the same rows redrawn many times."""

    def __init__(self, has: Matrix, given: Matrix) -> None:
        self._has, self._given = has, given
        self.accuracy = proportion(int((has == given).all(1).sum()), len(has))
        right = (has & given).sum(1)
        self._of_each = {
            "wrong": (has != given).mean(1),
            "precision": right / np.maximum(given.sum(1), 1),
            "recall": right / np.maximum(has.sum(1), 1),
            "f1": 2 * right / np.maximum(has.sum(1) + given.sum(1), 1),
        }
        self.of_rows = ClassCounts((has & given).sum(0), has.sum(0), given.sum(0))

    def row_mean(self, name: str) -> Estimate:
        """The mean over rows of a figure that each row has."""
        value = float(self._of_each[name].mean())
        place = list(self._of_each).index(name)
        return self._estimate(value, self._means[:, place] / len(self._has))

    def averages(self, how: str) -> Averages:
        """Precision, recall and F1 as `ClassCounts` averages them."""
        names = [f"{how}_{figure}" for figure in _FIGURES]
        return self._as_sure_as_rows(
            self._estimate(float(getattr(self.of_rows, name)), getattr(self._counts, name))
            for name in names
        )

    def samples(self) -> Averages:
        """Precision, recall and F1 of each row, averaged over rows."""
        return self._as_sure_as_rows(self.row_mean(name) for name in _FIGURES)

    def _as_sure_as_rows(self, estimates: Iterable[Estimate]) -> Averages:
        return Averages(*(no_surer_than(self.accuracy, estimate) for estimate in estimates))

    def _estimate(self, value: float, figures: NDArray[np.float64]) -> Estimate:
        if value in {0.0, 1.0}:
            # Nothing can be redrawn: as sure as so many rows that are all alike.
            return proportion(round(value * len(self._has)), len(self._has))
        return corrected(value, figures)

    @property
    def _means(self) -> NDArray[np.float64]:
        return self._sums[:, : len(self._of_each)]

    @property
    def _counts(self) -> ClassCounts:
        """Of each draw, shape (draws, labels)."""
        counts = self._sums[:, len(self._of_each) :].round().astype(np.int64)
        return ClassCounts(*np.split(counts, 3, axis=1))

    @cached_property
    def _sums(self) -> NDArray[np.float64]:
        """The figures of each row and its three counts for each label, summed over each draw."""
        counted = (self._has & self._given, self._has, self._given)
        columns = np.column_stack([*self._of_each.values(), *counted]).astype(np.float64)
        resamples = affordable_draws(*columns.shape)
        drawn = row_draws(len(columns), resamples, SEED)
        return np.concatenate([weights @ columns for weights in drawn])
