"""Thresholds of labels: where the F1 of each is highest on texts that were not learned from."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from classmark.models.problem import chosen_thresholds, decided

# What an export may move a probability by, taken twice.
GAP = 1e-4
decisions = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 1), st.floats(0, 1e-3), st.sampled_from([0.0, 0.5, 0.5 + 1e-8])),
        st.booleans(),
    ),
    min_size=10,
    max_size=60,
).filter(lambda all_of_them: sum(has for _, has in all_of_them) >= 5)


def test_each_threshold_gives_the_highest_f1_that_any_threshold_gives() -> None:
    rng = np.random.default_rng(7)
    targets = (rng.random((200, 4)) < [0.15, 0.3, 0.5, 0.9]).astype(np.float32)
    probabilities = np.round(0.3 * targets.astype(np.float64) + 0.7 * rng.random((200, 4)), 2)
    for column, threshold in enumerate(chosen_thresholds(probabilities, targets)):
        given, true = probabilities[:, column], targets[:, column]
        best = max(f1_score(true, given >= cut) for cut in np.unique(given))
        assert f1_score(true, given >= threshold) == pytest.approx(best)


def test_a_threshold_lies_between_probabilities_that_occur() -> None:
    targets = np.array([[1]] * 10 + [[0]] * 6, np.float32)
    probabilities = np.array([[0.6]] * 10 + [[0.2]] * 6)
    assert chosen_thresholds(probabilities, targets) == pytest.approx((0.4,))


@given(decisions)
def test_a_threshold_lies_in_a_wide_gap_and_is_as_good_as_any_other_that_does(
    of_texts: list[tuple[float, bool]],
) -> None:
    given, has = np.array([one for one, _ in of_texts]), np.array([one for _, one in of_texts])
    (threshold,) = chosen_thresholds(given[:, np.newaxis], has[:, np.newaxis].astype(np.float32))
    values = np.append(0.0, np.unique(given))
    cuts = [(above + below) / 2 for below, above in pairwise(values) if above - below >= GAP]
    if np.ptp(given) < GAP and has.mean() < 0.5:
        assert threshold == 0.5
        return
    # From 0 on all texts are given the label, however an export moves their probabilities.
    assert threshold == 0 or np.abs(given - threshold).min() >= GAP / 2 - 1e-12
    best = max(f1_score(has, given >= cut) for cut in [0.0, *cuts])
    assert f1_score(has, given >= threshold) == pytest.approx(best)


def test_what_an_export_changes_in_the_last_digits_changes_no_decision() -> None:
    targets = np.array([[1]] * 10 + [[0]] * 20, np.float32)
    probabilities = np.array([[0.3]] * 10 + [[0.3 - 1e-8]] * 3 + [[0.1]] * 17)
    (threshold,) = chosen_thresholds(probabilities, targets)
    assert threshold == pytest.approx(0.2)


def test_a_label_is_given_to_all_where_that_is_best_even_if_one_has_a_probability_of_0() -> None:
    probabilities = np.append(np.linspace(0.2, 0.9, 29), 0.0)[:, np.newaxis]
    all_but_one = np.ones((30, 1), np.float32)
    all_but_one[15] = 0
    assert chosen_thresholds(probabilities, all_but_one) == (0.0,)
    all_but_the_last = np.ones((30, 1), np.float32)
    all_but_the_last[29] = 0
    assert chosen_thresholds(probabilities, all_but_the_last) == pytest.approx((0.1,))


@pytest.mark.parametrize(
    ("alike", "positives", "threshold"),
    [(0.0, 10, 0.5), (0.0, 20, 0.0), (0.3, 10, 0.5), (0.3, 20, 0.15)],
)
def test_a_label_that_no_probability_speaks_for_is_given_to_all_only_if_most_have_it(
    alike: float, positives: int, threshold: float
) -> None:
    targets = np.array([[1]] * positives + [[0]] * (30 - positives), np.float32)
    found = chosen_thresholds(np.full((30, 1), alike), targets)
    assert found == pytest.approx((threshold,))


@pytest.mark.parametrize(("positives", "threshold"), [(0, 0.5), (4, 0.5), (5, 0.06)])
def test_a_label_that_few_texts_have_keeps_the_usual_threshold(
    positives: int, threshold: float
) -> None:
    targets = np.array([[1.0]] * positives + [[0.0]] * (30 - positives), np.float32)
    probabilities = np.where(targets > 0, 0.1, 0.02)
    assert chosen_thresholds(probabilities, targets) == pytest.approx((threshold,))


def test_labels_that_few_texts_have_share_the_threshold_that_is_best_for_all_of_them() -> None:
    targets = np.zeros((40, 3), np.float32)
    targets[:20, 0] = targets[20:27, 1] = targets[27:33, 2] = 1
    probabilities = np.where(targets > 0, [0.8, 0.3, 0.2], [0.4, 0.1, 0.1])
    assert chosen_thresholds(probabilities, targets) == pytest.approx((0.6, 0.15, 0.15))


def test_a_label_that_all_texts_have_is_given_to_all() -> None:
    probabilities = np.linspace(0.1, 0.9, 30)[:, np.newaxis]
    thresholds = chosen_thresholds(probabilities, np.ones((30, 1), np.float32))
    assert decided(probabilities, thresholds).all()


def test_without_thresholds_each_text_gets_its_most_probable_label() -> None:
    probabilities = np.array([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]])
    assert decided(probabilities, ()).tolist() == [[1], [0], [0]]
    assert decided(probabilities, (0.5, 0.5)).tolist() == [
        [False, True],
        [True, False],
        [True, True],
    ]
