"""Intervals: closed formulas, the same every time, and as often right as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.evaluation import Estimate, proportion
from classmark.evaluation.intervals import bootstrap

Z = 1.959963984540054
SEED = 42


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The interval by Wilson's formula, as the textbook writes it."""
    share = successes / trials
    centre = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    half = Z * spread / (1 + Z**2 / trials)
    return centre - half, centre + half


def macro_f1(confusion: NDArray[np.int64]) -> float:
    occurring = confusion.sum(0) + confusion.sum(1)
    return float(np.mean(2 * np.diag(confusion)[occurring > 0] / occurring[occurring > 0]))


def share_right(confusion: NDArray[np.int64]) -> float:
    return float(np.trace(confusion) / confusion.sum())


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_has_wilson_s_interval(counts: tuple[int, int]) -> None:
    successes, trials = counts
    found = proportion(successes, trials)
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx(wilson(successes, trials), abs=1e-9)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_of_no_trials_nothing_is_known() -> None:
    assert proportion(0, 0) == Estimate(0.0, 0.0, 1.0)


@pytest.mark.parametrize(("trials", "truth"), [(20, 0.9), (40, 0.8), (100, 0.5), (400, 0.97)])
def test_wilson_s_interval_holds_the_truth_as_often_as_it_says(trials: int, truth: float) -> None:
    successes = np.random.default_rng(SEED).binomial(trials, truth, size=200)
    found = [proportion(int(count), trials) for count in successes]
    assert 0.90 <= np.mean([one.low <= truth <= one.high for one in found]) <= 0.99


def test_the_bootstrap_holds_the_truth_as_often_as_it_says() -> None:
    cells = np.array([[0.30, 0.05, 0.05], [0.04, 0.20, 0.06], [0.02, 0.03, 0.25]])
    rng = np.random.default_rng(SEED)
    held = 0
    for _ in range(200):
        drawn = rng.multinomial(150, cells.ravel()).reshape(cells.shape)
        found = bootstrap(drawn, share_right, SEED)
        held += found.low <= 0.75 <= found.high
    assert 0.90 <= held / 200 <= 0.99


def test_the_bootstrap_allows_for_a_figure_that_few_rows_draw_down() -> None:
    # Ten classes of ten rows, seven of them right: the true macro F1 is 0.7.
    cells = np.full((10, 10), 0.3 / 90)
    np.fill_diagonal(cells, 0.07)
    rng = np.random.default_rng(SEED)
    missed_above = 0
    for _ in range(200):
        drawn = rng.multinomial(100, cells.ravel()).reshape(cells.shape)
        missed_above += bootstrap(drawn, macro_f1, SEED).high < 0.7
    assert missed_above / 200 <= 0.045


def test_the_same_seed_gives_the_same_interval() -> None:
    confusion = np.array([[8, 2], [3, 7]])
    assert bootstrap(confusion, share_right, SEED) == bootstrap(confusion, share_right, SEED)
    assert bootstrap(confusion, macro_f1, SEED) != bootstrap(confusion, macro_f1, SEED + 1)


@given(
    st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(any),
    st.integers(0, 2**32 - 1),
)
def test_a_bootstrap_holds_its_own_value(cells: list[int], seed: int) -> None:
    confusion = np.array(cells).reshape(3, 3)
    before = confusion.copy()
    found = bootstrap(confusion, share_right, seed)
    assert found.value == share_right(confusion)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    assert (confusion == before).all()


def test_a_bootstrap_of_answers_that_are_all_right_has_no_width() -> None:
    assert bootstrap(np.diag([5, 3, 2]), share_right, SEED) == Estimate(1.0, 1.0, 1.0)


def test_more_rows_give_a_narrower_interval() -> None:
    confusion = np.array([[8, 2], [3, 7]])
    few, many = (bootstrap(confusion * times, share_right, SEED) for times in (1, 100))
    assert many.high - many.low < (few.high - few.low) / 5
