"""The analyses of label sets that people sort and filter: every error, and every label."""

from collections.abc import Iterator, Sequence

from classmark.evaluation.analysis import (
    Row,
    class_rows,
    estimate_cells,
    heading_cells,
    joined,
    mean_cells,
    rest_cells,
)
from classmark.evaluation.assessment import LabelSetAssessment
from classmark.evaluation.slices import Slice, word_count

LABEL_SET_ERROR_COLUMNS = (
    *("id", "true", "given", "missing", "superfluous", "wrong", "least_probable"),
    *("words", "title", "text"),
)


def label_set_error_rows(assessment: LabelSetAssessment) -> list[Row]:
    """The documents that lack a label or have one too many, those with most wrong labels first.

    `least_probable` is the lowest probability of a label that the document has: of two documents
    with as many wrong labels the one with the lower comes first.
    """
    labels = assessment.evaluation.labels
    rows = []
    answers = zip(assessment.documents, assessment.answers, assessment.truth, strict=True)
    for document, answer, true in answers:
        missing = [label for label in true if label not in answer.labels]
        superfluous = [label for label in answer.labels if label not in true]
        if not missing and not superfluous:
            continue
        of = dict(zip(labels, answer.probabilities, strict=True))
        rows.append(
            {
                "id": document.id,
                "true": joined(true),
                "given": joined(answer.labels),
                "missing": joined(missing),
                "superfluous": joined(superfluous),
                "wrong": len(missing) + len(superfluous),
                "least_probable": round(min(of[label] for label in true), 6),
                "words": word_count(document),
                "title": document.title or document.text[:80],
                "text": document.text,
            }
        )
    return sorted(rows, key=lambda row: (-row["wrong"], row["least_probable"]))


def label_set_performance_rows(
    assessment: LabelSetAssessment, slices: Sequence[Slice]
) -> Iterator[Row]:
    """The figures overall, then of each label, then of each slice.

    Accuracy is of whole label sets. Precision, recall and F1 of a label are its own; else they are
    macro means, and slices have none.
    """
    evaluation = assessment.evaluation
    yield {
        **heading_cells("overall", "all", evaluation.rows),
        **estimate_cells("accuracy", evaluation.accuracy),
        **estimate_cells("precision", evaluation.macro.precision),
        **estimate_cells("recall", evaluation.macro.recall),
        **estimate_cells("f1", evaluation.macro.f1),
        **mean_cells(assessment, range(evaluation.rows)),
    }
    yield from class_rows(assessment)
    for group in slices:
        yield {
            **heading_cells(group.kind.value, group.name, len(group.rows)),
            **estimate_cells("accuracy", group.accuracy),
            **mean_cells(assessment, group.rows),
            **rest_cells(group),
        }
