"""Which labels are suspect: what was given beside what a model says that never saw the document."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classmark.errors import MissingExtraError


@dataclass(frozen=True, slots=True)
class Suspect:
    """A document whose label may be wrong.

    Attributes:
        row: Which one.
        label: The label that it has.
        suggested: The most probable one.
        label_probability: Of the label that it has.
        suggested_probability: Of the most probable one.
    """

    row: int
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float

    @property
    def margin(self) -> float:
        """How much more probable the suggested label is."""
        return self.suggested_probability - self.label_probability


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """Two documents with nearly the same text.

    Attributes:
        first: Row of the one.
        second: Row of the other.
        similarity: The share of their word pairs that both have, estimated.
    """

    first: int
    second: int
    similarity: float


def suspected_errors(
    labels: Sequence[str],
    probabilities: NDArray[np.floating[Any]],
    classes: Sequence[str],
    length: int | None = None,
) -> list[Suspect]:
    """The documents whose label is least believable, the least believable first.

    Documents are ordered by confidence-weighted entropy: first where the model is sure and finds
    the given label improbable. How many there are is estimated by confident learning (Northcutt,
    Jiang and Chuang 2021): it counts the documents whose probability of another class exceeds what
    is usual for documents with that label.

    Args:
        labels: Given, each one of the classes, each class at least once.
        probabilities: By models that did not learn from the row, shape (rows, classes).
        classes: The order of the probabilities, sorted.
        length: How many to list at most; None takes the estimate.

    Raises:
        MissingExtraError: cleanlab is not installed.
    """
    try:
        from cleanlab.filter import find_label_issues  # noqa: PLC0415 (extra)
        from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Judging labels", extra="train") from error
    given = np.searchsorted(classes, labels)
    if length is None:
        # Counted here, in this process: by default cleanlab starts one for every core.
        counted = find_label_issues(given, probabilities, filter_by="confident_learning", n_jobs=1)
        length = int(counted.sum())
    scores = get_label_quality_scores(given, probabilities, method="confidence_weighted_entropy")
    best = probabilities.argmax(1)
    order = np.argsort(scores, kind="stable")
    return [
        Suspect(
            row=int(row),
            label=labels[row],
            suggested=classes[best[row]],
            label_probability=float(probabilities[row, given[row]]),
            suggested_probability=float(probabilities[row, best[row]]),
        )
        for row in order[best[order] != given[order]][:length]
    ]


def conflicting(pairs: Iterable[SimilarPair], labels: Sequence[str]) -> Iterator[SimilarPair]:
    """The pairs whose labels differ: one of the two is wrong, or the text belongs to both."""
    return (pair for pair in pairs if labels[pair.first] != labels[pair.second])
