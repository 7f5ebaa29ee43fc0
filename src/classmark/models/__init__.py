"""What learns, and what answers: one contract for all families."""

from classmark.models.ahead import in_order
from classmark.models.attention import TokenAttention, attention_of
from classmark.models.calibration import (
    Calibration,
    Knots,
    Promise,
    read_calibration,
    write_calibration,
)
from classmark.models.catalogue import (
    CATALOGUE,
    TABLE_CATALOGUE,
    family_class,
    load_classifier,
)
from classmark.models.classifier import Answer, Classifier, TimedAnswer
from classmark.models.examples import MOST_GAP
from classmark.models.model import Announce, Family, Milestone, TrainingOutcome, unheard
from classmark.models.parity import Agreement, Decisions, ParityReport, parity_verdict
from classmark.models.problem import Problem, decided
from classmark.models.reading import read_spans
from classmark.models.search_space import Choices, Range, SearchSpace, Value
from classmark.models.tables.catalogue import load_table_predictor, table_family_class
from classmark.models.tables.model import TableFamily, TableOutcome
from classmark.models.tables.parity import TableParity, table_parity
from classmark.models.tables.predictions import TablePredictions, TargetPredictions
from classmark.models.tables.predictor import TablePredictor
from classmark.models.tables.training_data import TableTrainingData
from classmark.models.training_data import LabelledTexts, Teacher, TrainingData
from classmark.models.training_folder import is_resumable, keep_logs

__all__ = [
    "CATALOGUE",
    "MOST_GAP",
    "TABLE_CATALOGUE",
    "Agreement",
    "Announce",
    "Answer",
    "Calibration",
    "Choices",
    "Classifier",
    "Decisions",
    "Family",
    "Knots",
    "LabelledTexts",
    "Milestone",
    "ParityReport",
    "Problem",
    "Promise",
    "Range",
    "SearchSpace",
    "TableFamily",
    "TableOutcome",
    "TableParity",
    "TablePredictions",
    "TablePredictor",
    "TableTrainingData",
    "TargetPredictions",
    "Teacher",
    "TimedAnswer",
    "TokenAttention",
    "TrainingData",
    "TrainingOutcome",
    "Value",
    "attention_of",
    "decided",
    "family_class",
    "in_order",
    "is_resumable",
    "keep_logs",
    "load_classifier",
    "load_table_predictor",
    "parity_verdict",
    "read_calibration",
    "read_spans",
    "table_family_class",
    "table_parity",
    "unheard",
    "write_calibration",
]
