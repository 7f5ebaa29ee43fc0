"""Two models of a number on the same rows."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.evaluation import compare_numbers

Pair = tuple[NDArray[np.float64], NDArray[np.float64]]
Errors = Callable[[np.random.Generator, int], Pair]

ROWS = 200
RNG = np.random.default_rng(5)
TRUTH = RNG.normal(100, 20, ROWS)
ROUGH, FINE = TRUTH + RNG.normal(0, 8, ROWS), TRUTH + RNG.normal(0, 4, ROWS)


def test_the_nearer_one_wins() -> None:
    found = compare_numbers(TRUTH, ROUGH, FINE)
    assert found.rows == ROWS
    assert found.mae_a == pytest.approx(np.abs(ROUGH - TRUTH).mean())
    assert found.difference.value == pytest.approx(found.mae_b - found.mae_a)
    assert found.difference.low < found.difference.value < found.difference.high < 0
    assert found.winner == "b"
    assert compare_numbers(TRUTH, FINE, ROUGH).winner == "a"


def test_who_is_compared_with_himself_does_not_win() -> None:
    found = compare_numbers(TRUTH, FINE, FINE)
    assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
    assert found.winner is None


def test_errors_of_the_same_size_are_not_told_apart() -> None:
    assert compare_numbers(TRUTH, TRUTH + RNG.normal(0, 4, ROWS), FINE).winner is None


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 6, 10, 20])
def test_of_two_that_are_equally_good_none_wins_but_by_the_promised_chance(rows: int) -> None:
    rng = np.random.default_rng(rows)
    drawn = ((rng.normal(0, 1, rows), rng.normal(0, 1, rows)) for _ in range(100))
    wins = sum(compare_numbers(np.zeros(rows), a, b).winner is not None for a, b in drawn)
    # Of 100 not more than 5 are expected to; more than 11 once in 200 times.
    assert wins <= (11 if rows > 5 else 0)


def test_six_rows_that_all_say_so_are_enough() -> None:
    found = compare_numbers(np.zeros(6), np.full(6, 2.0), np.ones(6))
    assert found.winner == "b"
    assert found.p_value == pytest.approx(2 / 2**6)


@pytest.mark.parametrize("unit", [0.01, 0.3, 1000])
def test_the_unit_of_the_target_does_not_decide(unit: float) -> None:
    one, other = (
        compare_numbers(TRUTH, ROUGH, FINE),
        compare_numbers(TRUTH * unit, ROUGH * unit, FINE * unit),
    )
    assert other.winner == one.winner
    assert other.difference.low == pytest.approx(one.difference.low * unit)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(7), 0
    for _ in range(100):
        truth = np.zeros(80)
        a, b = rng.normal(0, 1, 80), rng.normal(0, 1.5, 80)
        difference = compare_numbers(truth, a, b).difference
        # The mean absolute value of a normal deviate of deviation 1 is the root of 2 / pi.
        covered += difference.low <= 0.5 * np.sqrt(2 / np.pi) <= difference.high
    # Of 100 intervals 95 are expected to; fewer than 88 once in 250 times.
    assert covered >= 88


def test_the_share_is_of_the_first_ones_error() -> None:
    found = compare_numbers(TRUTH, ROUGH, FINE)
    assert found.share.value == pytest.approx(found.mae_b / found.mae_a - 1)
    assert found.share.low < found.share.value < found.share.high < 0
    same = compare_numbers(TRUTH, FINE, FINE).share
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_of_one_that_makes_no_errors_the_share_is_of_the_others() -> None:
    found = compare_numbers(TRUTH, TRUTH, FINE)
    assert found.share.value == pytest.approx(1)
    assert found.share.low > 0
    assert compare_numbers(TRUTH, TRUTH, TRUTH).share.value == 0


def test_what_is_no_finite_number_has_no_finite_share() -> None:
    odd = np.where(np.arange(ROWS) == 3, np.nan, FINE)
    share = compare_numbers(TRUTH, ROUGH, odd).share
    assert not np.isfinite([share.value, share.low, share.high]).any()


@pytest.mark.parametrize("rows", [5, 4])
def test_too_few_rows_bound_no_share(rows: int) -> None:
    share = compare_numbers(np.zeros(rows), np.full(rows, 2.0), np.ones(rows)).share
    assert (share.low, share.high) == (-np.inf, np.inf)


# How much larger the second's error is, and a margin of a hundredth is let pass.
LARGER = 1.01


def skewed(rng: np.random.Generator, rows: int) -> Pair:
    """Errors of which a few are most of the sum: of the second, a hundredth larger."""
    return rng.lognormal(0, 1.5, rows), LARGER * rng.lognormal(0, 1.5, rows)


def grossly_wrong(rng: np.random.Generator, rows: int) -> Pair:
    """The second says what the first does, but on one row in 20, where it is far off."""
    first = rng.normal(0, 1, rows)
    return first, np.where(rng.random(rows) < 0.05, first + 40, first)


@pytest.mark.parametrize(
    ("errors", "rows", "expected_at_most"),
    # A bootstrap alone lets pass 7 of 100 of the first. Of 100, 2.5 are expected to; more than 6
    # once in 100 times. Of the others one that no row shows: 0.6.
    [(skewed, 10, 6), (grossly_wrong, 100, 3)],
)
def test_what_is_worse_by_a_margin_is_seldom_shown_not_to_be(
    errors: Errors, rows: int, expected_at_most: int
) -> None:
    rng = np.random.default_rng(11)
    drawn = (errors(rng, rows) for _ in range(100 if rows < 100 else 40))
    passed = sum(compare_numbers(np.zeros(rows), a, b).share.high < LARGER - 1 for a, b in drawn)
    assert passed <= expected_at_most
