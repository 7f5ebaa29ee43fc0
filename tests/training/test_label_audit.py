"""An audit puts together what models, texts and labels say of each other."""

from dataclasses import replace

import pytest

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.errors import SettingError
from classmark.progress import Silent
from classmark.training import AuditRequest, LabelAudit, TrainingRecipe, audit_labels

LINEAR = TrainingRecipe("linear", {"longest_ngram": "1"})
TOPICS = {"bread": "flour yeast oven crust", "ships": "keel mast harbour sail"}


def shelf() -> Dataset:
    """60 documents that tell their class plainly; `bread-7` is labelled wrongly, twice."""
    documents = [
        Document(
            id=f"{label}-{number}",
            text=f"{words} " + " ".join(f"{label}{number}{place}" for place in range(12)),
            label=label,
        )
        for label, words in TOPICS.items()
        for number in range(30)
    ]
    wrong = replace(documents[7], label="ships")
    documents[7] = wrong
    copy = replace(wrong, id="copy", text=f"{wrong.text} again", label="bread")
    parts = {"train": documents, "val": [copy], "test": []}
    return Dataset("shelf", parts, "2024-05-06T00:00:00+00:00", {}, {"cleaning": []})


def audited(request: AuditRequest) -> LabelAudit:
    return audit_labels(shelf(), request, threads=2, progress=Silent())


def test_a_wrong_label_and_its_conflict_are_found() -> None:
    audit = audited(AuditRequest(LINEAR, folds=3))
    (suspect,) = audit.suspects
    assert audit.answers.documents[suspect.row].id == "bread-7"
    assert (suspect.label, suspect.suggested) == ("ships", "bread")
    (pair,) = audit.conflicts
    assert [audit.answers.documents[row].id for row in (pair.first, pair.second)] == [
        "bread-7",
        "copy",
    ]
    assert pair.similarity > 0.8
    assert list(audit.answers.pairs) == [pair]


def test_copies_with_one_label_are_near_duplicates_and_no_conflict() -> None:
    dataset = shelf()
    copy = replace(dataset.parts["val"][0], label="ships")
    alike = replace(dataset, parts={**dataset.parts, "val": [copy]})
    audit = audit_labels(alike, AuditRequest(LINEAR, folds=3), threads=2, progress=Silent())
    assert len(audit.answers.pairs) == 1
    assert audit.conflicts == []


@pytest.mark.parametrize("length", [0, -1])
def test_a_list_of_nothing_is_refused(length: int) -> None:
    with pytest.raises(SettingError, match=f"--length {length} lists nothing"):
        AuditRequest(LINEAR, length=length)
