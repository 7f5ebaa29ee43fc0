"""How sure a trained artifact may say that it is, and what it leaves unanswered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.evaluation import (
    AbstainRule,
    abstain_rule,
    candidate_thresholds,
    fitted_isotonic,
    fitted_temperature,
)
from classmark.models import Calibration, Classifier, Problem, Promise
from classmark.progress import Progress
from classmark.training.recipe import Reliability

# Not the training's: whatever the seed, no training or tuning on a dataset may look at the rows
# that its promise rests on.
_SEED = 42
# Fewer calibration rows could not promise that 90 % are right with a risk of 5 %, if they all were.
_ROWS_TO_PROMISE = 29
# Fewer rows say next to nothing of how sure a model may be.
_ROWS_TO_FIT = 10

# Which way of dealing it is: what was begun with another one looked at other rows, and does not go
# on.
DEALING = 2

Probabilities = NDArray[np.float64]
Fit = Callable[[Probabilities, NDArray[np.int64]], Calibration]

_FITS: dict[str, Fit] = {"temperature": fitted_temperature, "isotonic": fitted_isotonic}


@dataclass(frozen=True, slots=True)
class Halves:
    """The val part in two.

    Attributes:
        selection: Decides between settings, and is what probabilities are calibrated on.
        calibration: Decides below what is abstained, and nothing else: that it was looked at for
            nothing before is what the promise rests on.
    """

    selection: Sequence[Document]
    calibration: Sequence[Document]


@dataclass(frozen=True, slots=True)
class Reliable:
    """A calibration, and what it rests on.

    Attributes:
        calibration: For the artifact.
        selection_rows: Rows that it was fitted on.
        calibration_rows: Rows that could be used for the promise.
        shortcomings: What was asked for and could not be had, and why, as sentences.
    """

    calibration: Calibration
    selection_rows: int
    calibration_rows: int
    shortcomings: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """All of it as a version's metadata has it; isotonic lines are in its files alone."""
        calibration = self.calibration.described()
        del calibration["knots"]
        return {
            **calibration,
            "selection_rows": self.selection_rows,
            "calibration_rows": self.calibration_rows,
            "shortcomings": list(self.shortcomings),
        }


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a classifier says of labelled documents.

    Attributes:
        probabilities: Shape (rows, classes).
        truth: The column of each row's label, shape (rows,).
    """

    probabilities: Probabilities
    truth: NDArray[np.int64]


def dealt_halves(documents: Sequence[Document]) -> Halves:
    """Labelled documents in two halves, of every label as many in each.

    Where a label has an odd number, chance decides which half has one more: were it always the same
    one, the other would have fewer rare labels than the documents that a promise is kept on, and
    the promise would be broken.

    The same documents in the same order are always dealt alike. Where they are too few to promise
    anything, or may have several labels, of which nothing is promised, they all help to select.

    Args:
        documents: The val part; their order is kept.
    """
    if any(document.labels for document in documents):
        return Halves(documents, [])
    rng = np.random.default_rng(_SEED)
    dealt: dict[str | None, int] = {}
    calibrates = np.zeros(len(documents), bool)
    for row in rng.permutation(len(documents)):
        label = documents[row].label
        number = dealt.setdefault(label, int(rng.integers(2)))
        calibrates[row] = number % 2
        dealt[label] = number + 1
    pairs = list(zip(documents, calibrates, strict=True))
    if calibrates.sum() < _ROWS_TO_PROMISE:
        return Halves(documents, [])
    return Halves(
        selection=[document for document, later in pairs if not later],
        calibration=[document for document, later in pairs if later],
    )


def made_reliable(
    classifier: Classifier,
    halves: Halves,
    wanted: Reliability,
    *,
    threads: int,
    progress: Progress,
) -> Reliable:
    """The calibration of a trained classifier that has none yet.

    The temperature or the isotonic lines are fitted on the selection half, and the threshold is
    chosen on the calibration half, which may not be looked at before: `classmark.evaluation`'s
    `abstain_rule` says why. Where a text may have several labels, neither is done: there is no one
    confidence of an answer that either could speak of.
    """
    if classifier.problem is Problem.MULTI_LABEL:
        return Reliable(Calibration(), len(halves.selection), 0, _of_several_labels(wanted))
    selection = _asked(classifier, halves.selection, threads, progress)
    calibration, shortcomings = _fitted(selection, wanted)
    if wanted.accuracy is not None:
        held_out = _asked(classifier, halves.calibration, threads, progress)
        rule = _rule(calibration, selection, held_out, wanted)
        calibration = _promising(calibration, rule, wanted)
        shortcomings += _not_promised(rule, wanted, len(selection.truth))
    return Reliable(
        calibration, len(halves.selection), len(halves.calibration), tuple(shortcomings)
    )


def _of_several_labels(wanted: Reliability) -> tuple[str, ...]:
    if wanted.method == "none" and wanted.accuracy is None:
        return ()
    told = (
        "Probabilities of several labels are not calibrated, and nothing is promised of them: every"
        " text is answered."
    )
    return (told,)


def _asked(
    classifier: Classifier, documents: Sequence[Document], threads: int, progress: Progress
) -> _Asked:
    texts = (document.text for document in documents)
    answers = classifier.classify_all(texts, threads=threads)
    rows = [
        timed.answer.probabilities
        for timed in progress.track(answers, "Calibrating", len(documents))
    ]
    columns = {label: column for column, label in enumerate(classifier.labels)}
    return _Asked(
        np.array(rows, np.float64).reshape(len(rows), len(columns)),
        np.array([columns[document.label or ""] for document in documents], np.int64),
    )


def _fitted(selection: _Asked, wanted: Reliability) -> tuple[Calibration, list[str]]:
    if wanted.method == "none":
        return Calibration(), []
    if len(selection.truth) < _ROWS_TO_FIT:
        told = (
            f"Probabilities are not calibrated: val has {len(selection.truth)} documents, and "
            f"{_ROWS_TO_FIT} are needed."
        )
        return Calibration(), [told]
    return _FITS[wanted.method](selection.probabilities, selection.truth), []


def _rule(
    calibration: Calibration, selection: _Asked, held_out: _Asked, wanted: Reliability
) -> AbstainRule:
    """What may be answered, with confidences as they will be served, to the last digit."""
    seen, unseen = (
        np.array([calibration.applied(row) for row in asked.probabilities]).reshape(
            asked.probabilities.shape
        )
        for asked in (selection, held_out)
    )
    return abstain_rule(
        candidate_thresholds(seen.max(1), seen.argmax(1) == selection.truth),
        unseen.max(1),
        unseen.argmax(1) == held_out.truth,
        accuracy=wanted.accuracy or 0.0,
        risk=wanted.risk,
    )


def _promising(calibration: Calibration, rule: AbstainRule, wanted: Reliability) -> Calibration:
    if rule.abstain_below is None or wanted.accuracy is None:
        return calibration
    promise = Promise(wanted.accuracy, wanted.risk, rule.rows, rule.coverage)
    return replace(calibration, abstain_below=rule.abstain_below, promise=promise)


def _not_promised(rule: AbstainRule, wanted: Reliability, selection_rows: int) -> list[str]:
    if rule.abstain_below is not None:
        return []
    share = f"{100 * (wanted.accuracy or 0):.3g} %"
    promise = f"{share} right answers can't be promised, so that nothing is left unanswered"
    if rule.rows < rule.rows_needed:
        rows, needed = selection_rows + rule.rows, 2 * rule.rows_needed
        why = f"val has {rows} documents, and {needed} at least are needed"
        if rows >= needed:
            why = f"its labels have too few documents each to leave {rule.rows_needed} for it"
    else:
        why = f"{rule.rows} documents, half of val, do not show it even of the surest answers"
    return [f"{promise}: {why}."]
