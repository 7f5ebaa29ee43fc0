"""Two models of tables on the same rows: is one better, and by how much?"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.comparison import Comparison, compare
from classmark.evaluation.intervals import SEED, Estimate, corrected, row_draws
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
        p_value: The share of ways to swap the two on some rows that give as large a difference.
        winner: "a", "b", or None where the interval holds 0 or the difference may be chance.
    """

    rows: int
    mae_a: float
    mae_b: float
    difference: Estimate
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
    a permutation test (Fisher 1935), which holds for any number of rows, agrees.

    Args:
        truth: Shape (rows,), one row at least.
        a: What the first says.
        b: What the second says.
    """
    errors_a, errors_b = np.abs(a - truth), np.abs(b - truth)
    gaps = errors_b - errors_a
    drawn = np.concatenate(
        [draws @ gaps / len(gaps) for draws in row_draws(len(gaps), _RESAMPLES, SEED)]
    )
    difference = corrected(float(gaps.mean()), drawn)
    p_value = _swapped(gaps)
    winner = "b" if difference.high < 0 else "a" if difference.low > 0 else None
    return NumberComparison(
        len(gaps),
        float(errors_a.mean()),
        float(errors_b.mean()),
        difference,
        p_value,
        winner if p_value < SIGNIFICANCE else None,
    )


def _swapped(gaps: NDArray[np.float64]) -> float:
    """The share of changes of sign that move the mean as far from 0: of all, or of 10,000."""
    reached = abs(gaps.sum()) - _ROUNDING * np.abs(gaps).sum()
    if len(gaps) <= _ALL_SIGNS:
        signs = np.array(list(product((-1, 1), repeat=len(gaps))))
        return float(np.mean(np.abs(signs @ gaps) >= reached))
    rng = np.random.default_rng(SEED)
    at_once = max(1, _NUMBERS_AT_ONCE // len(gaps))
    as_far = 0
    for start in range(0, _RESAMPLES, at_once):
        number = min(at_once, _RESAMPLES - start)
        signs = rng.integers(0, 2, (number, len(gaps)), dtype=np.int8) * 2 - 1
        as_far += int(np.sum(np.abs(signs @ gaps) >= reached))
    # The rows as they are count among the draws (Davison and Hinkley 1997, section 4.2.5).
    return (as_far + 1) / (_RESAMPLES + 1)


def _compared(
    truth: NDArray[np.object_], a: NDArray[np.object_], b: NDArray[np.object_]
) -> Comparison | NumberComparison:
    if truth.dtype.kind == "f":
        return compare_numbers(*(values.astype(np.float64) for values in (truth, a, b)))
    return compare(*(list(map(str, values)) for values in (truth, a, b)))
