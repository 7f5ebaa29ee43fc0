"""Two classifiers on the same rows: a fair test, and an interval that keeps its word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation import Comparison, compare, flips, flips_csv
from classmark.models import Answer

ANSWERS = st.lists(st.tuples(*[st.sampled_from(["x", "y", "z"])] * 3), min_size=1, max_size=60)


def table(both: int, only_a: int, only_b: int, neither: int) -> Comparison:
    """What is said of so many rows that both, one or none of them get right."""
    a = ["t"] * both + ["t"] * only_a + ["f"] * only_b + ["f"] * neither
    b = ["t"] * both + ["f"] * only_a + ["t"] * only_b + ["f"] * neither
    return compare(["t"] * len(a), a, b)


@given(ANSWERS)
def test_the_p_value_is_that_of_the_exact_sign_test(rows: list[tuple[str, str, str]]) -> None:
    truth, a, b = (list(column) for column in zip(*rows, strict=True))
    found = compare(truth, a, b)
    only_a = sum(true == one != other for true, one, other in rows)
    only_b = sum(true == other != one for true, one, other in rows)
    assert (found.only_a_right, found.only_b_right) == (only_a, only_b)
    expected = binomtest(only_b, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert found.p_value == pytest.approx(expected)
    assert found.rows == len(rows)
    assert found.accuracy_a == pytest.approx(np.mean([true == one for true, one, _ in rows]))
    assert found.accuracy_b == pytest.approx(np.mean([true == one for true, _, one in rows]))
    assert found.difference.value == pytest.approx(found.accuracy_b - found.accuracy_a)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [(0, 0, 1), (1, 1, 1), (0, 1, 1), (0, 5, 0.0625), (0, 6, 0.03125), (1, 9, 22 / 1024)],
)
def test_small_tables_give_what_a_hand_finds(only_a: int, only_b: int, p_value: float) -> None:
    found = table(both=20, only_a=only_a, only_b=only_b, neither=4)
    assert found.p_value == pytest.approx(p_value)
    assert found.winner == ("b" if p_value < 0.05 else None)


@pytest.mark.parametrize(("only_a", "only_b"), [(3, 15), (40, 20), (7, 7), (0, 30)])
def test_the_p_value_is_twice_the_smaller_tail(only_a: int, only_b: int) -> None:
    tail = binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)
    assert table(50, only_a, only_b, 10).p_value == pytest.approx(min(1, 2 * tail))


@given(ANSWERS)
def test_swapping_the_two_turns_everything_round(rows: list[tuple[str, str, str]]) -> None:
    truth, a, b = (list(column) for column in zip(*rows, strict=True))
    one, other = compare(truth, a, b), compare(truth, b, a)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.difference.value == -other.difference.value
    assert (one.accuracy_a, one.accuracy_b) == (other.accuracy_b, other.accuracy_a)
    assert (one.only_a_right, one.only_b_right) == (other.only_b_right, other.only_a_right)
    assert one.winner == {"a": "b", "b": "a", None: None}[other.winner]
    # The interval is drawn at random, so that it turns to within a row or two.
    assert one.difference.low == pytest.approx(-other.difference.high, abs=2 / len(rows))
    assert one.difference.high == pytest.approx(-other.difference.low, abs=2 / len(rows))


@given(ANSWERS)
def test_identical_answers_have_no_winner(rows: list[tuple[str, str, str]]) -> None:
    truth, a, _ = (list(column) for column in zip(*rows, strict=True))
    found = compare(truth, a, a)
    assert found.p_value == 1
    assert found.winner is None
    assert found.difference.value == 0


@given(ANSWERS)
def test_the_difference_lies_inside_its_interval(rows: list[tuple[str, str, str]]) -> None:
    truth, a, b = (list(column) for column in zip(*rows, strict=True))
    found = compare(truth, a, b).difference
    assert -1 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_a_few_rows_on_which_both_agree_do_not_prove_them_equal() -> None:
    few, many = table(10, 0, 0, 0).difference, table(10_000, 0, 0, 0).difference
    assert few.low < 0 < few.high
    assert many.high - many.low < 0.001


def test_the_same_answers_give_the_same_interval() -> None:
    assert table(20, 3, 7, 4) == table(20, 3, 7, 4)


def test_without_a_difference_a_winner_is_seldom_named() -> None:
    rng = np.random.default_rng(42)
    winners = 0
    for _ in range(500):
        right = rng.random((2, 80)) < 0.8
        a, b = np.where(right, "t", "f").tolist()
        winners += compare(["t"] * 80, a, b).winner is not None
    assert winners / 500 <= 0.07


@pytest.mark.parametrize(
    ("rows", "only_a", "only_b"), [(40, 0.03, 0.0), (40, 0.1, 0.02), (100, 0.05, 0.05)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    rows: int, only_a: float, only_b: float
) -> None:
    shares = [only_a, only_b, 1 - only_a - only_b]
    draws = np.random.default_rng(42).multinomial(rows, shares, size=300)
    held = 0
    for count_a, count_b, rest in draws.tolist():
        found = table(rest, count_a, count_b, 0).difference
        held += found.low - 1e-12 <= only_b - only_a <= found.high + 1e-12
    assert held / 300 >= 0.92


def test_a_real_difference_is_found() -> None:
    found = table(both=700, only_a=40, only_b=100, neither=160)
    assert found.winner == "b"
    assert found.difference.low > 0
    assert found.difference.value == pytest.approx(0.06)


def test_no_rows_can_not_be_compared() -> None:
    with pytest.raises(RecordError, match="no documents"):
        compare([], [], [])


def test_lists_of_different_lengths_are_not_compared() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        compare(["t", "t"], ["t", "t"], ["t"])


def test_each_class_is_compared_for_itself() -> None:
    truth = ["x"] * 40 + ["y"] * 40 + ["z"]
    a = ["x"] * 40 + ["f"] * 20 + ["y"] * 20 + ["z"]
    b = ["f"] * 12 + ["x"] * 28 + ["y"] * 40 + ["f"]
    found = compare(truth, a, b)
    assert [(one.label, one.rows) for one in found.per_class] == [("x", 40), ("y", 40), ("z", 1)]
    worse, better, single = found.per_class
    assert (worse.recall_a, worse.recall_b) == (1.0, 0.7)
    assert (worse.only_a_right, worse.only_b_right) == (12, 0)
    assert worse.p_value == pytest.approx(2 / 2**12)
    # Three tests: the second smallest p-value counts twice, the largest for itself.
    assert worse.adjusted == pytest.approx(2 * worse.p_value)
    assert better.adjusted == pytest.approx(3 * better.p_value)
    assert single.adjusted == 1
    assert found.regressions == (worse,)


def test_agreement_counts_wrong_answers_that_are_the_same_too() -> None:
    assert compare(["t"] * 4, ["t", "f", "f", "t"], ["t", "f", "g", "f"]).agreement == 0.5


def test_flips_are_the_documents_that_get_different_labels() -> None:
    documents = [Document(str(row), f"text {row}", "x", "=1+1") for row in range(4)]
    a = [Answer(label, 0.9, (0.9, 0.1), (label,)) for label in "xxyy"]
    b = [Answer(label, 0.6, (0.6, 0.4), (label,)) for label in "xyxz"]
    found = flips(documents, a, b)
    assert [(one.document.id, one.a.label, one.b.label) for one in found] == [
        ("1", "x", "y"),
        ("2", "y", "x"),
        ("3", "y", "z"),
    ]
    assert flips_csv(found).splitlines() == [
        "id,true,a,b,confidence_a,confidence_b,right,title",
        "1,x,x,y,0.9,0.6,a,'=1+1",
        "2,x,y,x,0.9,0.6,b,'=1+1",
        "3,x,y,z,0.9,0.6,,'=1+1",
    ]
