"""What a search may try of a parameter."""

from itertools import pairwise
from math import isclose

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classmark.models import CATALOGUE, Choices, Range, family_class

NUMBERS = st.floats(1e-6, 1e6)


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans())
def test_a_grid_ascends_from_one_end_of_a_range_to_the_other(
    low: float, high: float, is_log: bool, is_whole: bool
) -> None:
    ends = sorted(map(round, (low, high))) if is_whole else sorted((low, high))
    assume(ends[0] < ends[1] and ends[0] > 0)
    # Ends that differ in their seventh digit alone have nothing between that six can write.
    assume(ends[1] > ends[0] * 1.001)
    grid = Range(ends[0], ends[1], is_log=is_log, is_whole=is_whole).grid()
    assert (grid[0], grid[-1]) == tuple(ends)
    numbers = [float(str(value)) for value in grid]
    assert numbers == sorted(set(numbers))
    assert len(grid) <= 5


def test_a_grid_divides_a_range_evenly() -> None:
    assert Range(0.0, 1.0).grid() == (0.0, 0.25, 0.5, 0.75, 1.0)
    log = Range(1e-5, 5e-5, is_log=True).grid()
    ratios = [float(str(b)) / float(str(a)) for a, b in pairwise(log)]
    assert all(isclose(ratio, 5**0.25, rel_tol=1e-5) for ratio in ratios)


def test_a_grid_of_whole_numbers_has_each_once() -> None:
    grid = Range(3, 5, is_whole=True).grid()
    assert grid == (3, 4, 5)
    assert all(isinstance(value, int) for value in grid)


def test_a_grid_of_choices_has_all_of_them() -> None:
    assert Choices((None, "a", 1)).grid() == (None, "a", 1)


@pytest.mark.parametrize(
    ("low", "high", "is_log"), [(2, 1, False), (1, 1, False), (0, 1, True), (-1, 1, True)]
)
def test_a_range_that_can_not_be_is_refused(low: float, high: float, is_log: bool) -> None:
    with pytest.raises(ValueError, match="no range"):
        Range(low, high, is_log=is_log)


@pytest.mark.parametrize("values", [(), (1,), (1, 2, 1)])
def test_choices_that_leave_no_choice_are_refused(values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="nothing to choose"):
        Choices(values)


def test_spaces_are_written_as_people_type_them() -> None:
    assert str(Range(1e-5, 5e-5, is_log=True)) == "1e-05..5e-05:log"
    assert str(Range(3, 5, is_whole=True)) == "3..5"
    assert str(Choices((None, 0.5, "a"))) == "none,0.5,a"


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_family_can_be_set_to_all_that_is_tried_of_it(name: str) -> None:
    family = family_class(name)
    for parameter, tried in family.search_space.items():
        for value in tried.grid():
            text = "none" if value is None else str(value)
            assert family.with_parameters({parameter: text}).parameters[parameter] == value
