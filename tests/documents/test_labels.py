"""Labels out of a field: one, or several."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents.labels import label_problem, read_label, read_labels

NAMES = st.text(
    st.characters(exclude_categories=["C", "Z"], exclude_characters=";|,"), min_size=1, max_size=8
)


@pytest.mark.parametrize(
    ("value", "read_as"),
    [
        ("b; a", ("b", "a")),
        ("b|a,c", ("b", "a", "c")),
        ("machine learning", ("machine learning",)),
        (" b ;; a; ", ("b", "a")),
        (["b", " a ", "", None, 3], ("b", "a", "3")),
        ("", ()),
        (None, ()),
        ([], ()),
        (7, ("7",)),
        (["a, b"], ("a, b",)),
    ],
)
def test_several_labels_are_read_in_their_order(value: Any, read_as: tuple[str, ...]) -> None:
    assert read_labels(value) == read_as


@given(st.lists(NAMES, max_size=6), st.sampled_from([";", "|", ",", " ; ", ", "]))
def test_labels_that_were_joined_are_read_again(labels: list[str], mark: str) -> None:
    assert read_labels(mark.join(labels)) == tuple(labels) == read_labels(list(labels))
    assert [read_label(label) for label in labels] == labels


@pytest.mark.parametrize(
    ("value", "several", "problem"),
    [
        ("a", False, None),
        (None, False, None),
        (["a"], False, "'label' is a list, not a label"),
        ({"a": 1}, False, "'label' is a dict, not a label"),
        ({"a": 1}, True, "'label' is a dict, not a label"),
        (["a", 1, None], True, None),
        (["a", ["b"]], True, "'label' holds a list, not labels"),
        ([{"a": 1}], True, "'label' holds a dict, not labels"),
        ("a\n", False, None),
        ("a\nb", False, "'label' has characters that don't print"),
        (["a", "b\x07"], True, "'label' has characters that don't print"),
    ],
)
def test_what_can_be_no_label_is_told(value: object, several: bool, problem: str | None) -> None:
    assert label_problem("label", value, several=several) == problem
