"""The figures of a profile, and what they make a person look at."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from classmark.datasets import Profile, Subject, profile_documents
from classmark.datasets.profiling.profile import Duplicates
from classmark.documents import Document

Make = Callable[..., list[Document]]


@pytest.fixture(scope="module")
def plain(make_documents: Make) -> Profile:
    """Two classes alike, of which nothing is to be said."""
    documents = make_documents(db=40, ai=40)
    return profile_documents(documents, Subject("shelves", "papers.jsonl"))


def copies(**counts: int) -> Duplicates:
    found = {"exact": {}, "contradicting": 0, "near": 0, "straddling": 0}
    if exact := counts.pop("exact", 0):
        found["exact"] = {"same id": exact}
    return Duplicates(**(found | counts), examples=(), near_examples=())  # type: ignore[arg-type]


def test_of_two_classes_alike_there_is_nothing_to_say(plain: Profile) -> None:
    assert list(plain.findings()) == []


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"class_sizes": {}}, "No document has a label"),
        ({"class_sizes": {"db": 80}}, "There is one class only"),
        ({"class_sizes": {"db": 400, "ai": 40}}, "10 times as many documents as the smallest"),
        ({"class_sizes": {"db": 40, "ai": 9}}, "Classes with fewer than 10 documents: 1."),
        ({"missing": {"label": 3}}, "Documents without a label: 3."),
        ({"missing": {"date that can be read": 4}}, "Dates that can't be read"),
        ({"duplicates": copies(exact=8)}, "10% of the documents repeat an earlier one."),
        ({"duplicates": copies(contradicting=2)}, "repeat one with another label: 2."),
        ({"duplicates": copies(straddling=5)}, "near-copy in another part: 5."),
    ],
)
def test_what_stands_out_is_said(plain: Profile, changes: dict[str, object], finding: str) -> None:
    (said,) = replace(plain, **changes).findings()  # type: ignore[arg-type]
    assert finding in said


def test_few_duplicates_are_not_worth_a_sentence(plain: Profile) -> None:
    assert list(replace(plain, duplicates=copies(exact=4)).findings()) == []
