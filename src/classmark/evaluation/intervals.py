"""How far a measured figure can be trusted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

CONFIDENCE = 0.95
_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % confidence interval.

    Attributes:
        value: The figure itself.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def proportion(successes: int, trials: int) -> Estimate:
    """A share with its interval by Wilson (1927), which holds for few trials and near 0 and 1."""
    if trials == 0:
        return Estimate(0.0, 0.0, 1.0)
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(successes / trials, float(interval.low), float(interval.high))


def bootstrap(
    confusion: NDArray[np.int64], figure: Callable[[NDArray[np.int64]], float], seed: int
) -> Estimate:
    """A figure of a confusion matrix with its percentile bootstrap interval (Efron 1979).

    To draw rows anew is to draw the matrix's cells from a multinomial distribution, so that no row
    need be touched.

    Args:
        confusion: Counts, shape (classes, classes), true classes down.
        figure: Takes a matrix of that shape.
        seed: The same seed gives the same interval.
    """
    total = int(confusion.sum())
    cells = confusion.ravel() / total
    draws = np.random.default_rng(seed).multinomial(total, cells, size=_RESAMPLES)
    figures = [figure(draw.reshape(confusion.shape)) for draw in draws]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(figures, [tail, 1 - tail])
    return Estimate(figure(confusion), float(low), float(high))
