"""The analyses that people sort and filter: every error, and the performance of every part."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from classmark.datasets import labels_of
from classmark.evaluation.assessment import AnyAssessment, Assessment
from classmark.evaluation.class_counts import confusion_of
from classmark.evaluation.comparison import Flip
from classmark.evaluation.intervals import Estimate
from classmark.evaluation.metrics import macro_figures
from classmark.evaluation.slices import Slice, word_count
from classmark.spreadsheet import safe_cell

ERROR_COLUMNS = (
    *("id", "true", "given", "confidence", "true_probability", "second", "second_probability"),
    *("margin", "words", "title", "text"),
)
_FIGURES = ("accuracy", "precision", "recall", "f1")
PERFORMANCE_COLUMNS = (
    *("kind", "name", "n"),
    *(f"{figure}{end}" for figure in _FIGURES for end in ("", "_low", "_high")),
    *("mean_confidence", "mean_latency_ms", "rest_accuracy", "p_value"),
)
FLIP_COLUMNS = ("id", "true", "a", "b", "confidence_a", "confidence_b", "right", "title")
Row = Mapping[str, Any]


def error_rows(assessment: Assessment) -> list[Row]:
    """The wrong answers, the surest first.

    `second` is the second most probable label and `margin` how much less probable it is.
    """
    labels = assessment.evaluation.labels
    rows = []
    for document, answer in zip(assessment.documents, assessment.answers, strict=True):
        if document.label == answer.label:
            continue
        of = dict(zip(labels, answer.probabilities, strict=True))
        others = (label for label in labels if label != answer.label)
        second = max(others, key=of.__getitem__, default="")
        rows.append(
            {
                "id": document.id,
                "true": document.label,
                "given": answer.label,
                "confidence": round(answer.confidence, 6),
                "true_probability": round(of.get(document.label or "", 0.0), 6),
                "second": second,
                "second_probability": round(of.get(second, 0.0), 6),
                "margin": round(answer.confidence - of.get(second, 0.0), 6),
                "words": word_count(document),
                "title": document.title or document.text[:80],
                "text": document.text,
            }
        )
    return sorted(rows, key=lambda row: -row["confidence"])


def performance_rows(assessment: Assessment, slices: Sequence[Slice]) -> Iterator[Row]:
    """The figures overall, then of each class, then of each slice.

    Precision, recall and F1 of a class are its own; else they are macro means.
    """
    evaluation = assessment.evaluation
    yield {
        **heading_cells("overall", "all", evaluation.rows),
        **estimate_cells("accuracy", evaluation.accuracy),
        **estimate_cells("precision", evaluation.macro_precision),
        **estimate_cells("recall", evaluation.macro_recall),
        **estimate_cells("f1", evaluation.macro_f1),
        **mean_cells(assessment, range(evaluation.rows)),
    }
    yield from class_rows(assessment)
    for group in slices:
        yield _slice_row(assessment, group)


def flips_csv(flips: Iterable[Flip]) -> str:
    """The documents to which two classifiers give different labels, as CSV.

    `right` is `a`, `b` or empty where both are wrong.
    """
    return as_csv(FLIP_COLUMNS, map(_flip_row, flips))


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """Rows as CSV that a spreadsheet can open; what is missing is empty."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, restval="")
    writer.writeheader()
    writer.writerows({key: safe_cell(value) for key, value in row.items()} for row in rows)
    return file.getvalue()


def _flip_row(flip: Flip) -> Row:
    document, true = flip.document, labels_of(flip.document)
    right = {frozenset(flip.b.labels): "b", frozenset(flip.a.labels): "a"}
    return {
        "id": document.id,
        "true": joined(true),
        "a": joined(flip.a.labels),
        "b": joined(flip.b.labels),
        "confidence_a": round(flip.a.confidence, 6),
        "confidence_b": round(flip.b.confidence, 6),
        "right": right.get(frozenset(true), ""),
        "title": document.title or document.text[:80],
    }


def joined(labels: Iterable[str]) -> str:
    """Labels in one cell, as a file of documents may have them."""
    return "; ".join(labels)


def _slice_row(assessment: Assessment, one: Slice) -> Row:
    place = {label: at for at, label in enumerate(assessment.evaluation.labels)}
    truth, given = assessment.truth, assessment.given
    macro = macro_figures(
        confusion_of(
            np.array([place[truth[row]] for row in one.rows]),
            np.array([place[given[row]] for row in one.rows]),
            len(place),
        )
    )
    return {
        **heading_cells(one.kind.value, one.name, len(one.rows)),
        **estimate_cells("accuracy", one.accuracy),
        **estimate_cells("precision", macro.precision),
        **estimate_cells("recall", macro.recall),
        **estimate_cells("f1", macro.f1),
        **mean_cells(assessment, one.rows),
        **rest_cells(one),
    }


def class_rows(assessment: AnyAssessment) -> Iterator[Row]:
    """The figures of each class, or of each label."""
    for one in assessment.evaluation.per_class:
        documents = enumerate(assessment.documents)
        rows = [row for row, document in documents if one.label in labels_of(document)]
        yield {
            **heading_cells("class", one.label, one.support),
            **estimate_cells("precision", one.precision),
            **estimate_cells("recall", one.recall),
            **estimate_cells("f1", one.f1),
            **mean_cells(assessment, rows),
        }


def rest_cells(one: Slice) -> Row:
    """How right the answers are outside a slice, and whether the difference may be chance."""
    return {
        "rest_accuracy": round(one.rest.value, 6),
        "p_value": float(f"{one.p_value:.4g}"),
    }


def heading_cells(kind: str, name: str, rows: int) -> Row:
    """What a line of the performance analysis is about."""
    return {"kind": kind, "name": name, "n": rows}


def estimate_cells(name: str, estimate: Estimate) -> Row:
    """A figure and the ends of its interval."""
    return {
        name: round(estimate.value, 6),
        f"{name}_low": round(estimate.low, 6),
        f"{name}_high": round(estimate.high, 6),
    }


def mean_cells(assessment: AnyAssessment, rows: Sequence[int]) -> Row:
    """The mean confidence of some rows, and their mean latency where it was measured."""
    if not rows:
        return {}
    found = {"mean_confidence": round(float(assessment.confidences[list(rows)].mean()), 6)}
    if assessment.seconds:
        seconds = np.array(assessment.seconds)[list(rows)]
        found["mean_latency_ms"] = round(float(seconds.mean()) * 1000, 3)
    return found
