"""What learns, and what answers: one contract for all families."""

from classmark.models.catalogue import CATALOGUE, family_class, load_classifier
from classmark.models.model import (
    Answer,
    Classifier,
    Family,
    LabelledTexts,
    TimedAnswer,
    TrainingData,
    TrainingOutcome,
)
from classmark.models.parity import Agreement, ParityReport, parity_verdict

__all__ = [
    "CATALOGUE",
    "Agreement",
    "Answer",
    "Classifier",
    "Family",
    "LabelledTexts",
    "ParityReport",
    "TimedAnswer",
    "TrainingData",
    "TrainingOutcome",
    "family_class",
    "load_classifier",
    "parity_verdict",
]
