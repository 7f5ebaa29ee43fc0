"""How good it is: figures with intervals, fair comparison, reports."""

from classmark.evaluation.assessment import Assessment, assess
from classmark.evaluation.comparison import Comparison, compare
from classmark.evaluation.intervals import Estimate, proportion
from classmark.evaluation.label_quality import (
    SimilarPair,
    Suspect,
    conflicting,
    suspected_errors,
)
from classmark.evaluation.metrics import ClassMetrics, Evaluation, Latency, latency_of, measure
from classmark.evaluation.report import ReportHeading, write_report

__all__ = [
    "Assessment",
    "ClassMetrics",
    "Comparison",
    "Estimate",
    "Evaluation",
    "Latency",
    "ReportHeading",
    "SimilarPair",
    "Suspect",
    "assess",
    "compare",
    "conflicting",
    "latency_of",
    "measure",
    "proportion",
    "suspected_errors",
    "write_report",
]
