"""What chance alone would do, and what it would do somewhere among many tests."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest, fisher_exact

SIGNIFICANCE = 0.05


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact p-value of McNemar's test (1947), two-sided.

    Only rows on which one is right and the other wrong tell two classifiers apart, and under no
    difference each of these is a fair coin.

    Args:
        only_a: Rows on which the first alone is right.
        only_b: Rows on which the second alone is right.
    """
    discordant = only_a + only_b
    return float(binomtest(only_b, discordant).pvalue) if discordant else 1.0


def fisher(right: int, rows: int, other_right: int, other_rows: int) -> float:
    """The exact p-value that two groups of rows have the same share right, two-sided (Fisher)."""
    table = [[right, rows - right], [other_right, other_rows - other_right]]
    return float(fisher_exact(table).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values as they count among so many tests (Holm 1979), in the order given.

    If each test below a level is called significant, one or more are wrongly so no more often than
    that level says, whatever the tests have to do with each other.
    """
    number = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(number)
    factors = np.arange(number, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.array(p_values)[order] * factors), 1)
    return [float(value) for value in adjusted]
