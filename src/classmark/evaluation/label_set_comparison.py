"""Two classifiers on the same rows, which may have several labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.comparison import Comparison, PairedFigure, compared
from classmark.evaluation.intervals import SEED, corrected, row_draws
from classmark.evaluation.label_sets import Matrix, affordable_draws, membership

_COUNTS_OF_TWO = 5


def compare_label_sets(
    truth: Sequence[Sequence[str]],
    a: Sequence[Sequence[str]],
    b: Sequence[Sequence[str]],
    labels: Sequence[str],
) -> Comparison:
    """Compare two lists of label sets that were given to the same rows.

    An answer is right if it has all labels of its row and no other. McNemar's test and the interval
    of the difference are of right answers, those of each label of the rows that have it; micro F1
    has a paired bootstrap over rows.

    Args:
        truth: The labels of each row.
        a: What the first gives.
        b: What the second gives.
        labels: All of them, in order.

    Raises:
        RecordError: There are no rows.
    """
    has, of_a, of_b = (membership(sets, labels) for sets in (truth, a, b))
    of_label = {
        label: (of_a[rows, at], of_b[rows, at])
        for at, label in enumerate(labels)
        if (rows := has[:, at]).any()
    }
    return compared(
        (of_a == has).all(1),
        (of_b == has).all(1),
        (of_a == of_b).all(1),
        of_label,
        _paired_micro_f1(has, of_a, of_b) if len(has) else None,
    )


def _paired_micro_f1(has: Matrix, a: Matrix, b: Matrix) -> PairedFigure:
    counts = np.column_stack([(has & a).sum(1), a.sum(1), (has & b).sum(1), b.sum(1), has.sum(1)])
    draws = row_draws(len(has), affordable_draws(len(has), _COUNTS_OF_TWO), SEED)
    first, second = _micro_f1s(counts.sum(0))
    drawn = [np.subtract(*reversed(_micro_f1s(weights @ counts))) for weights in draws]
    difference = float(second - first)
    return PairedFigure(float(first), float(second), corrected(difference, np.concatenate(drawn)))


def _micro_f1s(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of both, by rightly given and given labels of each and those that are true, shape (...)."""
    right_a, given_a, right_b, given_b, true = np.moveaxis(counts, -1, 0)
    return 2 * right_a / (given_a + true), 2 * right_b / (given_b + true)
