"""How well probabilities put the rows of a class above the others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.intervals import SEED, Estimate, corrected, proportion, row_draws

_MOST_RESAMPLES = 1000
_FEWEST_RESAMPLES = 200
# So many rows times classes times draws take about half a second.
_AFFORDABLE = 60_000_000


@dataclass(frozen=True, slots=True)
class _Ranking:
    """The rows of one class among all, by the probability of that class.

    Attributes:
        order: Rows, the least probable first.
        negative: Of each row in this order, whether it is of another class.
        positives: The rows of the class.
        below: Of each of these, how many rows are less probable.
        reached: Of each of these, how many rows are at most as probable.
    """

    order: NDArray[np.int64]
    negative: NDArray[np.bool_]
    positives: NDArray[np.int64]
    below: NDArray[np.int64]
    reached: NDArray[np.int64]


def roc_auc(expected: NDArray[np.int64], probabilities: NDArray[np.float64]) -> Estimate | None:
    """The mean area under the ROC curve, one class against the rest: see `mean_roc_auc`.

    Args:
        expected: The class of each row.
        probabilities: Shape (rows, classes).
    """
    return mean_roc_auc(expected[:, np.newaxis] == range(probabilities.shape[1]), probabilities)


def mean_roc_auc(has: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Estimate | None:
    """The mean area under the ROC curve over the classes, with its interval.

    The area is the chance that a row of the class is more probable than one of another class
    (Hanley and McNeil 1982); equal ones count half. The mean is over the classes that have rows
    while others have some too; None where there are none. The interval is a bias-corrected
    bootstrap over rows. Where every row is ranked rightly nothing can be redrawn: then it is
    Wilson's of as many rows that are all right.

    Args:
        has: Whether a row is of a class, shape (rows, classes).
        probabilities: Of the same shape.
    """
    classes = np.flatnonzero(has.any(0) & ~has.all(0))
    if not classes.size:
        return None
    rankings = [_ranking(has[:, index], probabilities[:, index]) for index in classes]
    rows = len(has)
    value = float(_mean_area(rankings, np.ones((1, rows), dtype=np.float32))[0])
    if value in {0.0, 1.0}:
        return proportion(round(value * rows), rows)
    resamples = _AFFORDABLE // (rows * len(classes))
    resamples = min(max(resamples, _FEWEST_RESAMPLES), _MOST_RESAMPLES)
    drawn = [
        _mean_area(rankings, weights.astype(np.float32))
        for weights in row_draws(rows, resamples, SEED)
    ]
    return corrected(value, np.concatenate(drawn))


def _ranking(is_positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> _Ranking:
    order = np.argsort(scores, kind="stable")
    positives = np.flatnonzero(is_positive)
    ranked = scores[order]
    return _Ranking(
        order,
        ~is_positive[order],
        positives,
        np.searchsorted(ranked, scores[positives], side="left"),
        np.searchsorted(ranked, scores[positives], side="right"),
    )


def _mean_area(rankings: list[_Ranking], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean area of each draw over the classes that it has, NaN where it has but one.

    Args:
        rankings: Of the classes.
        weights: How often each row was drawn, shape (draws, rows).
    """
    areas = np.stack([_area(ranking, weights) for ranking in rankings])
    known = ~np.isnan(areas)
    number = known.sum(0)
    summed = np.where(known, areas, 0).sum(0)
    found: NDArray[np.float64] = np.where(number, summed / np.maximum(number, 1), np.nan)
    return found


def _area(ranking: _Ranking, weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """The area of one class in each draw, shape (draws,)."""
    passed = np.zeros((len(weights), weights.shape[1] + 1), dtype=np.float32)
    # Whole numbers, which single precision holds exactly up to 16 million rows.
    np.cumsum(weights[:, ranking.order] * ranking.negative, axis=1, out=passed[:, 1:])
    beaten = (passed[:, ranking.below] + passed[:, ranking.reached]) / 2
    own = weights[:, ranking.positives]
    won = (own * beaten).sum(1, dtype=np.float64)
    pairs = own.sum(1, dtype=np.float64) * passed[:, -1]
    return np.where(pairs, won / np.maximum(pairs, 1), np.nan)
