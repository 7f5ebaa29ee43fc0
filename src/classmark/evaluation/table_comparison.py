"""Two models of tables on the same rows: is one better, and by how much?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.comparison import Comparison, compare
from classmark.evaluation.intervals import SEED, Estimate, corrected, row_draws
from classmark.evaluation.table_assessment import TableAssessment

_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class NumberComparison:
    """What the same rows say of two models of a number.

    Attributes:
        rows: How many.
        mae_a: Mean absolute error of the first, in the target's unit.
        mae_b: Of the second.
        difference: Second minus first, with its paired 95 % interval; below 0 the second is better.
        winner: "a", "b", or None where the interval holds 0.
    """

    rows: int
    mae_a: float
    mae_b: float
    difference: Estimate
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
    """Compare two lists of predicted numbers, by a paired bootstrap of their absolute errors.

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
    winner = "b" if difference.high < 0 else "a" if difference.low > 0 else None
    return NumberComparison(
        len(gaps), float(errors_a.mean()), float(errors_b.mean()), difference, winner
    )


def _compared(
    truth: NDArray[np.object_], a: NDArray[np.object_], b: NDArray[np.object_]
) -> Comparison | NumberComparison:
    if truth.dtype.kind == "f":
        return compare_numbers(*(values.astype(np.float64) for values in (truth, a, b)))
    return compare(*(list(map(str, values)) for values in (truth, a, b)))
