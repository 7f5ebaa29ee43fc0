"""Two classifiers on the same rows: is one better, and by how much?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.errors import RecordError
from classmark.evaluation.intervals import CONFIDENCE, SEED, Estimate
from classmark.evaluation.significance import SIGNIFICANCE, holm, mcnemar
from classmark.models import Answer

_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class ClassChange:
    """What became of one class from the first classifier to the second.

    Attributes:
        label: The class.
        rows: That have it.
        recall_a: Of these, the share that the first finds.
        recall_b: The share that the second finds.
        only_a_right: Rows that the first alone finds.
        only_b_right: Rows that the second alone finds.
        p_value: By McNemar's exact test, for this class alone.
        adjusted: The same as it counts among all classes (Holm 1979).
    """

    label: str
    rows: int
    recall_a: float
    recall_b: float
    only_a_right: int
    only_b_right: int
    p_value: float
    adjusted: float

    @property
    def is_regression(self) -> bool:
        """Whether the second finds fewer, and that is more than chance."""
        return self.adjusted < SIGNIFICANCE and self.only_a_right > self.only_b_right


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """One figure of two classifiers on the same rows.

    Attributes:
        a: Of the first.
        b: Of the second.
        difference: Second minus first, with its paired 95 % interval.
    """

    a: float
    b: float
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the same rows say of two classifiers.

    Attributes:
        rows: How many.
        accuracy_a: Of the first.
        accuracy_b: Of the second.
        difference: Second minus first, with its paired 95 % interval.
        p_value: That a difference like this or larger comes from chance alone.
        only_a_right: Rows where the first is right and the second wrong.
        only_b_right: Rows where the second is right and the first wrong.
        winner: "a", "b", or None where the difference may be chance.
        agreement: The share of rows to which both give the same label, right or wrong.
        per_class: What became of each class that has rows, in the order of their labels.
        micro_f1: Of both, where a row may have several labels; else None.
    """

    rows: int
    accuracy_a: float
    accuracy_b: float
    difference: Estimate
    p_value: float
    only_a_right: int
    only_b_right: int
    winner: str | None
    agreement: float
    per_class: tuple[ClassChange, ...]
    micro_f1: PairedFigure | None = None

    @property
    def regressions(self) -> tuple[ClassChange, ...]:
        """The classes of which the second finds fewer, and that is more than chance."""
        return tuple(change for change in self.per_class if change.is_regression)


@dataclass(frozen=True, slots=True)
class Flip:
    """A document to which two classifiers give different labels, or sets of them.

    Attributes:
        document: Which.
        a: What the first says.
        b: What the second says.
    """

    document: Document
    a: Answer
    b: Answer


def compare(truth: Sequence[str], a: Sequence[str], b: Sequence[str]) -> Comparison:
    """Compare two lists of answers to the same rows.

    The test is McNemar's (1947) in its exact form, for all rows and again for those of each class.
    The interval is a paired bootstrap.

    Raises:
        RecordError: There are no rows.
    """
    a_right = np.array([given == true for given, true in zip(a, truth, strict=True)])
    b_right = np.array([given == true for given, true in zip(b, truth, strict=True)])
    labels = np.array(truth, dtype=object)
    of_label = {
        label: (a_right[labels == label], b_right[labels == label]) for label in sorted(set(truth))
    }
    agreement = [one == other for one, other in zip(a, b, strict=True)]
    return compared(a_right, b_right, agreement, of_label)


def compared(
    a_right: NDArray[np.bool_],
    b_right: NDArray[np.bool_],
    agreement: Sequence[bool] | NDArray[np.bool_],
    of_label: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]],
    micro_f1: PairedFigure | None = None,
) -> Comparison:
    """What the same rows say of two classifiers, once it is known where each of them is right.

    Args:
        a_right: Whether the first is, shape (rows,).
        b_right: Whether the second is, shape (rows,).
        agreement: Whether both answer the same, shape (rows,).
        of_label: Whether each of them finds a label, of the rows that have it.
        micro_f1: Of both, where a row may have several labels.

    Raises:
        RecordError: There are no rows.
    """
    if not len(a_right):
        raise RecordError("There are no documents to compare on.", remedy="Give labelled ones.")
    only_a, only_b = _discordant(a_right, b_right)
    p_value = mcnemar(only_a, only_b)
    return Comparison(
        rows=len(a_right),
        accuracy_a=float(a_right.mean()),
        accuracy_b=float(b_right.mean()),
        difference=_paired_difference(only_a, only_b, len(a_right)),
        p_value=p_value,
        only_a_right=only_a,
        only_b_right=only_b,
        winner=None if p_value >= SIGNIFICANCE else ("b" if only_b > only_a else "a"),
        agreement=float(np.mean(agreement)),
        per_class=_changes(of_label),
        micro_f1=micro_f1,
    )


def flips(documents: Sequence[Document], a: Sequence[Answer], b: Sequence[Answer]) -> list[Flip]:
    """The documents to which two classifiers give different labels, in their order."""
    return [
        Flip(document, one, other)
        for document, one, other in zip(documents, a, b, strict=True)
        if one.labels != other.labels
    ]


def _changes(
    of_label: Mapping[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]],
) -> tuple[ClassChange, ...]:
    counts = [_discordant(a, b) for a, b in of_label.values()]
    p_values = [mcnemar(*count) for count in counts]
    rows = zip(of_label.items(), counts, p_values, holm(p_values), strict=True)
    return tuple(
        ClassChange(label, len(a), float(a.mean()), float(b.mean()), *count, p_value, adjusted)
        for (label, (a, b)), count, p_value, adjusted in rows
    )


def _discordant(a_right: NDArray[np.bool_], b_right: NDArray[np.bool_]) -> tuple[int, int]:
    """Rows on which the first alone is right, and those on which the second is."""
    return int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())


def _paired_difference(only_a: int, only_b: int, rows: int) -> Estimate:
    """The difference of the accuracies; rows on which both agree only dilute it.

    Half a row is added to each of the four kinds of row (Agresti and Min 2005), so that what was
    not seen among few rows is not taken for impossible.
    """
    counts = np.array([only_a + 0.5, only_b + 0.5, rows - only_a - only_b + 1])
    draws = np.random.default_rng(SEED).multinomial(rows, counts / counts.sum(), size=_RESAMPLES)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / rows, [tail, 1 - tail])
    return Estimate((only_b - only_a) / rows, float(low), float(high))
