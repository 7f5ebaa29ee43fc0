"""The sample documents are what their room says they are."""

import re
from collections import Counter
from importlib.resources import files

import orjson
import pytest

from classmark.documents import Document, clean, sample_documents

LABELS = ["AI", "CL", "CR", "CV", "DB", "DC", "LG", "NE", "RO", "SE"]


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return list(sample_documents())


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    folder = files("classmark.documents.samples")
    return [
        orjson.loads(line)
        for path in folder.iterdir()
        if path.name.endswith(".jsonl")
        for line in path.read_bytes().splitlines()
    ]


def abstract(document: Document) -> str:
    return document.text.removeprefix(f"{document.title}. ")


def test_there_are_40_documents_of_each_of_ten_classes(documents: list[Document]) -> None:
    assert Counter(document.label for document in documents) == {
        f"cs.{label}": 40 for label in LABELS
    }


def test_ids_and_titles_are_unique(documents: list[Document]) -> None:
    assert len({document.id for document in documents}) == 400
    assert len({document.title.casefold() for document in documents}) == 400


def test_each_text_is_its_title_and_an_abstract_of_60_to_110_words(
    documents: list[Document],
) -> None:
    for document in documents:
        assert document.text.startswith(f"{document.title}. ")
        assert 60 <= len(abstract(document).split()) <= 110, document.id


def test_cleaning_leaves_each_at_least_50_words(documents: list[Document]) -> None:
    assert min(len(clean(document.text).split()) for document in documents) >= 50


def test_no_two_abstracts_share_eight_words_in_a_row(documents: list[Document]) -> None:
    where: dict[tuple[str, ...], str] = {}
    shared: list[tuple[str, str, str]] = []
    for document in documents:
        words = re.findall(r"\w+", abstract(document).casefold())
        for run in {tuple(words[start : start + 8]) for start in range(len(words) - 7)}:
            other = where.setdefault(run, document.id)
            if other != document.id:
                shared.append((other, document.id, " ".join(run)))
    assert shared == []


def test_each_class_has_at_least_five_documents_between_two_categories(
    rows: list[dict[str, object]],
) -> None:
    hard = Counter(
        row["primary_category"]
        for row in rows
        if isinstance(row["categories"], list) and len(row["categories"]) == 2
    )
    assert set(hard) == {f"cs.{label}" for label in LABELS}
    assert min(hard.values()) >= 5


def test_the_primary_category_is_the_first_of_the_categories(
    rows: list[dict[str, object]],
) -> None:
    assert len(rows) == 400
    for row in rows:
        assert isinstance(row["categories"], list)
        assert row["categories"][0] == row["primary_category"]
        assert set(row["categories"]) <= {f"cs.{label}" for label in LABELS}


def test_reading_twice_gives_the_same_in_the_same_order(documents: list[Document]) -> None:
    assert list(sample_documents()) == documents
