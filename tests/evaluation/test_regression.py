"""Predicted numbers: the figures of scikit-learn, each with an interval that keeps its word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)

from classmark.errors import RecordError
from classmark.evaluation import latency_of, measure_regression

SHAPES = st.tuples(st.integers(2, 30), st.integers(1, 3))
NUMBERS = st.floats(-1000, 1000, width=32)
TABLES = SHAPES.flatmap(lambda shape: st.tuples(*[arrays(np.float64, shape, elements=NUMBERS)] * 2))


@given(TABLES)
def test_the_figures_are_those_of_scikit_learn(tables: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = tables
    names = [f"target {number}" for number in range(truth.shape[1])]
    found = measure_regression(truth, predicted, names)
    assert found.rows == len(truth)
    assert found.mse.value == pytest.approx(mean_squared_error(truth, predicted))
    assert found.rmse.value == pytest.approx(root_mean_squared_error(truth, predicted))
    assert found.mae.value == pytest.approx(mean_absolute_error(truth, predicted))
    assert [one.name for one in found.per_target] == names
    for at, one in enumerate(found.per_target):
        expected, given_ = truth[:, at], predicted[:, at]
        assert one.mae.value == pytest.approx(mean_absolute_error(expected, given_))
        if one.r2 is None:
            assert np.ptp(expected) == pytest.approx(0, abs=1e-6)
        else:
            assert one.r2.value == pytest.approx(r2_score(expected, given_), rel=1e-6)


@given(TABLES)
def test_every_figure_lies_inside_its_interval(tables: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = tables
    found = measure_regression(truth, predicted, [str(at) for at in range(truth.shape[1])])
    for one in found.per_target:
        for estimate in (one.mse, one.rmse, one.mae, one.r2):
            if estimate is not None:
                slack = 1e-9 * (1 + abs(estimate.value))
                assert estimate.low - slack <= estimate.value <= estimate.high + slack


def test_one_target_may_be_a_plain_column() -> None:
    truth, predicted = [1.0, 2.0, 4.0], [1.0, 3.0, 4.0]
    found = measure_regression(truth, predicted, ["price"], latency_of([0.002]))
    assert found.mse.value == found.mae.value == pytest.approx(1 / 3)
    assert found == measure_regression(
        [[one] for one in truth], [[one] for one in predicted], ["price"], latency_of([0.002])
    )
    assert found.latency is not None
    assert found.latency.mean_ms == 2


def test_a_target_that_does_not_vary_has_no_r2_and_the_mean_is_of_the_others() -> None:
    rng = np.random.default_rng(0)
    truth = np.column_stack([np.full(40, 0.1), rng.normal(size=40)])
    predicted = truth + rng.normal(size=(40, 2)) / 10
    found = measure_regression(truth, predicted, ["still", "moving"])
    assert found.per_target[0].r2 is None
    assert found.r2 == found.per_target[1].r2
    assert measure_regression(truth[:, 0], predicted[:, 0], ["still"]).r2 is None


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_plays_no_part(scale: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=60) + 50
    predicted = truth + rng.normal(size=60)
    plain = measure_regression(truth, predicted, ["x"])
    scaled = measure_regression(truth * scale, predicted * scale, ["x"])
    assert plain.r2 is not None
    assert scaled.r2 is not None
    assert scaled.r2.low == pytest.approx(plain.r2.low, rel=1e-6)
    assert scaled.mae.high == pytest.approx(plain.mae.high * scale, rel=1e-6)


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(42)
    # Errors of variance 1 beside a truth of variance 5.
    truth_of_all = {"mse": 1.0, "rmse": 1.0, "mae": np.sqrt(2 / np.pi), "r2": 0.8}
    held = dict.fromkeys(truth_of_all, 0)
    for _ in range(200):
        known = rng.normal(0, 2, 200)
        found = measure_regression(known + rng.normal(size=200), known, ["x"])
        for figure, value in truth_of_all.items():
            estimate = getattr(found, figure)
            held[figure] += estimate.low <= value <= estimate.high
    assert all(0.90 <= number / 200 <= 0.99 for number in held.values())


def test_many_rows_drawn_in_packets_vary_as_rows_do() -> None:
    rng = np.random.default_rng(42)
    truth = rng.normal(size=40_000)
    found = measure_regression(truth, truth + rng.normal(size=40_000), ["x"])
    # The mean of 40,000 squares of a normal error varies by the root of 2 / 40,000.
    half = 1.96 * np.sqrt(2 / 40_000)
    assert (found.mse.high - found.mse.low) / 2 == pytest.approx(half, rel=0.1)


def test_exact_predictions_are_told_as_such() -> None:
    found = measure_regression([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], ["x"])
    assert found.mse.value == found.mae.value == 0
    assert found.r2 is not None
    assert found.r2.value == 1


@pytest.mark.parametrize(
    ("truth", "predicted", "names", "said"),
    [
        ([], [], ["x"], "no rows"),
        ([1.0, 2.0], [1.0], ["x"], r"\(2, 1\).*\(1, 1\)"),
        ([1.0, 2.0], [1.0, 2.0], ["x", "y"], "for 2 targets"),
        ([1.0, float("nan")], [1.0, 2.0], ["x"], "1 true .* nan of 'x' in row 1"),
        ([1.0, 2.0], [float("inf"), 2.0], ["x"], "1 predicted .* inf of 'x' in row 0"),
    ],
)
def test_what_can_t_be_measured_is_refused(
    truth: list[float], predicted: list[float], names: list[str], said: str
) -> None:
    with pytest.raises(RecordError, match=said):
        measure_regression(truth, predicted, names)
