"""The area under the ROC curve: scikit-learn's, with an interval that can be believed."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from classmark.evaluation import proportion
from classmark.evaluation.ranking import roc_auc

SEED = 42


@given(
    classes=st.integers(2, 4),
    rows=st.integers(1, 30),
    digits=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_it_is_the_mean_of_scikit_learn_s_over_the_classes_that_have_rows(
    classes: int, rows: int, digits: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, rows)
    # Few digits make many rows equally probable.
    answers = rng.dirichlet(np.ones(classes), rows).round(digits)
    found = roc_auc(truth, answers)
    present = set(truth.tolist())
    if len(present) == 1:
        assert found is None
        return
    areas = [roc_auc_score(truth == index, answers[:, index]) for index in present]
    assert found is not None
    assert found.value == pytest.approx(np.mean(areas))
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1


def test_of_two_classes_either_is_the_positive_one() -> None:
    rng = np.random.default_rng(SEED)
    truth, shares = rng.integers(0, 2, 50), rng.random(50)
    found = roc_auc(truth, np.column_stack([1 - shares, shares]))
    assert found is not None
    assert found.value == pytest.approx(roc_auc_score(truth, shares))


@pytest.mark.parametrize(("rows", "apart"), [(80, 1.5), (200, 2.5)])
def test_the_interval_holds_the_truth_as_often_as_it_says(rows: int, apart: float) -> None:
    rng = np.random.default_rng(SEED)
    truth_of_all = norm.cdf(apart / np.sqrt(2))
    held = 0
    for _ in range(150):
        truth = rng.integers(0, 3, rows)
        scores = rng.normal(size=(rows, 3))
        scores[np.arange(rows), truth] += apart
        found = roc_auc(truth, scores)
        held += found is not None and found.low <= truth_of_all <= found.high
    assert 0.90 <= held / 150 <= 0.99


def test_rows_that_are_all_ranked_rightly_do_not_prove_that_all_will_be() -> None:
    truth = np.array([0, 0, 1, 1, 1])
    right, wrong = np.eye(2)[truth], np.eye(2)[1 - truth]
    assert roc_auc(truth, right) == proportion(5, 5)
    assert roc_auc(truth, wrong) == proportion(0, 5)


def test_three_thousand_rows_of_ten_classes_take_no_longer_than_a_moment() -> None:
    rng = np.random.default_rng(SEED)
    truth, answers = rng.integers(0, 10, 3000), rng.dirichlet(np.ones(10), 3000)
    start = time.process_time()
    roc_auc(truth, answers)
    assert time.process_time() - start < 3
