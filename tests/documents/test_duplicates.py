"""Exact duplicates by source id, title and text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import Document, DropReason, ExactDuplicates

FIRST = Document("1", "On shelves. They hold books.", "a", title="On shelves")
words = st.lists(st.text("abcXYZ019äß", min_size=1, max_size=4), min_size=1, max_size=6)
gaps = st.sampled_from([" ", ", ", "  ", " - ", "_", ".\n"])


def reasons(*documents: Document) -> list[DropReason | None]:
    seen = ExactDuplicates()
    repeats = [seen.repeat_of(document) for document in documents]
    return [repeat.reason if repeat else None for repeat in repeats]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (Document("1", "Other words.", title="Another"), DropReason.DUPLICATE_ID),
        (Document("2", "Other words.", title="On Shelves!"), DropReason.DUPLICATE_TITLE),
        (Document("2", "on shelves they hold BOOKS"), DropReason.DUPLICATE_TEXT),
        (Document("2", "On shelves. They hold cups.", title="On shelves and cups"), None),
        (Document("2", "On shelves"), None),
    ],
)
def test_a_repetition_is_told_by_what_it_repeats(
    second: Document, reason: DropReason | None
) -> None:
    assert reasons(FIRST, second) == [None, reason]


def test_documents_without_title_are_no_duplicates_for_that() -> None:
    assert reasons(Document("1", "One."), Document("2", "Two."), Document("3", "Three.")) == [
        None,
        None,
        None,
    ]


def test_a_title_of_signs_does_not_repeat_a_missing_title() -> None:
    assert reasons(Document("1", "One."), Document("2", "Two.", title="???")) == [None, None]


def test_a_dropped_document_is_not_remembered() -> None:
    dropped = Document("2", FIRST.text, title="Quite another title")
    third = Document("2", "New words.", title="Quite another title")
    assert reasons(FIRST, dropped, third) == [None, DropReason.DUPLICATE_TEXT, None]


def test_the_same_text_under_another_label_is_still_a_duplicate() -> None:
    assert reasons(Document("1", "Same.", "a"), Document("2", "Same.", "b"))[1] == "duplicate_text"


@given(words, st.data())
def test_case_and_punctuation_make_no_difference(words: list[str], data: st.DataObject) -> None:
    text = words[0] + "".join(data.draw(gaps) + word for word in words[1:])
    assert reasons(Document("1", " ".join(words)), Document("2", text.upper() + "!")) == [
        None,
        DropReason.DUPLICATE_TEXT,
    ]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("vwxyz")), max_size=20))
def test_what_is_kept_repeats_nothing(pairs: list[tuple[str, str]]) -> None:
    documents = [Document(id_, text) for id_, text in pairs]
    kept = [
        document
        for document, reason in zip(documents, reasons(*documents), strict=True)
        if reason is None
    ]
    assert len({document.id for document in kept}) == len(kept)
    assert len({document.text for document in kept}) == len(kept)
    for document in documents:
        assert any(document.id == k.id or document.text == k.text for k in kept)
