"""Asking a classifier for every document: answers in order, and refusals that name names."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation import assess, measure
from classmark.models import Classifier
from classmark.progress import Silent

MakeDocuments = Callable[[list[tuple[str, str, tuple[float, float, float]]]], list[Document]]
ROWS = [
    ("one", "db", (0.8, 0.1, 0.1)),
    ("two", "db", (0.2, 0.7, 0.1)),
    ("three", "ml", (0.1, 0.6, 0.3)),
    ("four", "ro", (0.3, 0.3, 0.4)),
]


@pytest.mark.parametrize("threads", [1, 3])
def test_every_document_has_its_answer_in_its_place(
    parrot: Classifier, make_documents: MakeDocuments, threads: int
) -> None:
    documents = make_documents(ROWS)
    found = assess(parrot, documents, threads=threads)
    assert found.given == ["db", "ml", "ml", "ro"]
    assert [answer.probabilities for answer in found.answers] == [row[2] for row in ROWS]
    assert list(found.documents) == documents
    assert found.evaluation.rows == 4
    assert found.evaluation.accuracy.value == 0.75


def test_the_figures_are_measured_on_the_answers(
    parrot: Classifier, make_documents: MakeDocuments
) -> None:
    found = assess(parrot, make_documents(ROWS)).evaluation
    answers = np.array([row[2] for row in ROWS])
    expected = measure([row[1] for row in ROWS], answers, parrot.labels, found.latency)
    assert found == expected
    assert found.latency.p50_ms <= found.latency.p99_ms


def test_a_class_without_documents_is_no_hindrance(
    parrot: Classifier, make_documents: MakeDocuments
) -> None:
    found = assess(parrot, make_documents(ROWS[:1])).evaluation
    assert found.roc_auc is None
    assert [metrics.support for metrics in found.per_class] == [1, 0, 0]


def test_no_documents_can_not_be_evaluated_on(parrot: Classifier) -> None:
    with pytest.raises(RecordError, match="no documents"):
        assess(parrot, [])


def test_unknown_labels_are_refused_with_the_first_documents_that_have_them(
    parrot: Classifier, make_documents: MakeDocuments
) -> None:
    strange = [(f"s{number}", f"x{number % 2}", (0.8, 0.1, 0.1)) for number in range(8)]
    with pytest.raises(RecordError) as refused:
        assess(parrot, make_documents([*ROWS, *strange]))
    assert "8 of 12 documents" in refused.value.message
    assert "(x0, x1)" in refused.value.message
    assert "s0 (x0), s1 (x1), s2 (x0), s3 (x1), s4 (x0)." in refused.value.message
    assert "s5" not in refused.value.message
    assert "db, ml, ro" in refused.value.remedy


def test_a_document_without_a_label_is_refused(parrot: Classifier) -> None:
    with pytest.raises(RecordError, match=r"lost \(None\)"):
        assess(parrot, [Document("lost", "0.8 0.1 0.1")])


def test_nothing_is_asked_before_all_labels_are_known(make_documents: MakeDocuments) -> None:
    class Speechless(Classifier):
        labels = ("db", "ml", "ro")

        @classmethod
        def load(cls, folder: Any, config: Any) -> Any:
            raise NotImplementedError

        def _uncalibrated(self, text: str) -> Any:
            raise AssertionError(text)

    with pytest.raises(RecordError):
        assess(Speechless(), make_documents([*ROWS, ("last", "??", (1.0, 0.0, 0.0))]))


def test_who_watches_sees_every_document(parrot: Classifier, make_documents: MakeDocuments) -> None:
    seen: list[tuple[str, int | None, int]] = []

    class Listener(Silent):
        def track(self, items: Any, doing: str, total: int | None = None, note: Any = None) -> Any:
            assert note is None
            for number, item in enumerate(items):
                seen.append((doing, total, number))
                yield item

    assess(parrot, make_documents(ROWS), progress=Listener())
    assert seen == [("Evaluating", 4, number) for number in range(4)]
