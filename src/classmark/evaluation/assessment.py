"""Run a classifier over labelled documents and keep what it said."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation.metrics import Evaluation, latency_of, measure
from classmark.models import Answer, Classifier
from classmark.progress import Progress, Silent


@dataclass(frozen=True, slots=True)
class Assessment:
    """Documents, answers and what follows from them.

    Attributes:
        documents: In the order they came.
        answers: One each.
        evaluation: The figures.
        seconds: That each answer took, one each; empty where they were not measured.
    """

    documents: Sequence[Document]
    answers: Sequence[Answer]
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

    @property
    def confidences(self) -> NDArray[np.float64]:
        """The probability of each given label, shape (documents,)."""
        return np.array([answer.confidence for answer in self.answers])


def assess(
    classifier: Classifier,
    documents: Sequence[Document],
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Assessment:
    """Ask a classifier for every document and measure the answers.

    Raises:
        RecordError: There are no documents, or labels that the classifier does not know; the first
            of them are named.
    """
    _check_labels(classifier, documents)

    texts = (document.text for document in documents)
    answers = classifier.classify_all(texts, threads=threads)
    timed = list((progress or Silent()).track(answers, "Evaluating", len(documents)))
    evaluation = measure(
        [document.label or "" for document in documents],
        np.array([one.answer.probabilities for one in timed]),
        classifier.labels,
        latency_of([one.seconds for one in timed]),
        classifier.calibration.abstain_below,
    )
    seconds = [one.seconds for one in timed]
    return Assessment(documents, [one.answer for one in timed], evaluation, seconds)


def _check_labels(classifier: Classifier, documents: Sequence[Document]) -> None:
    if not documents:
        raise RecordError("There are no documents to evaluate on.", remedy="Give labelled ones.")
    strange = [document for document in documents if document.label not in classifier.labels]
    if strange:
        counts = Counter(str(document.label) for document in strange)
        first = ", ".join(f"{document.id} ({document.label})" for document in strange[:5])
        raise RecordError(
            f"{len(strange)} of {len(documents)} documents have a label that this model does not "
            f"know ({', '.join(sorted(counts)[:5])}); the first are {first}.",
            remedy=f"It knows: {', '.join(classifier.labels)}. Check --label-field.",
        )
