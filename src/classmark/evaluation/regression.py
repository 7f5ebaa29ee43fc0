"""How good predicted numbers are, with an interval on every figure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from classmark.errors import RecordError
from classmark.evaluation.intervals import (
    RESAMPLES,
    SEED,
    Estimate,
    corrected,
    row_draws,
)
from classmark.evaluation.metrics import Latency

# More rows are summed in so many random packets, and packets are drawn instead of rows: a sum of
# many rows varies alike either way.
_PACKETS = 5000
# What is left by rounding is no variation.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class TargetMetrics:
    """One predicted number.

    Attributes:
        name: The target.
        mse: Mean of the squared errors, in the target's unit squared.
        rmse: Its root, in the target's unit.
        mae: Mean of the absolute errors, in the target's unit.
        r2: The share of the target's variance that is explained; below 0 is worse than always
            saying its mean. None where the target does not vary.
    """

    name: str
    mse: Estimate
    rmse: Estimate
    mae: Estimate
    r2: Estimate | None


@dataclass(frozen=True, slots=True)
class RegressionEvaluation:
    """What was measured on rows whose numbers are known.

    Attributes:
        rows: How many.
        mse: The mean over targets, whatever their units.
        rmse: The mean over targets.
        mae: The mean over targets.
        r2: The mean over the targets that vary; None where none does.
        per_target: In the order of the names.
        latency: Of one row at a time; None where it was not measured.
    """

    rows: int
    mse: Estimate
    rmse: Estimate
    mae: Estimate
    r2: Estimate | None
    per_target: tuple[TargetMetrics, ...]
    latency: Latency | None = None


@dataclass(frozen=True, slots=True)
class _Figures:
    """MSE, RMSE, MAE and R2, each of shape (draws, targets); R2 is NaN where there is none."""

    mse: NDArray[np.float64]
    rmse: NDArray[np.float64]
    mae: NDArray[np.float64]
    r2: NDArray[np.float64]


def measure_regression(
    truth: ArrayLike,
    predicted: ArrayLike,
    names: Sequence[str],
    latency: Latency | None = None,
) -> RegressionEvaluation:
    """The figures of predicted numbers beside the true ones.

    Intervals are bias-corrected bootstraps over rows (Efron 1981): a row is drawn with all its
    targets, so that the intervals of the means allow for errors that come together.

    Args:
        truth: Shape (rows,) or (rows, targets).
        predicted: Of the same shape.
        names: Of the targets, in their order.
        latency: As it was measured beside.

    Raises:
        RecordError: There are no rows, the shapes differ, or a number is not finite.
    """
    expected, given = _as_table(truth, len(names)), _as_table(predicted, len(names))
    _check(expected, given, names)
    sums = _row_sums(expected, given)
    found = _figures(sums.sum(0, keepdims=True))
    drawn = _drawn(sums)
    # Rounding leaves a target that does not vary with a variance that is not quite 0.
    found.r2[:, _constant(expected)] = np.nan
    drawn.r2[:, _constant(expected)] = np.nan
    return RegressionEvaluation(
        rows=len(expected),
        mse=_mean(found.mse, drawn.mse),
        rmse=_mean(found.rmse, drawn.rmse),
        mae=_mean(found.mae, drawn.mae),
        r2=_mean_r2(found.r2, drawn.r2),
        per_target=tuple(
            TargetMetrics(
                name,
                corrected(float(found.mse[0, at]), drawn.mse[:, at]),
                corrected(float(found.rmse[0, at]), drawn.rmse[:, at]),
                corrected(float(found.mae[0, at]), drawn.mae[:, at]),
                _mean_r2(found.r2[:, [at]], drawn.r2[:, [at]]),
            )
            for at, name in enumerate(names)
        ),
        latency=latency,
    )


def _as_table(values: ArrayLike, targets: int) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    return table[:, np.newaxis] if table.ndim == 1 and targets == 1 else table


def _check(expected: NDArray[np.float64], given: NDArray[np.float64], names: Sequence[str]) -> None:
    if not expected.size:
        raise RecordError("There are no rows to evaluate on.", remedy="Give rows with targets.")
    shape = (len(expected), len(names))
    if expected.shape != shape or given.shape != shape:
        raise RecordError(
            f"The true numbers have shape {expected.shape} and the predicted ones {given.shape}, "
            f"for {len(names)} targets.",
            remedy="Give one column a target, and as many predicted rows as true ones.",
        )
    for what, table in (("true", expected), ("predicted", given)):
        strange = np.argwhere(~np.isfinite(table))
        if len(strange):
            row, column = strange[0]
            raise RecordError(
                f"{len(strange)} {what} numbers are not finite; the first is "
                f"{table[row, column]} of {names[column]!r} in row {row}.",
                remedy="Leave out rows whose target is not known.",
            )


def _row_sums(expected: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    """What each row, or packet of rows, adds to the sums, shape (rows, 5, targets).

    Of rows, squared errors, absolute errors, truth and squared truth; the truth about its mean, so
    that nothing is lost to rounding where the mean is large.
    """
    errors = given - expected
    centred = expected - expected.mean(0)
    ones = np.ones_like(expected)
    sums: NDArray[np.float64] = np.stack(
        [ones, errors**2, np.abs(errors), centred, centred**2], axis=1
    )
    if len(sums) <= _PACKETS:
        return sums
    shuffled = sums[np.random.default_rng(SEED).permutation(len(sums))]
    packed: NDArray[np.float64] = np.add.reduceat(
        shuffled, np.linspace(0, len(sums), _PACKETS, endpoint=False).astype(int)
    )
    return packed


def _figures(sums: NDArray[np.float64]) -> _Figures:
    """The figures of sums of shape (draws, 5, targets)."""
    rows, squared, absolute, truth, squared_truth = np.moveaxis(sums, 1, 0)
    mse = squared / rows
    variation = squared_truth - truth**2 / rows
    # A draw may hold one row only, again and again.
    varies = variation > _ROUNDING * squared_truth
    r2 = np.where(varies, 1 - squared / np.where(varies, variation, 1), np.nan)
    return _Figures(mse, np.sqrt(mse), absolute / rows, r2)


def _drawn(sums: NDArray[np.float64]) -> _Figures:
    """The figures of each draw."""
    flat = sums.reshape(len(sums), -1)
    drawn = [weights @ flat for weights in row_draws(len(sums), RESAMPLES, SEED)]
    return _figures(np.concatenate(drawn).reshape(-1, *sums.shape[1:]))


def _constant(expected: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.ptp(expected, axis=0) == 0
    return found


def _mean(found: NDArray[np.float64], drawn: NDArray[np.float64]) -> Estimate:
    return corrected(float(found.mean()), drawn.mean(1))


def _mean_r2(found: NDArray[np.float64], drawn: NDArray[np.float64]) -> Estimate | None:
    """The mean over the targets that have an R2, of the rows and of each draw."""
    known = ~np.isnan(found[0])
    if not known.any():
        return None
    return corrected(float(found[0, known].mean()), drawn[:, known].mean(1))
