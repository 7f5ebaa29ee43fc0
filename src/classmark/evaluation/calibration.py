"""Whether a confidence is the share of right answers, and how to mend it where it is not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from classmark.evaluation.intervals import CONFIDENCE, RESAMPLES, SEED, Estimate, proportion
from classmark.models import Calibration, Knots

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
_BINS = 15
# Fewer rows in a bin tell nothing of it.
_ROWS_A_BIN = 10
# What is less probable counts as this: a single wrong zero would make every mean infinite.
_FLOOR = np.finfo(np.float64).eps

Probabilities = NDArray[np.float64]
Classes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CalibrationQuality:
    """How far probabilities can be taken at their word.

    Attributes:
        error: The expected calibration error: how far the confidence of an answer is from the share
            of right ones among answers as confident, on average.
        brier: The mean squared distance of probabilities and truth, 0 to 2 (Brier 1950).
        log_loss: The mean of -log of the true class' probability, in nats.
    """

    error: Estimate
    brier: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers about as confident as one another.

    Attributes:
        rows: How many.
        confidence: Their mean.
        accuracy: The share of them that is right.
    """

    rows: int
    confidence: float
    accuracy: Estimate


def calibration_quality(probabilities: Probabilities, truth: Classes) -> CalibrationQuality:
    """How far the probabilities of some rows can be taken at their word.

    Args:
        probabilities: Shape (rows, classes).
        truth: The column of each row's class, shape (rows,).
    """
    rows = np.arange(len(truth))
    distances = probabilities.copy()
    distances[rows, truth] -= 1
    right = probabilities.argmax(1) == truth
    return CalibrationQuality(
        error=calibration_error(probabilities.max(1), right),
        brier=float((distances**2).sum(1).mean()),
        log_loss=float(-np.log(np.maximum(probabilities[rows, truth], _FLOOR)).mean()),
    )


def calibration_error(confidences: Probabilities, right: NDArray[np.bool_]) -> Estimate:
    """The expected calibration error over bins of equal mass, with its 95 % interval.

    Right answers are drawn anew in each bin, half a row of either kind added (Agresti and Min
    2005), so that what was not seen among few rows is not taken for impossible. The error of few
    rows is too large, and that of rows drawn from them is once more: so the interval reaches as far
    below the error as the draws lie above it, and down to 0 where answers as right as they are
    confident would often show as much error.

    Args:
        confidences: Of the given answers, shape (rows,).
        right: Whether each is, shape (rows,).
    """
    bins = reliability_bins(confidences, right)
    rows = np.array([one.rows for one in bins])
    confident = rows * [one.confidence for one in bins]
    hits = rows * [one.accuracy.value for one in bins]
    rng = np.random.default_rng(SEED)

    def highest(shares: Probabilities) -> float:
        drawn = rng.binomial(rows, shares, (RESAMPLES, len(rows)))
        errors = np.abs(drawn - confident).sum(1) / rows.sum()
        return float(np.quantile(errors, (1 + CONFIDENCE) / 2))

    value = float(np.abs(hits - confident).sum() / rows.sum())
    reach = max(highest((hits + 0.5) / (rows + 1)) - value, 0.0)
    may_be_none = value <= highest(np.minimum(confident / rows, 1.0))
    low = 0.0 if may_be_none else max(value - reach, 0.0)
    return Estimate(value, low, min(value + reach, 1.0))


def reliability_bins(
    confidences: Probabilities, right: NDArray[np.bool_]
) -> tuple[ReliabilityBin, ...]:
    """The points of a reliability diagram, the least confident first.

    Args:
        confidences: Of the given answers, shape (rows,).
        right: Whether each is, shape (rows,).
    """
    bins = _binned(confidences)
    return tuple(
        ReliabilityBin(
            rows=int(inside.sum()),
            confidence=float(confidences[inside].mean()),
            accuracy=proportion(int(right[inside].sum()), int(inside.sum())),
        )
        for inside in (bins == index for index in np.unique(bins))
    )


def fitted_temperature(probabilities: Probabilities, truth: Classes) -> Calibration:
    """The temperature whose probabilities have the lowest log loss (Guo et al. 2017).

    A weak prior, that its logarithm is normal around 0, weighs about as much as one row: without
    it, a few rows that are all right would make every answer certain.

    Args:
        probabilities: As the family computes them, shape (rows, classes).
        truth: The column of each row's class, shape (rows,).
    """
    scores = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
    scores -= scores.max(1, keepdims=True)
    true_scores = scores[np.arange(len(truth)), truth]

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        total = np.log(np.exp(scores * scale).sum(1)) - true_scores * scale
        return float(total.sum() + log_temperature**2 / 2)

    bounds = np.log([LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return Calibration(temperature=float(np.exp(found.x)))


def fitted_isotonic(probabilities: Probabilities, truth: Classes) -> Calibration:
    """A never falling line for each class against the rest (Zadrozny and Elkan 2002).

    What some rows did not show is not taken for impossible: no line reaches 0 or 1. A class without
    rows keeps its probabilities.

    Args:
        probabilities: As the family computes them, shape (rows, classes).
        truth: The column of each row's class, shape (rows,).
    """
    classes = probabilities.shape[1]
    # Together, the classes that were never seen get what one row more would be worth.
    floor = 1 / (classes * (len(truth) + 1))
    return Calibration(
        knots=tuple(
            _line(probabilities[:, index], truth == index, floor) for index in range(classes)
        )
    )


def _line(given: Probabilities, is_class: NDArray[np.bool_], floor: float) -> Knots:
    if not is_class.any():
        return Knots(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    line = IsotonicRegression(y_min=floor, y_max=1 - floor).fit(given, is_class)
    return Knots(line.X_thresholds_.astype(np.float64), line.y_thresholds_.astype(np.float64))


def _binned(confidences: Probabilities) -> Classes:
    """The bin of each row; bins hold about as many rows each, and equals are in one bin."""
    bins = max(1, min(_BINS, len(confidences) // _ROWS_A_BIN))
    edges = np.quantile(confidences, np.arange(1, bins) / bins)
    return np.searchsorted(np.unique(edges), confidences, side="right")
