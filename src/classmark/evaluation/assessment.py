"""Run a classifier over labelled documents and keep what it said."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.datasets import labels_of
from classmark.documents import Document
from classmark.errors import RecordError, SettingError
from classmark.evaluation.comparison import Comparison, compare
from classmark.evaluation.label_set_comparison import compare_label_sets
from classmark.evaluation.label_sets import LabelSetEvaluation, measure_label_sets
from classmark.evaluation.metrics import Evaluation, latency_of, measure
from classmark.models import Answer, Classifier, Problem, TimedAnswer
from classmark.progress import Progress, Silent

_OR_PREPARE = ", or prepare a dataset with --multi-label and --labels of these alone and name it"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Documents and answers.

    Attributes:
        documents: In the order they came.
        answers: One each.
    """

    documents: Sequence[Document]
    answers: Sequence[Answer]

    @property
    def confidences(self) -> NDArray[np.float64]:
        """The probability of the most probable label of each, shape (documents,)."""
        return np.array([answer.confidence for answer in self.answers])


@dataclass(frozen=True, slots=True)
class Assessment(_Asked):
    """Documents, answers and what follows from them.

    Attributes:
        evaluation: The figures.
        seconds: That each answer took, one each; empty where they were not measured.
    """

    evaluation: Evaluation
    seconds: Sequence[float] = ()

    @property
    def given(self) -> list[str]:
        """The label given to each document."""
        return [answer.label for answer in self.answers]

    @property
    def truth(self) -> list[str]:
        """The label that each document has."""
        return [document.label or "" for document in self.documents]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer is right, shape (documents,)."""
        pairs = zip(self.given, self.truth, strict=True)
        return np.array([given == true for given, true in pairs], dtype=bool)


@dataclass(frozen=True, slots=True)
class LabelSetAssessment(_Asked):
    """Documents that may have several labels, answers and what follows from them.

    Attributes:
        evaluation: The figures.
        seconds: That each answer took, one each; empty where they were not measured.
    """

    evaluation: LabelSetEvaluation
    seconds: Sequence[float] = ()

    @property
    def given(self) -> list[tuple[str, ...]]:
        """The labels given to each document."""
        return [answer.labels for answer in self.answers]

    @property
    def truth(self) -> list[tuple[str, ...]]:
        """The labels that each document has."""
        return [labels_of(document) for document in self.documents]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each document is given all its labels and no other, shape (documents,)."""
        pairs = zip(self.given, self.truth, strict=True)
        return np.array([set(given) == set(true) for given, true in pairs], dtype=bool)


AnyAssessment = Assessment | LabelSetAssessment


def assess_any(
    classifier: Classifier,
    documents: Sequence[Document],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> AnyAssessment:
    """Ask a classifier for every document and measure the answers, by the problem it learned.

    Raises:
        RecordError: There are no documents, labels that the classifier does not know, or several
            labels where it gives one; the first of them are named.
    """
    several = classifier.problem is Problem.MULTI_LABEL
    one = assess_label_sets if several else assess
    return one(classifier, documents, threads=threads, progress=progress)


def assess(
    classifier: Classifier,
    documents: Sequence[Document],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Assessment:
    """Ask a classifier for every document and measure the answers.

    Raises:
        RecordError: There are no documents, labels that the classifier does not know, or several
            labels; the first of them are named.
    """
    _check_labels(classifier, [(str(document.label),) for document in documents], documents)
    _check_single(documents)
    timed = _asked(classifier, documents, threads, progress)
    seconds = [one.seconds for one in timed]
    evaluation = measure(
        [document.label or "" for document in documents],
        np.array([one.answer.probabilities for one in timed]),
        classifier.labels,
        latency_of(seconds),
        classifier.calibration.abstain_below,
    )
    return Assessment(documents, [one.answer for one in timed], evaluation, seconds)


def assess_label_sets(
    classifier: Classifier,
    documents: Sequence[Document],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> LabelSetAssessment:
    """Ask a classifier that gives several labels for every document and measure the answers.

    Raises:
        RecordError: There are no documents, or labels that the classifier does not know; the first
            of them are named.
    """
    truth = [labels_of(document) for document in documents]
    _check_labels(classifier, truth, documents, _OR_PREPARE)
    timed = _asked(classifier, documents, threads, progress)
    seconds = [one.seconds for one in timed]
    evaluation = measure_label_sets(
        truth,
        np.array([one.answer.probabilities for one in timed]),
        classifier.labels,
        classifier.thresholds,
        latency_of(seconds),
    )
    return LabelSetAssessment(documents, [one.answer for one in timed], evaluation, seconds)


def compare_any(a: AnyAssessment, b: AnyAssessment) -> Comparison:
    """Compare two classifiers that were asked for the same documents.

    Raises:
        RecordError: There are no documents.
        SettingError: One gives one label and the other several.
    """
    if isinstance(a, Assessment) and isinstance(b, Assessment):
        return compare(a.truth, a.given, b.given)
    if isinstance(a, LabelSetAssessment) and isinstance(b, LabelSetAssessment):
        labels = sorted({*a.evaluation.labels, *b.evaluation.labels})
        return compare_label_sets(a.truth, a.given, b.given, labels)
    raise SettingError(
        "One of the two gives one label and the other several, so that they can't be compared.",
        remedy="Compare versions that were trained for the same problem.",
    )


def _asked(
    classifier: Classifier,
    documents: Sequence[Document],
    threads: int,
    progress: Progress | None,
) -> list[TimedAnswer]:
    texts = (document.text for document in documents)
    answers = classifier.classify_all(texts, threads=threads)
    return list((progress or Silent()).track(answers, "Evaluating", len(documents)))


def _check_single(documents: Sequence[Document]) -> None:
    several = [document.id for document in documents if len(document.labels) > 1]
    if several:
        raise RecordError(
            f"{len(several)} of {len(documents)} documents have several labels, and this model"
            f" gives one; the first are {', '.join(several[:5])}.",
            remedy="Measure it on documents of one label, or train a model on this dataset.",
        )


def _check_labels(
    classifier: Classifier,
    truth: Sequence[Sequence[str]],
    documents: Sequence[Document],
    or_else: str = "",
) -> None:
    if not documents:
        raise RecordError("There are no documents to evaluate on.", remedy="Give labelled ones.")
    known = set(classifier.labels)
    pairs = zip(documents, truth, strict=True)
    strange = [(it, labels) for it, labels in pairs if not labels or not known.issuperset(labels)]
    if strange:
        counts = Counter(label for _, labels in strange for label in labels if label not in known)
        first = ", ".join(f"{it.id} ({', '.join(labels)})" for it, labels in strange[:5])
        raise RecordError(
            f"{len(strange)} of {len(documents)} documents have a label that this model does not "
            f"know ({', '.join(sorted(counts)[:5])}); the first are {first}.",
            remedy=f"It knows: {', '.join(classifier.labels)}. Check --label-field{or_else}.",
        )
