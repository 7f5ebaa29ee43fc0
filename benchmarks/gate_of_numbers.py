"""How often does the gate let a version of numbers pass whose error is larger by the margin?

Usage: python benchmarks/gate_of_numbers.py [--draws 400]

Simulated: errors of the live version and of a new one on the same rows. Where both are drawn, the
new one's are larger by a hundredth, the margin, so that it should pass at most once in 40 times.
Where it is far off on few rows, it says on all others what the live one says, and is worse by much
more. Beside the gate's rule stands what a bootstrap of the difference would let pass alone.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation import compare_numbers

ROWS = (10, 100)
MARGIN = 0.01
FAR_OFF = 40

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
# A generator and how many rows -> errors of the live version and of the new one.
Errors = Callable[[np.random.Generator, int], Pair]


def main() -> None:
    """Print a row for each kind of errors and number of rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    kinds: dict[str, Errors] = {
        "normal": normal,
        "alike on each row": alike,
        "skewed (log-normal, 1.5)": skewed,
        "far off on 1 row in 20": far_off(1 / 20),
        "far off on 1 row in 100": far_off(1 / 100),
    }
    print("| errors | rows | a bootstrap alone | the gate |\n|---|---|---|---|")
    for name, errors in kinds.items():
        for rows in ROWS:
            alone, both = passed(errors, rows, draws)
            print(f"| {name} | {rows} | {100 * alone:.1f} % | {100 * both:.1f} % |", flush=True)


def passed(errors: Errors, rows: int, draws: int) -> tuple[float, float]:
    """The shares that pass by a bootstrap of the difference alone, and by the gate's rule."""
    rng = np.random.default_rng(rows)
    found = [compare_numbers(np.zeros(rows), *errors(rng, rows)) for _ in range(draws)]
    alone = sum(one.difference.high < MARGIN * one.mae_a for one in found)
    return alone / draws, sum(one.share.high < MARGIN for one in found) / draws


def normal(rng: np.random.Generator, rows: int) -> Pair:
    """Errors that have nothing to do with each other."""
    return rng.normal(size=rows), (1 + MARGIN) * rng.normal(size=rows)


def alike(rng: np.random.Generator, rows: int) -> Pair:
    """Rows that are hard for the one are hard for the other."""
    shared = rng.normal(0, 3, rows)
    first, second = (shared + rng.normal(0, 0.3, rows) for _ in range(2))
    return first, (1 + MARGIN) * second


def skewed(rng: np.random.Generator, rows: int) -> Pair:
    """A few errors are most of the sum."""
    return rng.lognormal(0, 1.5, rows), (1 + MARGIN) * rng.lognormal(0, 1.5, rows)


def far_off(share: float) -> Errors:
    """The same answers but on a share of the rows."""

    def errors(rng: np.random.Generator, rows: int) -> Pair:
        first = rng.normal(size=rows)
        return first, np.where(rng.random(rows) < share, first + FAR_OFF, first)

    return errors


if __name__ == "__main__":
    main()
