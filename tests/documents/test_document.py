"""What was written, and ids for what has none."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classmark.documents import Document, content_id


def test_a_document_never_changes() -> None:
    document = Document("1", "text")
    with pytest.raises(FrozenInstanceError):
        document.text = "other"  # type: ignore[misc]


def test_an_id_from_content_is_the_same_everywhere() -> None:
    assert content_id("On shelves.") == "sha256-defdbc5f1c0b5574"


@given(st.text(), st.text())
def test_two_texts_have_one_id_only_if_they_are_one(first: str, second: str) -> None:
    assert (content_id(first) == content_id(second)) == (first == second)
