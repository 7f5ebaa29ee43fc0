"""A snapshot and its fingerprint."""

from dataclasses import FrozenInstanceError, replace
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.datasets import Dataset
from classmark.documents import Document

rows = st.builds(
    Document,
    id=st.text(max_size=3),
    text=st.text(max_size=3),
    label=st.text(min_size=1, max_size=2),
)
parts = st.fixed_dictionaries(
    {part: st.lists(rows, max_size=4) for part in ("train", "val", "test")}
)


def dataset_of(parts: dict[str, list[Document]]) -> Dataset:
    return Dataset("shelves", parts, "2024-05-06T07:08:09+00:00", {}, {})


@given(parts, st.randoms(use_true_random=False))
def test_rows_in_any_order_have_one_fingerprint(
    parts: dict[str, list[Document]], random: Random
) -> None:
    shuffled = {part: random.sample(parts[part], len(parts[part])) for part in reversed(parts)}
    assert dataset_of(shuffled).fingerprint == dataset_of(parts).fingerprint


@given(parts, parts)
def test_other_rows_have_another_fingerprint(
    first: dict[str, list[Document]], second: dict[str, list[Document]]
) -> None:
    def sorted_rows(parts: dict[str, list[Document]]) -> list[tuple[str, ...]]:
        return sorted((part, d.id, d.text, d.label or "") for part in parts for d in parts[part])

    same_rows = sorted_rows(first) == sorted_rows(second)
    assert (dataset_of(first).fingerprint == dataset_of(second).fingerprint) == same_rows


def test_each_of_id_text_label_and_part_counts() -> None:
    row, other = Document("1", "one", "a"), Document("2", "two", "b")
    versions = [
        {"train": [row], "val": [other]},
        {"train": [replace(row, id="3")], "val": [other]},
        {"train": [replace(row, text="One")], "val": [other]},
        {"train": [replace(row, label="b")], "val": [other]},
        {"train": [other], "val": [row]},
        {"train": [row], "test": [other]},
        {"train": [row, row], "val": [other]},
        {"train": [row, other]},
        {"train": [row]},
        {},
    ]
    for first, second in combinations(versions, 2):
        assert dataset_of(first).fingerprint != dataset_of(second).fingerprint


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Document("ab", "c", "d"), Document("a", "bc", "d")),
        (Document("a", "b", "cd"), Document("a", "db", "c")),
        (Document("a", "x", ""), Document("", "x", "a")),
    ],
)
def test_characters_can_t_move_from_field_to_field(first: Document, second: Document) -> None:
    assert dataset_of({"train": [first]}).fingerprint != dataset_of({"train": [second]}).fingerprint


def test_the_fingerprint_is_the_same_on_every_machine(dataset: Dataset) -> None:
    assert dataset.fingerprint == (
        "66320eecf8b29fb53eaa55921e2903571ee08467592151dccc4142e9e0eccb2a"
    )


def test_name_time_and_origin_are_no_part_of_the_fingerprint(dataset: Dataset) -> None:
    other = replace(dataset, name="other", created_at="2030", source={}, recipe={}, read=0)
    assert other.fingerprint == dataset.fingerprint


def test_labels_counts_and_sizes_are_those_of_the_rows(dataset: Dataset) -> None:
    assert dataset.labels == ("ai", "db")
    assert dataset.sizes() == {"train": 24, "val": 3, "test": 3}
    assert dataset.counts() == {
        "train": {"ai": 8, "db": 16},
        "val": {"ai": 1, "db": 2},
        "test": {"ai": 1, "db": 2},
    }


def test_a_dataset_never_changes(dataset: Dataset) -> None:
    with pytest.raises(FrozenInstanceError):
        dataset.read = 0  # type: ignore[misc]
