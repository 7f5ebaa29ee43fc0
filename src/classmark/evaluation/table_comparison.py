"""Two models of tables on the same rows: is one better, and by how much?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.comparison import Comparison, compare
from classmark.evaluation.intervals import CONFIDENCE, SEED, Estimate, corrected, row_draws
from classmark.evaluation.significance import SIGNIFICANCE
from classmark.evaluation.table_assessment import TableAssessment

_RESAMPLES = 10_000
_NUMBERS_AT_ONCE = 4_000_000
# Of so many rows all changes of sign are gone through.
_ALL_SIGNS = 13
# Of a sum, in shares of what it sums up.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class NumberComparison:
    """What the same rows say of two models of a number.

    Attributes:
        rows: How many.
        mae_a: Mean absolute error of the first, in the target's unit.
        mae_b: Of the second.
        difference: Second minus first, with its paired 95 % interval; below 0 the second is better.
        share: The same as a share of the first's error, with an interval that holds for few rows
            too; of the second's error, where the first makes none.
        p_value: The share of ways to swap the two on some rows that give as large a difference.
        winner: "a", "b", or None where the interval holds 0 or the difference may be chance.
    """

    rows: int
    mae_a: float
    mae_b: float
    difference: Estimate
    share: Estimate
    p_value: float
    winner: str | None


def compare_tables(
    a: TableAssessment, b: TableAssessment
) -> Mapping[str, Comparison | NumberComparison]:
    """Compare two models target by target.

    Args:
        a: The first model on some rows.
        b: The second on the same rows, with the same targets.
    """
    return {
        one.name: _compared(a.truth[one.name].to_numpy(), one.values, other.values)
        for one, other in zip(a.predictions, b.predictions, strict=True)
    }


def compare_numbers(
    truth: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NumberComparison:
    """Compare two lists of predicted numbers by their absolute errors.

    The interval is a paired bootstrap. Of few rows it is too short: what it says counts only where
    a permutation test (Fisher 1935), which holds for any number of rows, agrees. The interval of
    the share is as long as the longer of the bootstrap's and of what such tests leave possible.

    Args:
        truth: Shape (rows,), one row at least.
        a: What the first says.
        b: What the second says.
    """
    errors_a, errors_b = np.abs(a - truth), np.abs(b - truth)
    gaps = errors_b - errors_a
    # What the gaps are shares of; a column, so that both are redrawn together.
    whole = errors_a if errors_a.any() else np.full(len(gaps), errors_b.mean() or 1)
    sums = np.column_stack([gaps, whole])
    drawn = np.concatenate([draws @ sums for draws in row_draws(len(gaps), _RESAMPLES, SEED)])
    difference = corrected(float(gaps.mean()), drawn[:, 0] / len(gaps))
    chosen = _chosen_sums(sums)
    p_value = _swapped(gaps, chosen[:, 0])
    winner = "b" if difference.high < 0 else "a" if difference.low > 0 else None
    return NumberComparison(
        len(gaps),
        float(errors_a.mean()),
        float(errors_b.mean()),
        difference,
        _share(float(gaps.sum() / whole.sum()), drawn, chosen),
        p_value,
        winner if p_value < SIGNIFICANCE else None,
    )


def _chosen_sums(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums over each choice of rows: over every one there is, or over 10,000.

    Args:
        columns: What is summed up, shape (rows, columns).

    Returns:
        Shape (choices, columns); the first choice holds no row.
    """
    rows = len(columns)
    if rows <= _ALL_SIGNS:
        return np.array(list(product((0, 1), repeat=rows))) @ columns
    rng = np.random.default_rng(SEED)
    at_once = max(1, _NUMBERS_AT_ONCE // rows)
    sums = [np.zeros((1, columns.shape[1]))]
    for start in range(0, _RESAMPLES, at_once):
        number = min(at_once, _RESAMPLES - start)
        sums.append(rng.integers(0, 2, (number, rows), dtype=np.int8) @ columns)
    return np.concatenate(sums)


def _swapped(gaps: NDArray[np.float64], chosen: NDArray[np.float64]) -> float:
    """The share of ways to swap the two that move the mean as far from 0.

    To choose no row is the rows as they are, which count among the draws (Davison and Hinkley 1997,
    section 4.2.5).
    """
    total = gaps.sum()
    reached = abs(total) - _ROUNDING * np.abs(gaps).sum()
    return float(np.mean(np.abs(total - 2 * chosen) >= reached))


def _share(value: float, drawn: NDArray[np.float64], chosen: NDArray[np.float64]) -> Estimate:
    """A sum as a share of another, with the longer of two intervals to either side.

    The one is the bootstrap's. The other holds the shares that a permutation test does not refuse.
    Once the share is taken off each row, the test swaps signs; a choice of rows tells of it as
    much as its own share lies above or below (Hartigan 1969). Which of its own has none speaks
    for every share.

    Args:
        value: Of the rows themselves.
        drawn: Both sums of each bootstrap draw, shape (draws, 2).
        chosen: Both sums of each choice of rows, shape (choices, 2).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        redrawn, typical = (sums[:, 0] / sums[:, 1] for sums in (drawn, chosen))
        bootstrap = corrected(value, redrawn)
    none = np.isnan(typical)
    beyond = int((1 - CONFIDENCE) / 2 * len(typical))
    low = np.sort(np.where(none, -np.inf, typical))[beyond]
    high = np.sort(np.where(none, np.inf, typical))[-1 - beyond]
    return Estimate(value, min(bootstrap.low, float(low)), max(bootstrap.high, float(high)))


def _compared(
    truth: NDArray[np.object_], a: NDArray[np.object_], b: NDArray[np.object_]
) -> Comparison | NumberComparison:
    if truth.dtype.kind == "f":
        return compare_numbers(*(values.astype(np.float64) for values in (truth, a, b)))
    return compare(*(list(map(str, values)) for values in (truth, a, b)))
