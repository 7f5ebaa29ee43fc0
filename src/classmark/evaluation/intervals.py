"""How far a measured figure can be trusted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, norm

CONFIDENCE = 0.95
_RESAMPLES = 2000
# Figures that differ by less do so by rounding.
_EQUAL = 1e-12


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
    """A figure of a confusion matrix with its bias-corrected bootstrap interval (Efron 1981).

    To draw rows anew is to draw the matrix's cells from a multinomial distribution, so that no row
    need be touched. The correction matters: F1 of few rows a class falls when rows are drawn twice,
    so that plain percentiles would lie too low.

    Args:
        confusion: Counts, shape (classes, classes), true classes down.
        figure: Takes a matrix of that shape.
        seed: The same seed gives the same interval.
    """
    # Cells without rows stay so in every draw; with many classes nearly all are of these.
    places = np.nonzero(confusion)
    found = confusion[places]
    draws = np.random.default_rng(seed).multinomial(found.sum(), found / found.sum(), _RESAMPLES)
    drawn = np.zeros_like(confusion)
    figures = np.empty(_RESAMPLES)
    for index, draw in enumerate(draws):
        drawn[places] = draw
        figures[index] = figure(drawn)
    value = figure(confusion)
    low, high = np.quantile(figures, _corrected_tails(figures, value))
    return Estimate(value, float(low), float(high))


def _corrected_tails(figures: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """Which quantiles of the drawn figures bound the interval, shape (2,).

    They move with the share of draws that lie below the value; draws equal to it count half.
    """
    tail = (1 - CONFIDENCE) / 2
    below = (np.mean(figures < value - _EQUAL) + np.mean(figures < value + _EQUAL)) / 2
    bias = norm.ppf(np.clip(below, tail, 1 - tail))
    tails: NDArray[np.float64] = norm.cdf(2 * bias + norm.ppf([tail, 1 - tail]))
    return tails
