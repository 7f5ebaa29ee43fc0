"""Below which confidence it is better not to answer, so that a promise about the rest holds.

The promise: of what is answered, at least ACCURACY is right, except with probability RISK over the
draw of the calibration rows.

Every candidate is a threshold t with the hypothesis "of the answers with confidence t or more,
fewer than ACCURACY are right". It is tested on the calibration rows that reach t: given how many
these are, their errors are binomial, so that binom.cdf(errors, rows, 1 - ACCURACY) is an exact
p-value. The lowest threshold whose hypothesis is rejected is taken. That no true hypothesis is
rejected, except with probability RISK, is conformal risk control in its high-probability form
(Learn then Test: Angelopoulos, Bates, Candès, Jordan and Lei 2021); for selective classification,
Geifman and El-Yaniv (2017) have the same test with another correction for trying several.

The correction here is testing in a fixed order: thresholds are tested from the surest down, each at
the whole risk, and the first one that is not rejected ends it. Where to begin is decided on other
rows (`candidate_thresholds`): at the surest few answers there would be too few calibration rows.

What the proof needs:

- Calibration rows and rows to come are independent draws from one population.
- The classifier, its calibration and the thresholds with their order were fixed before the
  calibration rows were looked at. This is why thresholds are taken from other rows, and why
  probabilities may not be calibrated on these rows either: isotonic lines find the rows that they
  were fitted on better than others.

It does not need that surer answers are more often right, nor that confidences are calibrated, nor
any number of rows: where these are missing it answers less, or promises nothing.
"""

from dataclasses import dataclass
from math import ceil, log

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom

from classmark.evaluation.intervals import Estimate, proportion

# Answering the surest 5 %, 10 %, ... 100 %.
_STEPS = 20
# How sure the bound is by which thresholds are ranked to begin with.
_BOUND_RISK = 0.01

Confidences = NDArray[np.float64]
Right = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AbstainRule:
    """What is not answered, and what holds of the rest.

    Attributes:
        abstain_below: The lowest confidence that is answered; None where nothing can be promised.
        rows: Calibration rows.
        rows_needed: So many at least, all right, could have kept the promise.
        coverage: The share of the calibration rows that is answered; 0 where nothing is promised.
    """

    abstain_below: float | None
    rows: int
    rows_needed: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What a threshold does to labelled rows.

    Attributes:
        abstain_below: The lowest confidence that is answered; None answers all.
        coverage: The share that is answered.
        accuracy: The share of right ones among these.
        coverage_at_90: The largest share that could be answered, the surest first, with 90 % of it
            right. It was looked up on these very rows and promises nothing.
    """

    abstain_below: float | None
    coverage: Estimate
    accuracy: Estimate
    coverage_at_90: float


def candidate_thresholds(confidences: Confidences, right: Right) -> Confidences:
    """The thresholds to be tested, the surest first.

    They are the confidences that the surest 5 %, 10 %, ... of some rows reach, and 0, from the one
    on above which these rows show best that answers are right: that whose exact lower bound of
    accuracy (Clopper and Pearson 1934) is the highest.

    Args:
        confidences: Of rows that are no calibration rows, shape (rows,).
        right: Whether each of these is answered right, shape (rows,).

    Returns:
        20 of them at most, never rising; none where there are no rows.
    """
    if not len(right):
        return np.empty(0)
    shares = 1 - np.arange(1, _STEPS) / _STEPS
    # Confidences that occur: in between, a threshold would be no end of a group of equal ones.
    steps = np.append(np.quantile(confidences, shares, method="inverted_cdf"), 0.0)
    counts, errors = _counted(steps, confidences, right)
    hits = counts - errors
    bounds = np.where(hits, beta.ppf(_BOUND_RISK, np.maximum(hits, 1), errors + 1), 0)
    return steps[bounds.argmax() :]


def abstain_rule(
    thresholds: Confidences,
    confidences: Confidences,
    right: Right,
    *,
    accuracy: float = 0.9,
    risk: float = 0.05,
) -> AbstainRule:
    """The lowest threshold that keeps the promise.

    Args:
        thresholds: From `candidate_thresholds` of other rows.
        confidences: Of the calibration rows, shape (rows,).
        right: Whether each of these is answered right, shape (rows,).
        accuracy: The promised share of right ones among what is answered, between 0 and 1.
        risk: How probable it may be that the promise is not kept, between 0 and 1.
    """
    counts, errors = _counted(thresholds, confidences, right)
    p_values = binom.cdf(errors, counts, 1 - accuracy)
    # The first one that is kept ends it, whatever comes behind.
    rejected = int(np.logical_and.accumulate(p_values <= risk).sum())
    needed = ceil(log(risk) / log(accuracy))
    if not rejected:
        return AbstainRule(None, len(right), needed, 0.0)
    lowest = rejected - 1
    return AbstainRule(
        abstain_below=float(thresholds[lowest]),
        rows=len(right),
        rows_needed=needed,
        coverage=float(counts[lowest] / len(right)),
    )


def answered_share(confidences: Confidences, right: Right, abstain_below: float | None) -> Answered:
    """What a threshold does to labelled rows.

    Args:
        confidences: Of the answers, shape (rows,).
        right: Whether each is, shape (rows,).
        abstain_below: The lowest confidence that is answered; None answers all.
    """
    answered = confidences >= (0.0 if abstain_below is None else abstain_below)
    count = int(answered.sum())
    return Answered(
        abstain_below=abstain_below,
        coverage=proportion(count, len(right)),
        accuracy=proportion(int(right[answered].sum()), count),
        coverage_at_90=_coverage_at(0.9, confidences, right),
    )


def _counted(
    thresholds: Confidences, confidences: Confidences, right: Right
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many rows reach each threshold, and how many of these are wrong."""
    answered = confidences >= thresholds[:, np.newaxis]
    return answered.sum(1), (answered & ~right).sum(1)


def _coverage_at(accuracy: float, confidences: Confidences, right: Right) -> float:
    order = np.argsort(-confidences, kind="stable")
    ordered, shares = confidences[order], np.cumsum(right[order]) / np.arange(1, len(right) + 1)
    # Equal confidences are answered together or not at all.
    ends = np.append(ordered[1:] != ordered[:-1], True)
    enough = np.flatnonzero(ends & (shares >= accuracy))
    return float(enough[-1] + 1) / len(right) if enough.size else 0.0
