"""Chance: exact tests, and what is left of them where many are made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.evaluation.significance import fisher, holm, mcnemar

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(P_VALUES, st.floats(0.001, 0.999))
def test_holm_rejects_step_by_step_from_the_smallest(p_values: list[float], level: float) -> None:
    # As the paper writes it: the smallest against level / m, the next against level / (m - 1),
    # and so on until the first one that is not below.
    rejected: set[int] = set()
    for step, at in enumerate(np.argsort(p_values, kind="stable").tolist()):
        if p_values[at] * (len(p_values) - step) > level:
            break
        rejected.add(at)
    assert {at for at, one in enumerate(holm(p_values)) if one <= level} == rejected


@given(P_VALUES)
def test_no_test_counts_for_more_among_others(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(one >= p for one, p in zip(found, p_values, strict=True))
    assert holm(p_values[:1]) == p_values[:1]


def test_no_tests_leave_nothing_to_adjust() -> None:
    assert holm([]) == []


def test_among_tests_of_nothing_one_is_significant_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(42)
    wrongly = [min(holm(rng.random(15).tolist())) < 0.05 for _ in range(2000)]
    assert np.mean(wrongly) <= 0.06


def test_mcnemar_s_test_is_that_of_fair_coins() -> None:
    assert mcnemar(0, 0) == mcnemar(4, 4) == 1
    assert mcnemar(0, 6) == mcnemar(6, 0) == pytest.approx(2 / 64)


def test_fisher_s_test_is_that_of_the_tea_lady() -> None:
    assert fisher(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher(4, 4, 0, 4) == pytest.approx(2 / 70)
