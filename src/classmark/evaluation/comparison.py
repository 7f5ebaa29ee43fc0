"""Two classifiers on the same rows: is one better, and by how much?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from classmark.errors import RecordError
from classmark.evaluation.intervals import CONFIDENCE, Estimate

SIGNIFICANCE = 0.05
_RESAMPLES = 10_000
_SEED = 42


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the same rows say of two classifiers.

    Attributes:
        rows: How many.
        accuracy_a: Of the first.
        accuracy_b: Of the second.
        difference: Second minus first, with its paired 95 % interval.
        p_value: That a difference like this or larger comes from chance alone.
        only_a_right: Rows where the first is right and the second wrong.
        only_b_right: Rows where the second is right and the first wrong.
        winner: "a", "b", or None where the difference may be chance.
    """

    rows: int
    accuracy_a: float
    accuracy_b: float
    difference: Estimate
    p_value: float
    only_a_right: int
    only_b_right: int
    winner: str | None


def compare(truth: Sequence[str], a: Sequence[str], b: Sequence[str]) -> Comparison:
    """Compare two lists of answers to the same rows.

    The test is McNemar's (1947) in its exact form: only rows on which one is right and the other
    wrong tell them apart, and under no difference each of these is a fair coin. The interval is a
    paired bootstrap.

    Raises:
        RecordError: There are no rows.
    """
    if not truth:
        raise RecordError("There are no documents to compare on.", remedy="Give labelled ones.")
    a_right = np.array([given == true for given, true in zip(a, truth, strict=True)])
    b_right = np.array([given == true for given, true in zip(b, truth, strict=True)])
    only_a, only_b = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
    discordant = only_a + only_b
    p_value = float(binomtest(only_b, discordant).pvalue) if discordant else 1.0
    return Comparison(
        rows=len(truth),
        accuracy_a=float(a_right.mean()),
        accuracy_b=float(b_right.mean()),
        difference=_paired_difference(only_a, only_b, len(truth)),
        p_value=p_value,
        only_a_right=only_a,
        only_b_right=only_b,
        winner=None if p_value >= SIGNIFICANCE else ("b" if only_b > only_a else "a"),
    )


def _paired_difference(only_a: int, only_b: int, rows: int) -> Estimate:
    """The difference of the accuracies; rows on which both agree only dilute it.

    Half a row is added to each of the four kinds of row (Agresti and Min 2005), so that what was
    not seen among few rows is not taken for impossible.
    """
    counts = np.array([only_a + 0.5, only_b + 0.5, rows - only_a - only_b + 1])
    draws = np.random.default_rng(_SEED).multinomial(rows, counts / counts.sum(), size=_RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / rows, [tail, 1 - tail])
    return Estimate((only_b - only_a) / rows, float(low), float(high))
