"""Intervals: closed formulas, the same every time, and as often right as they say."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.evaluation import Estimate, latency_of, measure, proportion
from classmark.evaluation.class_counts import redrawn
from classmark.evaluation.intervals import corrected, row_draws
from classmark.evaluation.metrics import macro_figures

Z = 1.959963984540054
SEED = 42
LATENCY = latency_of([0.001])


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The interval by Wilson's formula, as the textbook writes it."""
    share = successes / trials
    centre = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    spread = math.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2))
    half = Z * spread / (1 + Z**2 / trials)
    return centre - half, centre + half


def share_right(confusion: NDArray[np.int64], seed: int = SEED) -> Estimate:
    """Accuracy with its bootstrap interval."""
    draws = redrawn(confusion, seed)
    return corrected(float(np.trace(confusion) / confusion.sum()), draws.accuracy)


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


def test_means_over_classes_lie_in_their_intervals_as_often_as_these_say() -> None:
    cells = np.array([[0.45, 0.05, 0.05], [0.04, 0.20, 0.06], [0.02, 0.03, 0.10]])
    truth = macro_figures((cells * 1000).round().astype(np.int64))
    rng = np.random.default_rng(SEED)
    held = dict.fromkeys(("precision", "recall", "f1", "weighted_f1"), 0)
    for _ in range(200):
        found = macro_figures(rng.multinomial(200, cells.ravel()).reshape(cells.shape))
        for figure in held:
            estimate = getattr(found, figure)
            held[figure] += estimate.low <= getattr(truth, figure).value <= estimate.high
    assert all(0.91 <= number / 200 <= 0.99 for number in held.values())


def test_the_bootstrap_allows_for_a_figure_that_few_rows_draw_down() -> None:
    # Ten classes of ten rows, seven of them right: the true macro F1 is 0.7.
    cells = np.full((10, 10), 0.3 / 90)
    np.fill_diagonal(cells, 0.07)
    rng = np.random.default_rng(SEED)
    missed_above = 0
    for _ in range(200):
        drawn = rng.multinomial(100, cells.ravel()).reshape(cells.shape)
        missed_above += macro_figures(drawn).f1.high < 0.7
    assert missed_above / 200 <= 0.045


def test_where_hardly_any_answer_is_wrong_a_mean_is_no_surer_than_accuracy() -> None:
    # Nothing is there to redraw, and yet 30 right answers don't prove that all are.
    found = macro_figures(np.diag([10, 10, 10]))
    assert found.f1 == found.recall == found.weighted_f1 == proportion(30, 30)
    one_wrong = macro_figures(np.array([[29, 1], [0, 30]]))
    assert one_wrong.f1.low <= one_wrong.f1.value - (59 / 60 - proportion(59, 60).low)


def test_the_f1_of_a_class_lies_in_its_interval_as_often_as_this_says() -> None:
    cells = np.array([0.45, 0.05, 0.05, 0.45])
    rng = np.random.default_rng(SEED)
    held = 0
    for _ in range(200):
        drawn = rng.multinomial(30, cells)
        truth = [("a", "b")[at] for at in np.repeat([0, 0, 1, 1], drawn)]
        answers = np.eye(2)[np.repeat([0, 1, 0, 1], drawn)]
        f1 = measure(truth, answers, ("a", "b"), LATENCY).per_class[0].f1
        held += f1.low <= 0.9 <= f1.high
    assert 0.91 <= held / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    confusion = np.array([[8, 2], [3, 7]])
    assert share_right(confusion) == share_right(confusion)
    many = np.array([[81, 22], [33, 74]])
    assert share_right(many) != share_right(many, SEED + 1)


@given(
    st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(any),
    st.integers(0, 2**32 - 1),
)
def test_a_bootstrap_holds_its_own_value(cells: list[int], seed: int) -> None:
    confusion = np.array(cells).reshape(3, 3)
    before = confusion.copy()
    found = share_right(confusion, seed)
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    assert (confusion == before).all()


@given(st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(any))
def test_as_many_rows_are_drawn_as_there_are(cells: list[int]) -> None:
    confusion = np.array(cells).reshape(3, 3)
    draws = redrawn(confusion)
    for counts in (draws.support, draws.given):
        assert counts.shape[1] == 3
        assert (counts.sum(1) == confusion.sum()).all()
    assert (draws.right <= draws.support).all()
    assert (draws.right <= draws.given).all()


@given(st.integers(1, 500), st.integers(1, 30))
def test_rows_are_drawn_with_replacement(rows: int, resamples: int) -> None:
    draws = np.concatenate(list(row_draws(rows, resamples, SEED)))
    assert draws.shape == (resamples, rows)
    assert (draws.sum(1) == rows).all()


def test_each_row_is_drawn_once_on_average() -> None:
    draws = np.concatenate(list(row_draws(50, 4000, SEED)))
    assert draws.mean(0) == pytest.approx(np.ones(50), abs=0.1)
    assert draws.var() == pytest.approx(1, abs=0.05)


def test_draws_without_a_figure_do_not_count() -> None:
    figures = np.array([np.nan, 0.4, 0.5, 0.6] * 100)
    found = corrected(0.5, figures)
    assert (found.low, found.high) == (0.4, 0.6)
    assert corrected(0.5, np.full(5, np.nan)) == Estimate(0.5, 0.5, 0.5)


def test_more_rows_give_a_narrower_interval() -> None:
    confusion = np.array([[8, 2], [3, 7]])
    few, many = (share_right(confusion * times) for times in (1, 100))
    assert many.high - many.low < (few.high - few.low) / 5
