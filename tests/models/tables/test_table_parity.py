"""The verdict of the gate for tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classmark.errors import ParityError
from classmark.models import TableParity, table_parity

NUMBERS = arrays(np.float64, (5, 1), elements=st.floats(-1e6, 1e6))


@given(NUMBERS)
def test_equal_outputs_pass(numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    assert table_parity((numbers,), (numbers.copy(),)) == TableParity(5, 0.0)


@given(NUMBERS, st.integers(0, 4), st.floats(1e-3, 1e3))
def test_one_row_that_differs_is_enough(
    numbers: np.ndarray[tuple[int, ...], np.dtype[np.float64]], row: int, gap: float
) -> None:
    other = numbers.copy()
    other[row] += gap * (1 + abs(other[row]))
    with pytest.raises(ParityError, match="5 validation rows"):
        table_parity((numbers,), (other,))


def test_what_32_bits_lose_is_no_difference() -> None:
    outputs = np.random.default_rng(0).normal(0, 100, (50, 3))
    found = table_parity((outputs,), (outputs.astype(np.float32).astype(np.float64),))
    assert 0 < found.largest_gap < 1e-4


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_passes_on_neither_side(strange: float) -> None:
    good, bad = np.array([[0.2, 0.8]]), np.array([[0.2, strange]])
    for parent, answers in ((good, bad), (bad, good), (bad, bad)):
        with pytest.raises(ParityError, match="no numbers"):
            table_parity((parent,), (answers,))


def test_outputs_of_another_shape_are_refused() -> None:
    one = np.zeros((3, 2))
    for answers in ((one[:2],), (one[:, :1],), (one, one), ()):
        with pytest.raises(ParityError, match="another shape"):
            table_parity((one,), answers)
