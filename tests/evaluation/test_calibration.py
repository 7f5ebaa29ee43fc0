"""Temperatures and lines that mend confidences, and the figures that tell whether they must be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from classmark.evaluation import (
    calibration_error,
    calibration_quality,
    fitted_isotonic,
    fitted_temperature,
    reliability_bins,
)
from classmark.models import Calibration

Probabilities = NDArray[np.float64]
Classes = NDArray[np.int64]

SEEDS = st.integers(0, 2**32 - 1)


def softmax(scores: Probabilities) -> Probabilities:
    exponents = np.exp(scores - scores.max(1, keepdims=True))
    found: Probabilities = exponents / exponents.sum(1, keepdims=True)
    return found


def known_model(
    rows: int, sharpening: float = 1.0, classes: int = 4, seed: int = 0
) -> tuple[Probabilities, Classes]:
    """What a model says whose true probabilities are known, and a truth drawn from these.

    Args:
        rows: How many.
        sharpening: By how much its scores are too large: its right temperature.
        classes: How many.
        seed: The same seed gives the same rows.
    """
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (rows, classes))
    truth = (softmax(scores).cumsum(1) > rng.random((rows, 1))).argmax(1)
    return softmax(scores * sharpening), truth


def applied(calibration: Calibration, probabilities: Probabilities) -> Probabilities:
    return np.array([calibration.applied(row) for row in probabilities])


@pytest.mark.parametrize("sharpening", [0.5, 1.0, 3.0])
def test_the_right_temperature_is_found(sharpening: float) -> None:
    probabilities, truth = known_model(5000, sharpening)
    assert fitted_temperature(probabilities, truth).temperature == pytest.approx(
        sharpening, rel=0.1
    )


@given(st.floats(0.2, 5), st.integers(2, 6), SEEDS)
def test_no_other_temperature_has_a_lower_log_loss(
    sharpening: float, classes: int, seed: int
) -> None:
    probabilities, truth = known_model(300, sharpening, classes, seed)
    found = fitted_temperature(probabilities, truth).temperature or 0.0

    def loss(temperature: float) -> float:
        mended = applied(Calibration(temperature), probabilities)
        # Its own prior beside: it weighs as much as one row.
        prior = np.log(temperature) ** 2 / 2
        return float(log_loss(truth, mended, labels=range(classes), normalize=False) + prior)

    assert loss(found) <= min(loss(found * 0.98), loss(found * 1.02)) + 1e-6


@pytest.mark.parametrize("rows", [1, 3, 10, 1000])
def test_rows_that_are_all_right_do_not_make_every_answer_certain(rows: int) -> None:
    probabilities = np.tile([0.7, 0.2, 0.1], (rows, 1))
    temperature = fitted_temperature(probabilities, np.zeros(rows, np.int64)).temperature or 0.0
    assert 0.05 < temperature < 1
    if rows <= 10:
        assert applied(Calibration(temperature), probabilities).max() < 0.99


def test_rows_that_are_all_wrong_give_a_temperature_within_bounds() -> None:
    probabilities = np.tile([1.0, 0.0, 0.0], (500, 1))
    found = fitted_temperature(probabilities, np.ones(500, np.int64)).temperature
    assert found == pytest.approx(20, rel=1e-3)


def test_isotonic_lines_mend_what_no_temperature_can() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.5, 1, 4000)
    # Right in three of four cases, however sure.
    truth = (rng.random(4000) > 0.75).astype(np.int64)
    probabilities = np.column_stack([confidences, 1 - confidences])
    mended = applied(fitted_isotonic(probabilities, truth), probabilities)
    hot = applied(fitted_temperature(probabilities, truth), probabilities)
    assert abs(mended[:, 0] - 0.75).mean() < 0.02
    assert abs(hot[:, 0] - 0.75).mean() > 0.05


@given(st.integers(1, 60), st.integers(2, 6), SEEDS)
def test_isotonic_lines_never_fall_and_call_nothing_impossible(
    rows: int, classes: int, seed: int
) -> None:
    probabilities, truth = known_model(rows, 2.0, classes, seed)
    for index, line in enumerate(fitted_isotonic(probabilities, truth).knots):
        assert (np.diff(line.given) > 0).all()
        assert (np.diff(line.calibrated) >= 0).all()
        if (truth == index).any():
            assert 0 < line.calibrated.min() <= line.calibrated.max() < 1
        else:
            assert line.given.tolist() == line.calibrated.tolist() == [0, 1]


@given(st.integers(1, 200), st.integers(2, 5), SEEDS)
def test_brier_score_and_log_loss_are_their_definitions(rows: int, classes: int, seed: int) -> None:
    probabilities, truth = known_model(rows, 1.5, classes, seed)
    found = calibration_quality(probabilities, truth)
    assert found.log_loss == pytest.approx(
        log_loss(truth, probabilities, labels=list(range(classes)))
    )
    told = np.eye(classes)[truth]
    assert found.brier == pytest.approx(((probabilities - told) ** 2).sum(1).mean())


def test_a_single_zero_makes_no_figure_infinite() -> None:
    found = calibration_quality(np.array([[1.0, 0.0]]), np.array([1]))
    assert found.brier == 2
    assert 30 < found.log_loss < 40


def test_the_error_is_found_that_was_made() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.5, 1, 20_000)
    right = rng.random(20_000) < confidences - 0.1
    found = calibration_error(confidences, right)
    assert found.value == pytest.approx(0.1, abs=0.01)
    assert found.low < 0.1 < found.high


@pytest.mark.parametrize(("rows", "gap"), [(40, 0.0), (200, 0.0), (1000, 0.03), (1000, 0.1)])
def test_the_interval_of_the_error_holds_it_nearly_always(rows: int, gap: float) -> None:
    rng = np.random.default_rng(rows)
    held = []
    for _ in range(200):
        confidences = rng.uniform(0.4, 0.9, rows)
        found = calibration_error(confidences, rng.random(rows) < confidences - gap)
        held.append(found.low <= gap <= found.high)
    assert np.mean(held) > 0.9


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=60), SEEDS)
def test_the_error_lies_in_its_interval_and_does_not_know_the_order_of_rows(
    rows: list[tuple[int, bool]], seed: int
) -> None:
    confidences = np.array([tenths / 10 for tenths, _ in rows])
    right = np.array([is_right for _, is_right in rows])
    found = calibration_error(confidences, right)
    assert 0 <= found.low <= found.value <= found.high <= 1
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = calibration_error(confidences[order], right[order])
    assert (shuffled.low, shuffled.value, shuffled.high) == pytest.approx(
        (found.low, found.value, found.high)
    )


def test_few_rows_that_are_all_right_leave_the_error_open() -> None:
    found = calibration_error(np.ones(30), np.ones(30, bool))
    assert found.value == 0
    assert found.high > 0.01


def test_the_figures_tell_a_mended_model_from_one_that_is_too_sure() -> None:
    probabilities, truth = known_model(4000, 3.0)
    mended = applied(fitted_temperature(*known_model(1000, 3.0, seed=1)), probabilities)
    before, after = (calibration_quality(rows, truth) for rows in (probabilities, mended))
    assert after.error.value < before.error.low
    assert after.error.low == 0
    assert after.log_loss < before.log_loss
    assert after.brier < before.brier


def test_bins_hold_about_as_many_rows_each_the_least_confident_first() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.random(1500)
    bins = reliability_bins(confidences, rng.random(1500) < confidences)
    assert [one.rows for one in bins] == [100] * 15
    means = [one.confidence for one in bins]
    assert means == sorted(means)
    assert all(one.accuracy.low <= one.accuracy.value <= one.accuracy.high for one in bins)


def test_equal_confidences_are_in_one_bin() -> None:
    confidences = np.array([0.5] * 90 + [0.9] * 60)
    bins = reliability_bins(confidences, np.arange(150) % 3 > 0)
    assert [one.rows for one in bins] == [90, 60]
    assert [one.confidence for one in bins] == pytest.approx([0.5, 0.9])
    assert sum(one.rows for one in reliability_bins(np.array([0.3]), np.array([True]))) == 1
