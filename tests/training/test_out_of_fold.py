"""Every document is answered, and none by a model that learned it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.errors import RecordError, SettingError
from classmark.progress import Silent
from classmark.training import OutOfFold, TrainingRecipe, out_of_fold

# Words that stand in one document only are learned too.
BY_HEART = TrainingRecipe("linear", {"min_documents": "1", "longest_ngram": "1"})

Make = Callable[[list[Document]], Dataset]


@pytest.fixture
def made() -> Make:
    """A dataset of documents, shared out over its parts as they come."""

    def make(documents: list[Document]) -> Dataset:
        parts = {"train": documents[:-4], "val": documents[-4:-2], "test": documents[-2:]}
        return Dataset("made", parts, "2024-05-06T00:00:00+00:00", {}, {"cleaning": []})

    return make


def answered(dataset: Dataset, recipe: TrainingRecipe = BY_HEART, folds: int = 5) -> OutOfFold:
    return out_of_fold(dataset, recipe, folds=folds, threads=2, progress=Silent())


def one_word_each(count: int, labels: str = "ab", copies: int = 1) -> list[Document]:
    """Documents that have nothing in common with one another, or with any but their copies."""
    return [
        Document(
            id=f"{number}-{copy}",
            text=" ".join(f"word{number}x{place}" for place in range(8)),
            label=labels[number % len(labels)],
        )
        for number in range(count)
        for copy in range(copies)
    ]


def differing_answers(answers: OutOfFold) -> int:
    return len(np.unique(answers.probabilities, axis=0))


def test_no_document_is_answered_by_a_model_that_learned_it(made: Make) -> None:
    answers = answered(made(one_word_each(60)))
    # Who knows none of the words can only say how frequent each class is, to all the same.
    assert differing_answers(answers) <= 5


def test_no_document_is_answered_by_a_model_that_learned_a_copy_of_it(made: Make) -> None:
    answers = answered(made(one_word_each(30, copies=2)))
    assert len(answers.pairs) == 30
    assert differing_answers(answers) <= 5


def test_words_that_others_share_are_learned(made: Make) -> None:
    documents = [
        replace(document, text=f"{document.text} {document.label}{document.label}")
        for document in one_word_each(60)
    ]
    assert answered(made(documents)).agreement == 1


def test_documents_keep_their_order_and_tell_their_part(dataset: Dataset) -> None:
    answers = answered(dataset, TrainingRecipe("linear"))
    assert list(answers.documents) == [d for part in dataset.parts.values() for d in part]
    assert list(answers.parts) == ["train"] * 160 + ["val"] * 20 + ["test"] * 20
    assert answers.classes == dataset.labels
    assert answers.labels == [document.label for document in answers.documents]
    assert answers.probabilities.shape == (200, 10)
    assert np.allclose(answers.probabilities.sum(1), 1, atol=1e-5)
    # By chance one in ten agrees.
    assert 0.2 < answers.agreement < 1


def test_the_same_seed_gives_the_same_answers_and_another_one_others(dataset: Dataset) -> None:
    one, same, other = (
        answered(dataset, TrainingRecipe("linear", seed=seed), folds=2).probabilities
        for seed in (7, 7, 8)
    )
    assert (one == same).all()
    assert (one != other).any()


def test_a_class_with_a_document_a_fold_is_known_to_every_model(made: Make) -> None:
    answers = answered(made(one_word_each(5, "r") + one_word_each(60, "a")))
    assert (answers.probabilities[:, answers.classes.index("r")] > 0).all()


def test_of_a_class_with_one_document_no_model_has_heard_that_is_asked_for_it(made: Make) -> None:
    alone = Document("alone", "lonely words of a class", label="r")
    answers = answered(made([*one_word_each(20), alone]), folds=2)
    (row,) = [row for row, label in enumerate(answers.labels) if label == "r"]
    assert answers.probabilities[row, answers.classes.index("r")] == 0
    assert np.allclose(answers.probabilities.sum(1), 1, atol=1e-5)
    assert answers.probabilities[:, answers.classes.index("r")].max() > 0


@pytest.mark.parametrize("folds", [-1, 0, 1, 21])
def test_folds_that_can_not_be_are_refused(made: Make, folds: int) -> None:
    with pytest.raises(SettingError, match=f"20 documents can't be answered in {folds} folds"):
        answered(made(one_word_each(20)), folds=folds)


def test_documents_with_several_labels_are_refused(made: Make) -> None:
    several = replace(made(one_word_each(20)), recipe={"cleaning": [], "several_labels": True})
    with pytest.raises(SettingError, match="may have several labels"):
        answered(several)


def test_too_little_to_learn_from_is_told(made: Make) -> None:
    with pytest.raises(RecordError, match="Of no label there are two"):
        answered(made(one_word_each(4, "abcd")), folds=2)


def test_nothing_to_learn_from_is_told(made: Make) -> None:
    with pytest.raises(RecordError, match="nothing to learn from"):
        answered(made(one_word_each(20)), TrainingRecipe("linear", {"min_documents": "3"}))
