"""Documents dealt into folds: near-duplicates are held out together, and labels evenly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import PARTS, Dataset
from classmark.documents import Document, NearDuplicates
from classmark.errors import SettingError
from classmark.evaluation import SimilarPair
from classmark.progress import Progress

# Texts with half of their word pairs in common are held out together: who learned the one has as
# good as learned the other.
_ALIKE = 0.5

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Folds:
    """Documents of a dataset, each in one fold.

    Attributes:
        documents: Of the parts together.
        parts: In which part each stands.
        classes: The labels of the dataset.
        pairs: Of nearly the same text, just enough to hold each group of them together.
        fold_of: The fold of each document, shape (documents,).
        number: Of folds.
        cleaning: The steps that the texts went through.
    """

    documents: Sequence[Document]
    parts: Sequence[str]
    classes: tuple[str, ...]
    pairs: Sequence[SimilarPair]
    fold_of: Rows
    number: int
    cleaning: tuple[str, ...]

    @property
    def labels(self) -> list[str]:
        """The label that each document has."""
        return [document.label or "" for document in self.documents]


@dataclass(frozen=True, slots=True)
class Dealing:
    """How documents are dealt.

    Attributes:
        folds: How many.
        seed: Decides who comes into which.
        parts: Whose documents are dealt.
    """

    folds: int = 5
    seed: int = 42
    parts: tuple[str, ...] = PARTS


def dealt_folds(dataset: Dataset, dealing: Dealing, progress: Progress) -> Folds:
    """The documents of a dataset in folds.

    Raises:
        SettingError: The number of folds can't be, or documents have several labels.
    """
    placed = [(part, document) for part in dealing.parts for document in dataset.parts[part]]
    documents = [document for _, document in placed]
    _check(dataset, len(documents), dealing.folds)
    alike = _signed(progress.track(documents, "Looking for near-duplicates", len(documents)))
    labels = np.array([document.label or "" for document in documents])
    return Folds(
        documents=documents,
        parts=[part for part, _ in placed],
        classes=dataset.labels,
        pairs=[SimilarPair(*link) for link in alike.links(_ALIKE)],
        fold_of=_dealt(labels, alike.groups(_ALIKE), dealing.folds, dealing.seed),
        number=dealing.folds,
        cleaning=tuple(dataset.recipe["cleaning"]),
    )


def _check(dataset: Dataset, documents: int, folds: int) -> None:
    if not 2 <= folds <= documents:
        raise SettingError(
            f"{documents} documents can't be answered in {folds} folds.",
            remedy="Use at least 2 folds and at most as many as there are documents; 5 are usual.",
        )
    if dataset.several_labels:
        raise SettingError(
            f"The documents of {dataset.name!r} may have several labels; folds are dealt by one.",
            remedy="Prepare it again without --multi-label, with --label-field for the one label.",
        )


def _signed(documents: Iterable[Document]) -> NearDuplicates:
    found = NearDuplicates()
    for document in documents:
        found.add(document.text)
    return found


def _dealt(labels: NDArray[np.str_], kin: NDArray[np.int32], folds: int, seed: int) -> Rows:
    """The fold of each row: of every label each fold has the same number of groups, or one more.

    Args:
        labels: Of the rows.
        kin: Of each row the lowest one in its group; a group takes the label of that.
        folds: How many.
        seed: Decides who comes into which.
    """
    firsts = np.random.default_rng(seed).permutation(np.unique(kin))
    by_label = firsts[np.argsort(labels[firsts], kind="stable")]
    fold_of = np.zeros(len(labels), np.int64)
    fold_of[by_label] = np.arange(len(by_label)) % folds
    dealt: Rows = fold_of[kin]
    return dealt
