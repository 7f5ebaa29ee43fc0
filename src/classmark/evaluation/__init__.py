"""How good it is: figures with intervals, fair comparison, reports."""

from classmark.evaluation.abstention import (
    AbstainRule,
    Answered,
    abstain_rule,
    answered_share,
    candidate_thresholds,
)
from classmark.evaluation.analysis import flips_csv
from classmark.evaluation.assessment import (
    AnyAssessment,
    Assessment,
    LabelSetAssessment,
    assess,
    assess_any,
    assess_label_sets,
    compare_any,
)
from classmark.evaluation.calibration import (
    CalibrationQuality,
    ReliabilityBin,
    calibration_error,
    calibration_quality,
    fitted_isotonic,
    fitted_temperature,
    reliability_bins,
)
from classmark.evaluation.comparison import (
    ClassChange,
    Comparison,
    Flip,
    PairedFigure,
    compare,
    flips,
)
from classmark.evaluation.explanation.explaining import explain
from classmark.evaluation.explanation.explanation import (
    FEWEST_SAMPLES,
    MOST_SAMPLES,
    Explanation,
    ExplanationRequest,
    Fidelity,
    Method,
    Piece,
    WordWeight,
)
from classmark.evaluation.explanation.page import (
    check_explanation_folder,
    explanation_figures,
    write_explanation,
)
from classmark.evaluation.findings import weak_points
from classmark.evaluation.intervals import Estimate, proportion
from classmark.evaluation.label_quality import (
    SimilarPair,
    Suspect,
    conflicting,
    suspected_errors,
)
from classmark.evaluation.label_set_comparison import compare_label_sets
from classmark.evaluation.label_sets import Averages, LabelSetEvaluation, measure_label_sets
from classmark.evaluation.metrics import ClassMetrics, Evaluation, Latency, latency_of, measure
from classmark.evaluation.regression import (
    RegressionEvaluation,
    TargetMetrics,
    measure_regression,
)
from classmark.evaluation.report import ReportHeading, write_report, write_report_at
from classmark.evaluation.significance import SIGNIFICANCE, holm
from classmark.evaluation.slices import Slice, SliceKind, slices_of
from classmark.evaluation.table_assessment import TableAssessment, assess_table
from classmark.evaluation.table_comparison import (
    NumberComparison,
    compare_numbers,
    compare_tables,
)

__all__ = [
    "FEWEST_SAMPLES",
    "MOST_SAMPLES",
    "SIGNIFICANCE",
    "AbstainRule",
    "Answered",
    "AnyAssessment",
    "Assessment",
    "Averages",
    "CalibrationQuality",
    "ClassChange",
    "ClassMetrics",
    "Comparison",
    "Estimate",
    "Evaluation",
    "Explanation",
    "ExplanationRequest",
    "Fidelity",
    "Flip",
    "LabelSetAssessment",
    "LabelSetEvaluation",
    "Latency",
    "Method",
    "NumberComparison",
    "PairedFigure",
    "Piece",
    "RegressionEvaluation",
    "ReliabilityBin",
    "ReportHeading",
    "SimilarPair",
    "Slice",
    "SliceKind",
    "Suspect",
    "TableAssessment",
    "TargetMetrics",
    "WordWeight",
    "abstain_rule",
    "answered_share",
    "assess",
    "assess_any",
    "assess_label_sets",
    "assess_table",
    "calibration_error",
    "calibration_quality",
    "candidate_thresholds",
    "check_explanation_folder",
    "compare",
    "compare_any",
    "compare_label_sets",
    "compare_numbers",
    "compare_tables",
    "conflicting",
    "explain",
    "explanation_figures",
    "fitted_isotonic",
    "fitted_temperature",
    "flips",
    "flips_csv",
    "holm",
    "latency_of",
    "measure",
    "measure_label_sets",
    "measure_regression",
    "proportion",
    "reliability_bins",
    "slices_of",
    "suspected_errors",
    "weak_points",
    "write_explanation",
    "write_report",
    "write_report_at",
]
