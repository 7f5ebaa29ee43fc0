"""Plots of an evaluation as PNG."""

from collections.abc import Sequence

from classmark.evaluation.assessment import AnyAssessment, Assessment
from classmark.evaluation.plots.class_plots import draw_confusion, draw_per_class
from classmark.evaluation.plots.confidence_plots import (
    draw_confidence,
    draw_reliability,
    draw_risk_coverage,
)
from classmark.evaluation.plots.drawing import Plot, drawing_style
from classmark.evaluation.plots.slice_plots import draw_slices
from classmark.evaluation.slices import Slice

__all__ = ["Plot", "draw"]


def draw(assessment: AnyAssessment, slices: Sequence[Slice]) -> dict[str, Plot]:
    """All plots by the names of their files; what there is nothing to show of is left out.

    Of label sets there is no class that another one is taken for, and no one confidence.
    """
    evaluation = assessment.evaluation
    with drawing_style():
        plots = {"per_class.png": draw_per_class(evaluation)}
        if isinstance(assessment, Assessment):
            plots |= _of_one_label(assessment)
        if slices:
            plots["slices.png"] = draw_slices(evaluation.accuracy, slices)
    return plots


def _of_one_label(assessment: Assessment) -> dict[str, Plot]:
    confidences, right = assessment.confidences, assessment.right
    return {
        "confusion.png": draw_confusion(assessment.evaluation),
        "reliability.png": draw_reliability(confidences, right),
        "confidence.png": draw_confidence(confidences, right),
        "risk_coverage.png": draw_risk_coverage(confidences, right),
    }
