"""The figures, held against scikit-learn and against tables that a hand can check."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)

from classmark.evaluation import Evaluation, latency_of, measure, proportion

LABELS = ("a", "a b", "é", "z")
LATENCY = latency_of([0.001])
# Prefixes, spaces and letters beyond ASCII: nothing of a label is parsed.
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


def sure_of(given: list[int], classes: int = 4) -> NDArray[np.float64]:
    """Probabilities whose largest is that of the class given."""
    found = np.full((len(given), classes), 0.3 / (classes - 1))
    found[np.arange(len(given)), given] = 0.7
    return found


def measured(truth: list[int], answers: list[int]) -> Evaluation:
    return measure([LABELS[index] for index in truth], sure_of(answers), LABELS, LATENCY)


@given(ROWS)
def test_the_figures_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = [true for true, _ in rows], [answer for _, answer in rows]
    found = measured(truth, answers)
    for average, estimate in (("macro", found.macro_f1), ("weighted", found.weighted_f1)):
        expected = f1_score(truth, answers, average=average, zero_division=0)
        assert estimate.value == pytest.approx(expected)
    assert found.micro_f1.value == pytest.approx(f1_score(truth, answers, average="micro"))
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, answers))
    precision, recall, _, _ = precision_recall_fscore_support(
        truth, answers, average="macro", zero_division=0
    )
    assert found.macro_precision.value == pytest.approx(precision)
    assert found.macro_recall.value == pytest.approx(recall)
    assert np.array(found.confusion).tolist() == (
        confusion_matrix(truth, answers, labels=range(4)).tolist()
    )


@given(ROWS)
def test_the_figures_of_each_class_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    truth, answers = [true for true, _ in rows], [answer for _, answer in rows]
    found = measured(truth, answers).per_class
    expected = precision_recall_fscore_support(truth, answers, labels=range(4), zero_division=0)
    assert [one.label for one in found] == list(LABELS)
    assert [one.precision.value for one in found] == pytest.approx(expected[0].tolist())
    assert [one.recall.value for one in found] == pytest.approx(expected[1].tolist())
    assert [one.f1.value for one in found] == pytest.approx(expected[2].tolist())
    assert [one.support for one in found] == expected[3].tolist()


def test_probabilities_of_single_precision_have_a_roc_auc() -> None:
    answers = np.random.default_rng(0).dirichlet(np.ones(4), 50).astype(np.float32)
    truth = [LABELS[index % 4] for index in range(50)]
    assert measure(truth, answers.astype(np.float64), LABELS, LATENCY).roc_auc is not None


def test_a_small_table_gives_what_a_hand_finds() -> None:
    # true a: 2 right, 1 given "a b"; true "a b": 1 right; true é: 1 given a; nothing of z.
    found = measured([0, 0, 0, 1, 2], [0, 0, 1, 1, 0])
    assert found.rows == 5
    assert found.confusion == ((2, 1, 0, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 0, 0, 0))
    assert found.accuracy == proportion(3, 5)
    assert found.per_class[0].precision == proportion(2, 3)
    assert found.per_class[0].recall == proportion(2, 3)
    assert found.per_class[1].precision == proportion(1, 2)
    assert found.per_class[1].f1.value == pytest.approx(2 / 3)
    assert found.macro_f1.value == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.macro_precision.value == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found.macro_recall.value == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.weighted_f1.value == pytest.approx((3 * 2 / 3 + 2 / 3) / 5)
    assert found.mean_confidence == pytest.approx(0.7)


def test_a_class_that_is_given_but_has_no_rows_lowers_all_three_macro_figures_alike() -> None:
    found = measured([0, 0, 1, 1], [0, 0, 1, 2])
    assert found.macro_precision.value == pytest.approx(2 / 3)
    assert found.macro_recall.value == pytest.approx(0.5)
    assert found.macro_f1.value == pytest.approx((1 + 2 / 3 + 0) / 3)


@pytest.mark.parametrize("right", [True, False])
def test_one_row_is_enough(right: bool) -> None:
    found = measured([0], [0 if right else 1])
    assert found.accuracy.value == right
    assert found.macro_f1.value == right
    assert found.accuracy.high - found.accuracy.low > 0.7
    assert found.roc_auc is None


def test_of_equally_probable_classes_the_first_is_given() -> None:
    tied = np.array([[0.25, 0.25, 0.25, 0.25]])
    assert measure(["a"], tied, LABELS, LATENCY).accuracy.value == 1


@given(ROWS)
def test_every_figure_lies_inside_its_interval(rows: list[tuple[int, int]]) -> None:
    found = measured([true for true, _ in rows], [answer for _, answer in rows])
    estimates = [found.accuracy, found.macro_f1, found.micro_f1, found.weighted_f1]
    estimates += [found.macro_precision, found.macro_recall]
    estimates += [found.roc_auc] if found.roc_auc else []
    for metrics in found.per_class:
        estimates += [metrics.precision, metrics.recall, metrics.f1]
    for estimate in estimates:
        assert 0 <= estimate.low <= estimate.value + 1e-12
        assert estimate.value - 1e-12 <= estimate.high <= 1


def test_the_same_rows_in_another_order_give_the_same_figures() -> None:
    rng = np.random.default_rng(0)
    truth, answers = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    order = rng.permutation(60)
    one = measured(truth.tolist(), answers.tolist())
    other = measured(truth[order].tolist(), answers[order].tolist())
    assert one.confusion == other.confusion
    assert one.macro_f1 == other.macro_f1


def test_a_thousand_classes_fit_into_memory() -> None:
    labels = tuple(f"class {index}" for index in range(1000))
    truth = [labels[index % 1000] for index in range(1200)]
    answers = sure_of([(index * 7) % 1000 for index in range(1200)], 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure(truth, answers, labels, LATENCY)
    assert found.macro_f1.low <= found.macro_f1.value <= found.macro_f1.high


def test_latency_is_told_in_milliseconds() -> None:
    found = latency_of([0.001] * 98 + [0.050, 0.100])
    assert found.mean_ms == pytest.approx(2.48)
    assert found.p50_ms == 1
    assert found.p95_ms == 1
    assert found.p99_ms == pytest.approx(50.5, abs=0.1)
    assert latency_of([0.002]).p99_ms == 2
