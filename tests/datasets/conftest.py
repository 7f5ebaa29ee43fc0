"""Documents and datasets that the tests of this room share."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from classmark.datasets import Dataset
from classmark.documents import Document

# How many documents of each label -> documents with words, ids and titles of their own.
Make = Callable[..., list[Document]]


def words(label: str, number: int) -> str:
    """Twelve words that no other document has, so that none is a near-copy of another."""
    return " ".join(f"{label}{number}{letter}" for letter in "bcdfghklmnpq")


@pytest.fixture(scope="session")
def make_documents() -> Make:
    def make(**counts: int) -> list[Document]:
        return [
            Document(
                id=f"{label}-{number}",
                text=f"Title {label} {number}. {words(label, number)}.",
                label=label,
                title=f"Title {label} {number}",
                authors=("A. Bee", "Ç. Dee"),
                published="2024-01-01",
            )
            for label, count in counts.items()
            for number in range(count)
        ]

    return make


@pytest.fixture(scope="session")
def now() -> datetime:
    return datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


@pytest.fixture
def dataset(make_documents: Make) -> Dataset:
    rows = make_documents(db=20, ai=10)
    return Dataset(
        name="shelves",
        parts={
            "train": rows[4:-2],
            "val": [*rows[:2], rows[-1]],
            "test": [*rows[2:4], rows[-2]],
        },
        created_at="2024-05-06T07:08:09+00:00",
        source={"path": "papers.jsonl", "sha256": "ab" * 32},
        recipe={"cleaning": ["urls@1"], "seed": 42},
        dropped={"too_short": 3},
        read=33,
    )
