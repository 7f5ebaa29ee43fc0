"""What a family says of documents that it did not learn from, for every document of a dataset."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import Dataset
from classmark.documents import Document, NearDuplicates
from classmark.errors import RecordError, SettingError
from classmark.evaluation import SimilarPair
from classmark.models import Classifier, LabelledTexts, TrainingData, family_class, load_classifier
from classmark.progress import Progress, Silent
from classmark.training.recipe import TrainingRecipe

# Texts with half of their word pairs in common are held out together: who learned the one has as
# good as learned the other.
_ALIKE = 0.5
# Of the rows that a fold learns from, one in so many decides between settings.
_VALIDATION_STRIDE = 10

Rows = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """All documents of a dataset and what models say of them that never saw them.

    Attributes:
        documents: Of all parts together.
        parts: In which part each stands.
        classes: The order of the probabilities.
        probabilities: Shape (documents, classes).
        pairs: Of nearly the same text, just enough to hold each group of them together.
    """

    documents: Sequence[Document]
    parts: Sequence[str]
    classes: tuple[str, ...]
    probabilities: Probabilities
    pairs: Sequence[SimilarPair]

    @property
    def labels(self) -> list[str]:
        """The label that each document has."""
        return [document.label or "" for document in self.documents]

    @property
    def agreement(self) -> float:
        """The share of documents whose most probable class is their label."""
        best = np.array(self.classes)[self.probabilities.argmax(1)]
        return float((best == np.array(self.labels)).mean())


def out_of_fold(
    dataset: Dataset, recipe: TrainingRecipe, *, folds: int, threads: int, progress: Progress
) -> OutOfFold:
    """Train a model for each fold without the fold's documents, and ask it for them.

    Every model is trained, exported, checked and loaded as one that serves is: what answers here is
    what would answer there.

    Raises:
        SettingError: The family or the number of folds can't be, or documents have several labels.
        RecordError: There is too little to learn from.
        MissingExtraError: What the family needs is not installed.
        ParityError: An exported model does not answer as the trained one does.
    """
    placed = [(part, document) for part, group in dataset.parts.items() for document in group]
    documents = [document for _, document in placed]
    classes = dataset.labels
    _check(dataset, len(documents), folds)
    alike = _signed(progress.track(documents, "Looking for near-duplicates", len(documents)))
    rows = OutOfFold(
        documents=documents,
        parts=[part for part, _ in placed],
        classes=classes,
        probabilities=np.zeros((len(documents), len(classes)), np.float32),
        pairs=[SimilarPair(*link) for link in alike.links(_ALIKE)],
    )
    cleaning = tuple(dataset.recipe["cleaning"])
    fold_of = _dealt(np.array(rows.labels), alike.groups(_ALIKE), folds, recipe.seed)
    for fold in progress.track(range(folds), "Training without each fold", folds):
        classifier = _trained(rows, np.flatnonzero(fold_of != fold), recipe, cleaning)
        _answer(rows, np.flatnonzero(fold_of == fold), classifier, threads)
    return rows


def _check(dataset: Dataset, documents: int, folds: int) -> None:
    if not 2 <= folds <= documents:
        raise SettingError(
            f"{documents} documents can't be answered in {folds} folds.",
            remedy="Use at least 2 folds and at most as many as there are documents; 5 are usual.",
        )
    if dataset.recipe.get("several_labels"):
        raise SettingError(
            f"The documents of {dataset.name!r} may have several labels; only one can be judged.",
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


def _answer(rows: OutOfFold, held: Rows, classifier: Classifier, threads: int) -> None:
    """Write down what a classifier says of the rows that were held out from it."""
    # A class all of whose documents are held out is one that this model has never heard of.
    columns = [rows.classes.index(label) for label in classifier.labels]
    texts = (rows.documents[row].text for row in held)
    for row, timed in zip(held, classifier.classify_all(texts, threads=threads), strict=True):
        rows.probabilities[row, columns] = timed.answer.probabilities


def _trained(
    rows: OutOfFold, learned: Rows, recipe: TrainingRecipe, cleaning: tuple[str, ...]
) -> Classifier:
    """The classifier that learned from these rows and no others."""
    family = family_class(recipe.family).with_parameters(recipe.parameters)
    train, validation = _parted(np.array(rows.labels), learned)
    data = TrainingData(
        _chosen(rows.documents, train), _chosen(rows.documents, validation), recipe.seed, cleaning
    )
    with TemporaryDirectory(prefix="classmark-fold-") as folder:
        family.train(data, Path(folder), Silent())
        return load_classifier(Path(folder))


def _parted(labels: NDArray[np.str_], learned: Rows) -> tuple[Rows, Rows]:
    """Rows to train on and rows to validate on: a tenth, of each label about the same share.

    The first row of each label always trains, so that no class is validated that isn't learned.
    """
    by_label = learned[np.argsort(labels[learned], kind="stable")]
    spare = np.flatnonzero(labels[by_label[1:]] == labels[by_label[:-1]]) + 1
    if not len(spare):
        raise RecordError(
            f"Of no label there are two among the {len(learned)} documents to learn from.",
            remedy="Audit a dataset with more documents of each label, or use more folds.",
        )
    validates = np.zeros(len(learned), bool)
    validates[spare[::_VALIDATION_STRIDE]] = True
    return by_label[~validates], by_label[validates]


def _chosen(documents: Sequence[Document], rows: Rows) -> LabelledTexts:
    chosen = [documents[row] for row in rows]
    return LabelledTexts([d.text for d in chosen], [d.label or "" for d in chosen])
