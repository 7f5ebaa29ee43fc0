"""Slices: what documents have in common, and whether fewer answers are right there."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import Document
from classmark.evaluation import Slice, SliceKind, slices_of
from classmark.evaluation.slices import source_of, year_of


def of_words(number: int, **more: object) -> Document:
    return Document("1", " ".join(["word"] * number), "x", **more)  # type: ignore[arg-type]


def named(documents: Sequence[Document], right: Sequence[bool] | None = None) -> dict[str, Slice]:
    given_ = np.ones(len(documents), dtype=bool) if right is None else np.array(right)
    return {one.name: one for one in slices_of(documents, given_)}


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80))
def test_each_document_is_in_one_slice_of_length(lengths: list[int]) -> None:
    found = slices_of([of_words(number) for number in lengths], np.ones(len(lengths), dtype=bool))
    if len(set(lengths)) == 1:
        assert found == ()
        return
    rows = [row for one in found for row in one.rows]
    if found:
        assert sorted(rows) == list(range(len(lengths)))
    assert len(found) <= 4
    for one in found:
        numbers = [int(word) for word in one.name.replace(",", "").split() if word.isdigit()]
        of_slice = [lengths[row] for row in one.rows]
        assert (min(of_slice), max(of_slice)) == (numbers[0], numbers[-1])


def test_lengths_are_told_in_words_by_quarters() -> None:
    found = named([of_words(number) for number in (1, 2, 3, 4, 10, 20, 1000, 2000)])
    assert list(found) == ["1 to 3 words", "4 to 10 words", "20 to 1,000 words", "2,000 words"]


def test_years_are_told_one_by_one_and_the_old_ones_together() -> None:
    documents = [of_words(5, published=f"{year}-05-01") for year in range(2000, 2015)]
    documents += [of_words(5), of_words(5, published="soon")]
    found = named(documents)
    assert list(found) == ["before 2006", *(str(year) for year in range(2006, 2015))]
    assert found["before 2006"].rows == (0, 1, 2, 3, 4, 5)
    few = named([of_words(5, published=text) for text in ("2024", "Jan 1, 2023", "2024-01-01")])
    assert {name: one.rows for name, one in few.items()} == {"2023": (1,), "2024": (0, 2)}


@pytest.mark.parametrize(
    ("published", "year"),
    [("2024-01-31", "2024"), ("1 May 1998", "1998"), ("20240131", None), ("", None), (None, None)],
)
def test_the_year_is_found_where_one_stands(published: str | None, year: str | None) -> None:
    assert year_of(of_words(1, published=published)) == year


@pytest.mark.parametrize(
    ("name", "ids", "source"),
    [
        ("2401.00001v2", ("arxiv:2401.00001", "doi:10.1/x"), "arXiv"),
        ("123", ("pmid:123",), "PubMed"),
        ("10.1/x", ("doi:10.1/x",), "DOI"),
        ("0a1b", ("arxiv:2401.00001",), "other sources"),
        ("0a1b", (), None),
    ],
)
def test_the_source_is_whose_id_a_document_goes_by(
    name: str, ids: tuple[str, ...], source: str | None
) -> None:
    assert source_of(Document(name, "text", ids=ids)) == source


def test_a_slice_where_answers_are_worse_is_named_and_no_other() -> None:
    documents = [of_words(10 + row % 4, published=f"{2020 + row // 100}") for row in range(400)]
    right = [row >= 100 or row % 40 < 20 for row in range(400)]
    found = named(documents, right)
    assert [one.name for one in found.values() if one.is_worse] == ["2020"]
    assert found["2020"].accuracy.value == 0.6
    assert found["2020"].rest.value == 1
    # What is better than the rest is significant too, and no weak point.
    assert found["2021"].p_value < 0.05
    assert {one.kind for one in found.values()} == {SliceKind.LENGTH, SliceKind.YEAR}


def test_without_a_difference_a_slice_is_seldom_called_worse() -> None:
    rng = np.random.default_rng(42)
    documents = [
        of_words(int(rng.integers(50, 300)), published=str(2015 + row % 9)) for row in range(300)
    ]
    called = [
        any(one.is_worse for one in slices_of(documents, rng.random(300) < 0.8)) for _ in range(150)
    ]
    assert np.mean(called) <= 0.06
