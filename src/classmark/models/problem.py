"""One label for each text, or several: what sets the two problems apart."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

USUAL_THRESHOLD = 0.5
# The best threshold for a label of fewer texts is one for these very texts (Yang 2001).
_FEWEST_FOR_ITS_OWN = 10
_FEWEST_FOR_ANY = 5
# Probabilities that differ by less count as one: an export may move them by so much.
_GAP = 1e-4


class Problem(StrEnum):
    """How many labels a text has: exactly one, or any number of those that are known."""

    SINGLE_LABEL = "single-label"
    MULTI_LABEL = "multi-label"


def chosen_thresholds(
    probabilities: NDArray[np.float64], targets: NDArray[np.float32]
) -> tuple[float, ...]:
    """For each label the probability from which on it is given, so that its F1 is highest.

    It lies half-way between two probabilities that occur and are at least 0.0001 apart, so that the
    last digits of an export decide nothing; or below all of them. Labels that fewer than ten of
    the texts have share one threshold, as if they were one label. It is 0.5 where they are fewer
    than five even so, and where all probabilities are alike and most texts lack the label.

    Args:
        probabilities: Of texts that were not learned from, shape (texts, labels).
        targets: 1 where a text has a label, else 0, shape (texts, labels).
    """
    has = targets > 0
    rare = has.sum(0) < _FEWEST_FOR_ITS_OWN
    shared = _threshold(probabilities[:, rare].ravel(), has[:, rare].ravel())
    return tuple(
        shared if rare[label] else _threshold(probabilities[:, label], has[:, label])
        for label in range(len(rare))
    )


def decided(
    probabilities: NDArray[np.float64], thresholds: Sequence[float]
) -> NDArray[np.bool_] | NDArray[np.int64]:
    """What is given to each text.

    Args:
        probabilities: Shape (texts, labels).
        thresholds: Of each label; empty where a text has exactly one.

    Returns:
        The column of its label, shape (texts, 1); with thresholds, whether it is given each label,
        shape (texts, labels).
    """
    if not len(thresholds):
        columns: NDArray[np.int64] = probabilities.argmax(1)
        return columns[:, np.newaxis]
    given: NDArray[np.bool_] = probabilities >= np.array(thresholds)
    return given


def _threshold(probabilities: NDArray[np.float64], has: NDArray[np.bool_]) -> float:
    if has.sum() < _FEWEST_FOR_ANY:
        return USUAL_THRESHOLD
    if np.ptp(probabilities) < _GAP and 2 * has.sum() < len(has):
        # F1 alone would give to all texts what nothing speaks for, however few have it.
        return USUAL_THRESHOLD
    order = np.argsort(-probabilities, kind="stable")
    ordered, hits = probabilities[order], has[order].cumsum()
    given = np.arange(1, len(order) + 1)
    lower = np.append(ordered[1:], 0.0)
    is_wide = ordered - lower >= _GAP
    # No probability is below 0: from there on all texts are given the label, whatever the gap.
    thresholds = np.where(is_wide, (ordered + lower) / 2, 0.0)
    is_wide[-1] = True
    f1 = np.where(is_wide, 2 * hits / (given + has.sum()), 0.0)
    return float(thresholds[f1.argmax()])
