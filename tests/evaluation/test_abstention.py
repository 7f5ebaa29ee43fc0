"""The promise about what is answered, kept as often as it must be."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classmark.evaluation import AbstainRule, abstain_rule, answered_share, candidate_thresholds

Rows = tuple[NDArray[np.float64], NDArray[np.bool_]]
# How often an answer of each confidence is right.
Rate = Callable[[NDArray[np.float64]], NDArray[np.float64]]

SEEDS = st.integers(0, 2**32 - 1)
ACCURACIES = st.sampled_from([0.6, 0.75, 0.8, 0.9, 0.95, 0.99])
RISKS = st.sampled_from([0.01, 0.05, 0.1, 0.3])


def honest(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Right as often as confident."""
    return confidences


def boastful(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The surest are the most often wrong: no confidence can be taken at its word."""
    return np.where(confidences > 0.95, 0.6, 0.6 + 0.37 * confidences)


def just_not(accuracy: float, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """By a hair less often right than promised, at every confidence."""
    return np.full_like(confidences, accuracy - 1e-6)


def drawn(rows: int, rng: np.random.Generator, rate: Rate = honest, tenths: bool = False) -> Rows:
    """Confidences, and whether each answer is right.

    Args:
        rows: How many.
        rng: Decides.
        rate: How often an answer of a confidence is right.
        tenths: Round confidences, so that many are equal.
    """
    confidences = rng.uniform(0.3, 1, rows)
    if tenths:
        confidences = confidences.round(1)
    return confidences, rng.random(rows) < rate(confidences)


def ruled(
    selection: Rows, calibration: Rows, accuracy: float = 0.9, risk: float = 0.05
) -> AbstainRule:
    thresholds = candidate_thresholds(*selection)
    return abstain_rule(thresholds, *calibration, accuracy=accuracy, risk=risk)


def true_accuracy(threshold: float, rate: Rate, tenths: bool = False) -> float:
    """Of a population that is known: the share of right ones among what is answered."""
    confidences = np.linspace(0.3, 1, 200_001)
    rounded = confidences.round(1) if tenths else confidences
    return float(rate(rounded)[rounded >= threshold].mean())


@pytest.mark.parametrize("tenths", [False, True], ids=["all differ", "many are equal"])
@pytest.mark.parametrize("rows", [40, 150, 600])
@pytest.mark.parametrize(
    "rate", [honest, boastful, partial(just_not, 0.8)], ids=["honest", "boastful", "just not"]
)
def test_the_promise_is_broken_no_more_often_than_the_risk_allows(
    rate: Rate, rows: int, tenths: bool
) -> None:
    rng = np.random.default_rng(rows)
    draws, accuracy, risk = 400, 0.8, 0.1
    broken = 0
    for _ in range(draws):
        selection, calibration = (drawn(rows, rng, rate, tenths) for _ in range(2))
        rule = ruled(selection, calibration, accuracy, risk)
        if rule.abstain_below is not None:
            broken += true_accuracy(rule.abstain_below, rate, tenths) < accuracy
    assert broken / draws <= risk + 3 * np.sqrt(risk * (1 - risk) / draws)


def test_a_promise_at_the_edge_is_broken_about_as_often_as_the_risk_says() -> None:
    # Not a rule that promises hardly ever: the risk is used.
    rng = np.random.default_rng(0)
    found = [
        ruled(drawn(600, rng, rate), drawn(600, rng, rate), 0.8, 0.1).abstain_below
        for rate in [partial(just_not, 0.8)] * 400
    ]
    assert np.mean([threshold is not None for threshold in found]) > 0.05


def test_with_enough_rows_nearly_all_is_answered_that_may_be() -> None:
    rng = np.random.default_rng(0)
    rule = ruled(drawn(20_000, rng), drawn(20_000, rng))
    # Answers above 0.8 are right in 90 of 100 cases, as confident as honest.
    assert rule.abstain_below == pytest.approx(0.83, abs=0.035)
    assert rule.coverage == pytest.approx((1 - 0.83) / 0.7, abs=0.05)


@given(SEEDS, st.sampled_from([60, 200, 1000]), ACCURACIES, ACCURACIES, RISKS)
def test_who_promises_less_answers_no_less(
    seed: int, rows: int, one: float, other: float, risk: float
) -> None:
    rng = np.random.default_rng(seed)
    selection, calibration = drawn(rows, rng), drawn(rows, rng)
    easy, hard = (
        ruled(selection, calibration, accuracy, risk) for accuracy in sorted((one, other))
    )
    assert easy.coverage >= hard.coverage
    if hard.abstain_below is not None:
        assert easy.abstain_below is not None
        assert easy.abstain_below <= hard.abstain_below


@given(SEEDS, st.sampled_from([60, 200, 1000]), ACCURACIES, RISKS, RISKS)
def test_who_risks_more_answers_no_less(
    seed: int, rows: int, accuracy: float, one: float, other: float
) -> None:
    rng = np.random.default_rng(seed)
    selection, calibration = drawn(rows, rng), drawn(rows, rng)
    careful, bold = (ruled(selection, calibration, accuracy, risk) for risk in sorted((one, other)))
    assert bold.coverage >= careful.coverage
    if careful.abstain_below is not None:
        assert bold.abstain_below is not None
        assert bold.abstain_below <= careful.abstain_below


@given(SEEDS, ACCURACIES, RISKS)
def test_too_few_rows_promise_nothing_and_tell_how_many_are_needed(
    seed: int, accuracy: float, risk: float
) -> None:
    rng = np.random.default_rng(seed)
    selection = drawn(50, rng)
    needed = ruled(selection, drawn(1, rng), accuracy, risk).rows_needed
    # All right by chance: that is how probable it would be.
    assert accuracy**needed <= risk < accuracy ** (needed - 1)
    few = rng.uniform(0.3, 1, needed - 1), np.ones(needed - 1, bool)
    rule = ruled(selection, few, accuracy, risk)
    assert (rule.abstain_below, rule.coverage, rule.rows) == (None, 0, needed - 1)
    enough = np.ones(needed), np.ones(needed, bool)
    assert ruled(selection, enough, accuracy, risk).abstain_below is not None


def test_for_nine_of_ten_and_one_in_twenty_29_rows_are_needed() -> None:
    rows = np.ones(29), np.ones(29, bool)
    rule = ruled(rows, rows)
    assert rule == AbstainRule(abstain_below=0.0, rows=29, rows_needed=29, coverage=1.0)


def test_a_model_that_is_always_right_leaves_nothing_unanswered() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random(100), np.ones(100, bool)
    assert ruled(rows, rows).abstain_below == 0
    assert ruled(rows, rows).coverage == 1


def test_a_model_that_is_never_right_promises_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = rng.random(1000), np.zeros(1000, bool)
    assert ruled(rows, rows).abstain_below is None


@pytest.mark.parametrize("empty", ["selection", "calibration", "both"])
def test_without_rows_nothing_is_promised(empty: str) -> None:
    none: Rows = (np.empty(0), np.empty(0, bool))
    some: Rows = (np.ones(100), np.ones(100, bool))
    selection = some if empty == "calibration" else none
    calibration = some if empty == "selection" else none
    assert ruled(selection, calibration).abstain_below is None


def test_calibration_rows_decide_nothing_about_what_is_tested() -> None:
    rng = np.random.default_rng(0)
    selection = drawn(200, rng)
    thresholds = candidate_thresholds(*selection)
    for _ in range(20):
        found = ruled(selection, drawn(400, rng), 0.75).abstain_below
        assert found is None or found in thresholds


@given(SEEDS, st.integers(1, 300), st.booleans())
def test_thresholds_never_rise_and_end_with_answering_all(
    seed: int, rows: int, tenths: bool
) -> None:
    confidences, right = drawn(rows, np.random.default_rng(seed), tenths=tenths)
    thresholds = candidate_thresholds(confidences, right)
    assert 1 <= len(thresholds) <= 20
    assert (np.diff(thresholds) <= 0).all()
    assert thresholds[-1] == 0
    assert set(thresholds[:-1]) <= set(confidences)


def test_a_threshold_lets_through_what_is_as_confident() -> None:
    found = answered_share(np.array([0.9, 0.8, 0.8, 0.3]), np.array([1, 1, 0, 0], bool), 0.8)
    assert found.coverage.value == 0.75
    assert found.accuracy.value == pytest.approx(2 / 3)
    assert found.abstain_below == 0.8
    assert found.coverage.low < 0.75 < found.coverage.high


def test_without_a_threshold_all_is_answered() -> None:
    found = answered_share(np.array([0.9, 0.1]), np.array([True, False]), None)
    assert (found.coverage.value, found.accuracy.value) == (1, 0.5)


def test_a_threshold_above_all_answers_nothing() -> None:
    found = answered_share(np.array([0.2, 0.1]), np.array([True, False]), 0.5)
    assert found.coverage.value == 0
    assert (found.accuracy.low, found.accuracy.high) == (0, 1)


def test_coverage_at_90_is_the_largest_share_with_so_many_right() -> None:
    right = np.array([True] * 9 + [False] + [True] * 5 + [False] * 5)
    found = answered_share(np.linspace(1, 0.1, 20), right, None)
    assert found.coverage_at_90 == 15 / 20
    assert answered_share(np.ones(3), np.zeros(3, bool), None).coverage_at_90 == 0


def test_equal_confidences_are_covered_together_or_not_at_all() -> None:
    # The first nine alone would be right.
    right = np.array([True] * 9 + [False] * 5)
    assert answered_share(np.full(14, 0.5), right, None).coverage_at_90 == 0
