"""What learns, and what answers: one contract for all families."""

from classmark.models.catalogue import CATALOGUE, family_class, load_classifier
from classmark.models.classifier import Answer, Classifier, TimedAnswer
from classmark.models.model import (
    Announce,
    Family,
    LabelledTexts,
    Milestone,
    TrainingData,
    TrainingOutcome,
)
from classmark.models.parity import Agreement, ParityReport, parity_verdict

__all__ = [
    "CATALOGUE",
    "Agreement",
    "Announce",
    "Answer",
    "Classifier",
    "Family",
    "LabelledTexts",
    "Milestone",
    "ParityReport",
    "TimedAnswer",
    "TrainingData",
    "TrainingOutcome",
    "family_class",
    "load_classifier",
    "parity_verdict",
]
