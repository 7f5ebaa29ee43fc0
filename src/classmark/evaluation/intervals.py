"""How far a measured figure can be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 42
# Standard deviations to either side that hold 95 % of a normal distribution.
_DEVIATIONS = float(norm.ppf((1 + CONFIDENCE) / 2))
# Figures that differ by less do so by rounding.
_EQUAL = 1e-12
# How many numbers are drawn at once: more would not fit into the processor's cache.
_DRAWN_AT_ONCE = 250_000


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
    share, squared = successes / trials, _DEVIATIONS**2 / trials
    centre = (share + squared / 2) / (1 + squared)
    reach = sqrt(share * (1 - share) * squared + squared**2 / 4) / (1 + squared)
    return Estimate(
        share, max(0.0, min(centre - reach, share)), min(1.0, max(centre + reach, share))
    )


def row_draws(rows: int, resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each row comes in each draw with replacement, shape (some draws, rows) at a time.

    Args:
        rows: As many are drawn as there are.
        resamples: Draws in all.
        seed: The same seed gives the same draws.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // rows)
    for start in range(0, resamples, at_once):
        number = min(at_once, resamples - start)
        chosen = rng.integers(0, rows, (number, rows)) + np.arange(number)[:, np.newaxis] * rows
        yield np.bincount(chosen.ravel(), minlength=number * rows).reshape(number, rows)


def corrected(value: float, figures: NDArray[np.float64]) -> Estimate:
    """A figure with the interval that its redrawn values give, corrected for bias (Efron 1981).

    Args:
        value: Of the rows themselves.
        figures: Of each draw; NaN where a draw has none.
    """
    figures = figures[~np.isnan(figures)]
    if not figures.size:
        return Estimate(value, value, value)
    low, high = np.quantile(figures, _corrected_tails(figures, value))
    return Estimate(value, float(low), float(high))


def no_surer_than(accuracy: Estimate, estimate: Estimate) -> Estimate:
    """The estimate, its interval no shorter to either side than that of accuracy."""
    low = min(estimate.low, estimate.value - (accuracy.value - accuracy.low))
    high = max(estimate.high, estimate.value + (accuracy.high - accuracy.value))
    return Estimate(estimate.value, max(low, 0.0), min(high, 1.0))


def _corrected_tails(figures: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """Which quantiles of the drawn figures bound the interval, shape (2,).

    They move with the share of draws that lie below the value; draws equal to it count half.
    """
    tail = (1 - CONFIDENCE) / 2
    below = (np.mean(figures < value - _EQUAL) + np.mean(figures < value + _EQUAL)) / 2
    bias = norm.ppf(np.clip(below, tail, 1 - tail))
    tails: NDArray[np.float64] = norm.cdf(2 * bias + norm.ppf([tail, 1 - tail]))
    return tails
