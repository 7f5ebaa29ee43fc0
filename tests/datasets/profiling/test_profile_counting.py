"""One pass over documents counts what they are like."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from classmark.datasets import (
    Dataset,
    Profile,
    Sampling,
    Subject,
    profile_dataset,
    profile_documents,
)
from classmark.datasets.profiling.counting import CLASSES_SHOWN
from classmark.documents import Document

Make = Callable[..., list[Document]]
SUBJECT = Subject("shelves", "papers.jsonl")


def document(number: int, **fields: object) -> Document:
    given = {"text": f"text number {number}", "label": "db"} | fields
    return Document(id=str(number), **given)  # type: ignore[arg-type]


def profiled(*documents: Document) -> Profile:
    return profile_documents(documents, SUBJECT)


def test_classes_are_counted_the_largest_first(make_documents: Make) -> None:
    found = profiled(*make_documents(ai=3, db=5, ml=3))
    assert list(found.class_sizes.items()) == [("db", 5), ("ai", 3), ("ml", 3)]
    assert [(one.label, one.documents, one.parts) for one in found.classes] == [
        ("db", 5, {}),
        ("ai", 3, {}),
        ("ml", 3, {}),
    ]
    assert (found.documents, found.parts, found.missing) == (11, {}, {})


def test_a_dataset_is_counted_part_by_part_with_what_was_dropped(dataset: Dataset) -> None:
    found = profile_dataset(dataset)
    assert found.parts == {"train": 24, "val": 3, "test": 3}
    assert {one.label: one.parts for one in found.classes} == {
        "db": {"train": 16, "val": 2, "test": 2},
        "ai": {"train": 8, "val": 1, "test": 1},
    }
    assert (found.subject.read, found.subject.dropped) == (33, {"too_short": 3})
    assert (found.subject.name, found.subject.source) == ("shelves", "papers.jsonl")


def test_lengths_are_counted_over_all_and_by_class() -> None:
    found = profiled(
        document(1, text="one two three"),
        document(2, text="one"),
        document(3, text=" a  b\nc\td ", label="ai"),
    )
    assert found.lengths.documents == {1: 1, 3: 1, 4: 1}
    assert (found.lengths.least, found.lengths.most) == (1, 4)
    assert {one.label: dict(one.lengths.documents) for one in found.classes} == {
        "db": {1: 1, 3: 1},
        "ai": {4: 1},
    }


def test_long_texts_are_counted_to_three_digits_but_for_the_ends() -> None:
    found = profiled(*(document(n, text="word " * n) for n in (999, 1004, 1009, 12_345)))
    assert found.lengths.documents == {999: 1, 1000: 2, 12_300: 1}
    assert (found.lengths.least, found.lengths.most) == (999, 12_345)
    assert found.lengths.quantile(0) == 999


@pytest.mark.parametrize(
    ("published", "month"),
    [
        ("2024-05-06", "2024-05"),
        ("2024-05-06T07:08:09Z", "2024-05"),
        ("2024/5/6", "2024-05"),
        ("2024", "2024"),
        ("2024-13-01", "2024"),
        (" 1998.11 ", "1998-11"),
    ],
)
def test_a_date_counts_for_its_month_or_its_year(published: str, month: str) -> None:
    found = profiled(document(1, published=published))
    assert found.months == found.classes[0].months == {month: 1}
    assert "date that can be read" not in found.missing


@pytest.mark.parametrize("published", ["yesterday", "20240506", "06.05.2024", "0999-01", "-"])
def test_a_date_that_can_not_be_read_is_counted_as_such(published: str) -> None:
    found = profiled(document(1, published=published))
    assert found.months == {}
    assert found.missing["date that can be read"] == 1
    assert "date" not in found.missing


def test_what_is_missing_is_counted() -> None:
    found = profiled(
        document(1, label=None),
        document(2, title="A title", authors=("A. Bee",), published=" "),
        document(3, published="2024", authors=("Ç. Dee",)),
    )
    assert found.missing == {"title": 2, "date": 2, "label": 1, "authors": 1}


def test_documents_without_labels_are_profiled_and_shown_too() -> None:
    found = profiled(*(document(number, label=None) for number in range(8)))
    assert (found.classes, found.class_sizes) == ((), {})
    assert found.documents == 8
    assert len(found.unlabelled) == 5
    assert found.missing["label"] == 8


def test_a_document_of_several_classes_counts_in_each() -> None:
    found = profiled(
        document(1, label="ai", labels=("ai", "db")),
        document(2, label="ai", labels=("ai", "db", "ml")),
        document(3, label="db", labels=("db",)),
        document(4, label=None),
    )
    assert found.class_sizes == {"db": 3, "ai": 2, "ml": 1}
    assert found.labels_each == {0: 1, 1: 1, 2: 1, 3: 1}
    together = {pair.labels: pair.documents for pair in found.together}
    assert together == {("ai", "db"): 2, ("ai", "ml"): 1, ("db", "ml"): 1}
    assert found.together[0].labels == ("ai", "db")


def test_of_single_labels_there_is_no_talk_of_several(make_documents: Make) -> None:
    found = profiled(*make_documents(db=3, ai=3))
    assert (found.labels_each, found.together) == ({}, ())


def test_samples_do_not_depend_on_the_order_of_documents(make_documents: Make) -> None:
    documents = make_documents(db=30, ai=30)
    one, other = profiled(*documents), profiled(*reversed(documents))
    assert [len(found.samples) for found in one.classes] == [3, 3]
    assert [found.samples for found in one.classes] == [found.samples for found in other.classes]
    seeded = profile_documents(documents, SUBJECT, Sampling(seed=7))
    assert [found.samples for found in seeded.classes] != [found.samples for found in one.classes]


def test_the_shortest_and_the_longest_are_shown() -> None:
    found = profiled(*(document(n, text="word " * n) for n in range(1, 21)))
    assert [one.words for one in found.shortest] == [1, 2, 3, 4, 5]
    assert [one.words for one in found.longest] == [20, 19, 18, 17, 16]


def test_of_many_classes_the_largest_are_shown_and_all_are_counted() -> None:
    sizes = {f"class {number:03}": 1 + number % 50 for number in range(100)}
    documents = (
        document(1000 * place + n, label=label)
        for place, (label, size) in enumerate(sizes.items())
        for n in range(size)
    )
    found = profile_documents(documents, SUBJECT)
    assert found.class_sizes == sizes
    assert len(found.classes) == CLASSES_SHOWN
    assert min(one.documents for one in found.classes) >= max(list(found.class_sizes.values())[30:])


def test_labels_as_many_as_documents_are_counted_still() -> None:
    found = profiled(*(document(number, label=f"label {number}") for number in range(1500)))
    assert len(found.class_sizes) == 1500
    assert len(found.classes) == CLASSES_SHOWN


def test_documents_are_read_once_and_one_by_one() -> None:
    alive: list[int] = []

    def stream() -> Iterator[Document]:
        for number in range(50):
            alive.append(number)
            yield document(number)

    profile_documents(stream(), SUBJECT)
    assert alive == list(range(50))


def test_languages_are_asked_of_a_sample_of_beginnings() -> None:
    asked: list[Sequence[str]] = []

    def count(texts: Sequence[str]) -> dict[str, int]:
        asked.append(texts)
        return {"English": len(texts)}

    documents = [document(number, text="word " * 500) for number in range(1200)]
    found = profile_documents(documents, SUBJECT, Sampling(languages=count))
    assert found.languages == {"English": 1000}
    assert {len(text) for text in asked[0]} == {400}


def test_nothing_at_all_has_a_profile() -> None:
    found = profiled()
    assert (found.documents, found.classes, found.shortest) == (0, (), ())
    assert found.vocabulary.words == 0


def test_a_dataset_of_several_labels_is_counted_by_each(dataset: Dataset) -> None:
    several = {
        part: [replace(one, labels=(one.label or "", "all")) for one in documents]
        for part, documents in dataset.parts.items()
    }
    found = profile_dataset(replace(dataset, parts=several))
    assert found.class_sizes == {"all": 30, "db": 20, "ai": 10}
    assert found.classes[0].parts == {"train": 24, "val": 3, "test": 3}
