"""What is weak, said in sentences."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from classmark.evaluation.assessment import AnyAssessment, LabelSetAssessment
from classmark.evaluation.intervals import Estimate
from classmark.evaluation.label_sets import LabelSetEvaluation
from classmark.evaluation.metrics import Evaluation
from classmark.evaluation.slices import Slice, SliceKind

_CONFUSIONS_TOLD = 3
_FEWEST_CONFUSED = 2
_CLASSES_TOLD = 3
_WIDE = 0.1
_OF_SLICE = {
    SliceKind.LENGTH: "Documents of {}",
    SliceKind.YEAR: "Documents of {}",
    SliceKind.SOURCE: "Documents from {}",
}


def weak_points(assessment: AnyAssessment, slices: Sequence[Slice]) -> tuple[str, ...]:
    """The weak points, the most telling kind first; each is a sentence."""
    if isinstance(assessment, LabelSetAssessment):
        return _of_label_sets(assessment, slices)
    evaluation = assessment.evaluation
    return (
        *_confusions(evaluation),
        *_classes(evaluation),
        *_slices(slices),
        *_confidence(evaluation),
        *_rows(evaluation),
    )


def _of_label_sets(assessment: LabelSetAssessment, slices: Sequence[Slice]) -> tuple[str, ...]:
    evaluation = assessment.evaluation
    return (
        *_decisions(assessment),
        *_classes(evaluation),
        *_slices(slices),
        *_rows(evaluation),
    )


def _decisions(assessment: LabelSetAssessment) -> Iterator[str]:
    """The labels that are most often missing, and those that are most often too many."""
    missing, superfluous = Counter[str](), Counter[str]()
    for given, true in zip(assessment.given, assessment.truth, strict=True):
        missing.update(set(true) - set(given))
        superfluous.update(set(given) - set(true))
    for counted, told in ((missing, "missing"), (superfluous, "given wrongly")):
        ranked = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
        worst = [f"{label} ({n:,})" for label, n in ranked[:_CLASSES_TOLD] if n >= _FEWEST_CONFUSED]
        if worst:
            yield f"Labels most often {told}: {', '.join(worst)}."


def as_percent(value: float) -> str:
    """A share as people read it: `83.1 %`."""
    return f"{value * 100:.1f} %"


def as_chance(p_value: float) -> str:
    """A p-value as people read it: `= 0.013`, `< 0.001`."""
    return f"= {p_value:.3f}" if p_value >= 0.001 else "< 0.001"


def _confusions(evaluation: Evaluation) -> Iterator[str]:
    """The most frequent errors."""
    counts = np.array(evaluation.confusion)
    support = counts.sum(1)
    np.fill_diagonal(counts, 0)
    cells = np.argsort(-counts, axis=None, kind="stable")[:_CONFUSIONS_TOLD]
    worst = [tuple(map(int, np.unravel_index(cell, counts.shape))) for cell in cells]
    told = [
        f"{evaluation.labels[true]} is taken for {evaluation.labels[given]} in "
        f"{counts[true, given]:,} of {support[true]:,}"
        for true, given in worst
        if counts[true, given] >= _FEWEST_CONFUSED
    ]
    if told:
        yield f"Most frequent confusions: {'; '.join(told)}."


def _classes(evaluation: Evaluation | LabelSetEvaluation) -> Iterator[str]:
    """The classes that are surely worse than the mean, and those of which nothing is known."""
    mean = evaluation.macro_f1.value
    worse = [one for one in evaluation.per_class if one.support and one.f1.high < mean]
    told = [
        f"{one.label} (F1 {one.f1.value:.2f}, recall {as_percent(one.recall.value)}, precision "
        f"{as_percent(one.precision.value)})"
        for one in sorted(worse, key=lambda one: one.f1.value)[:_CLASSES_TOLD]
    ]
    if told:
        yield f"Hardest classes, surely below the mean F1 of {mean:.2f}: {'; '.join(told)}."
    absent = [one.label for one in evaluation.per_class if not one.support]
    if absent:
        listed = ", ".join(absent[:_CLASSES_TOLD]) + (", …" if absent[_CLASSES_TOLD:] else "")
        number = f"{len(absent):,} {'class' if len(absent) == 1 else 'classes'}"
        yield f"Of {number} there are no documents here: {listed}."


def _slices(slices: Sequence[Slice]) -> Iterator[str]:
    """The slices that are surely worse than the rest."""
    worse = sorted((one for one in slices if one.is_worse), key=lambda one: one.accuracy.value)
    for one in worse:
        subject = _OF_SLICE[one.kind].format(one.name)
        yield (
            f"{subject} are harder: {_with_interval(one.accuracy)} right, elsewhere "
            f"{as_percent(one.rest.value)} (p {as_chance(one.p_value)} among {len(slices)} slices)."
        )


def _confidence(evaluation: Evaluation) -> Iterator[str]:
    """Whether it is surer than it is right, or less sure."""
    accuracy, confidence = evaluation.accuracy, evaluation.mean_confidence
    if accuracy.low <= confidence <= accuracy.high:
        return
    sure = "too sure" if confidence > accuracy.high else "not sure enough"
    yield (
        f"It is {sure}: its mean confidence is {as_percent(confidence)}, and "
        f"{_with_interval(accuracy)} of its answers are right."
    )


def _rows(evaluation: Evaluation | LabelSetEvaluation) -> Iterator[str]:
    width = evaluation.accuracy.high - evaluation.accuracy.low
    if width > _WIDE:
        yield (
            f"{evaluation.rows:,} documents leave accuracy open by {width * 100:.0f} points; more "
            "of them would tell it better."
        )


def _with_interval(share: Estimate) -> str:
    return f"{as_percent(share.value)} ({share.low * 100:.1f} to {share.high * 100:.1f})"
