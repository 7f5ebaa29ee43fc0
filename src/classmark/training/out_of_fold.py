"""What a family says of documents that it did not learn from, for every document of a dataset."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation import SimilarPair
from classmark.models import Classifier, LabelledTexts, TrainingData, family_class, load_classifier
from classmark.progress import Progress, Silent
from classmark.training.folds import Dealing, Folds, Rows, dealt_folds
from classmark.training.recipe import TrainingRecipe

# Of the rows that a fold learns from, one in so many decides between settings.
_VALIDATION_STRIDE = 10

Probabilities = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Documents in folds and what models say of them that never saw them.

    Attributes:
        folds: The documents.
        probabilities: Shape (documents, classes), classes in the order of the folds'.
        seconds: That each answer took, shape (documents,).
    """

    folds: Folds
    probabilities: Probabilities
    seconds: NDArray[np.float64]

    @property
    def documents(self) -> Sequence[Document]:
        """Of all parts together."""
        return self.folds.documents

    @property
    def parts(self) -> Sequence[str]:
        """In which part each document stands."""
        return self.folds.parts

    @property
    def classes(self) -> tuple[str, ...]:
        """The order of the probabilities."""
        return self.folds.classes

    @property
    def pairs(self) -> Sequence[SimilarPair]:
        """Of nearly the same text, just enough to hold each group of them together."""
        return self.folds.pairs

    @property
    def labels(self) -> list[str]:
        """The label that each document has."""
        return self.folds.labels

    @property
    def given(self) -> list[str]:
        """The most probable class of each document."""
        found: list[str] = np.array(self.classes)[self.probabilities.argmax(1)].tolist()
        return found

    @property
    def agreement(self) -> float:
        """The share of documents whose most probable class is their label."""
        return float((np.array(self.given) == np.array(self.labels)).mean())


def out_of_fold(
    dataset: Dataset, recipe: TrainingRecipe, *, folds: int, threads: int, progress: Progress
) -> OutOfFold:
    """Train a model for each fold without the fold's documents, and ask it for them.

    Raises:
        SettingError: The family or the number of folds can't be, or documents have several labels.
        RecordError: There is too little to learn from.
        MissingExtraError: What the family needs is not installed.
        ParityError: An exported model does not answer as the trained one does.
    """
    dealt = dealt_folds(dataset, Dealing(folds, recipe.seed), progress)
    return answered(dealt, recipe, threads=threads, progress=progress)


def answered(
    folds: Folds, recipe: TrainingRecipe, *, threads: int, progress: Progress
) -> OutOfFold:
    """What models of a recipe say, each of the fold that was held out from it.

    Every model is trained, exported, checked and loaded as one that serves is: what answers here is
    what would answer there.

    Raises:
        SettingError: The family or a parameter can't be.
        RecordError: There is too little to learn from.
        MissingExtraError: What the family needs is not installed.
        ParityError: An exported model does not answer as the trained one does.
    """
    number = len(folds.documents)
    rows = OutOfFold(
        folds=folds,
        probabilities=np.zeros((number, len(folds.classes)), np.float32),
        seconds=np.zeros(number),
    )
    doing = f"Training {recipe.family} without each fold"
    for fold in progress.track(range(folds.number), doing, folds.number):
        classifier = _trained(folds, np.flatnonzero(folds.fold_of != fold), recipe)
        _answer(rows, np.flatnonzero(folds.fold_of == fold), classifier, threads)
    return rows


def _answer(rows: OutOfFold, held: Rows, classifier: Classifier, threads: int) -> None:
    """Write down what a classifier says of the rows that were held out from it."""
    # A class all of whose documents are held out is one that this model has never heard of.
    columns = [rows.classes.index(label) for label in classifier.labels]
    texts = (rows.documents[row].text for row in held)
    for row, timed in zip(held, classifier.classify_all(texts, threads=threads), strict=True):
        rows.probabilities[row, columns] = timed.answer.probabilities
        rows.seconds[row] = timed.seconds


def _trained(folds: Folds, learned: Rows, recipe: TrainingRecipe) -> Classifier:
    """The classifier that learned from these rows and no others."""
    family = family_class(recipe.family).with_parameters(recipe.parameters)
    train, validation = _parted(np.array(folds.labels), learned)
    data = TrainingData(
        train=_chosen(folds.documents, train),
        validation=_chosen(folds.documents, validation),
        seed=recipe.seed,
        cleaning=folds.cleaning,
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
            remedy="Use a dataset with more documents of each label, or more folds.",
        )
    validates = np.zeros(len(learned), bool)
    validates[spare[::_VALIDATION_STRIDE]] = True
    return by_label[~validates], by_label[validates]


def _chosen(documents: Sequence[Document], rows: Rows) -> LabelledTexts:
    chosen = [documents[row] for row in rows]
    return LabelledTexts([d.text for d in chosen], [d.label or "" for d in chosen])
