"""How a model comes to be."""

from classmark.training.baseline import Baseline, NoBaseline
from classmark.training.cross_validation import (
    CrossValidation,
    FamilyScore,
    Pairing,
    cross_validate,
)
from classmark.training.folds import Dealing
from classmark.training.label_audit import AuditRequest, LabelAudit, audit_labels
from classmark.training.mlflow import MlflowTracker
from classmark.training.out_of_fold import OutOfFold, out_of_fold
from classmark.training.provenance import git_commit, library_versions
from classmark.training.recipe import Reliability, TrainingRecipe
from classmark.training.reliability import Halves, Reliable, dealt_halves
from classmark.training.run import TrainedModel, Workshop, problem_of, train
from classmark.training.table_run import TableBaseline, TrainedTable, train_table
from classmark.training.teacher import TeachingModel
from classmark.training.tracking import (
    InMemoryTracker,
    RunEnd,
    RunLink,
    RunStart,
    RunStatus,
    Tracker,
    Untracked,
    tracked,
)
from classmark.training.tuning.definition import (
    Limits,
    Sampler,
    StudyDefinition,
    default_study_name,
)
from classmark.training.tuning.result import TuningResult
from classmark.training.tuning.room import SearchRoom, tune
from classmark.training.tuning.space import search_space
from classmark.training.tuning.trial import Trial, TrialState
from classmark.training.unfinished import checkpoints_of, training_key

__all__ = [
    "AuditRequest",
    "Baseline",
    "CrossValidation",
    "Dealing",
    "FamilyScore",
    "Halves",
    "InMemoryTracker",
    "LabelAudit",
    "Limits",
    "MlflowTracker",
    "NoBaseline",
    "OutOfFold",
    "Pairing",
    "Reliability",
    "Reliable",
    "RunEnd",
    "RunLink",
    "RunStart",
    "RunStatus",
    "Sampler",
    "SearchRoom",
    "StudyDefinition",
    "TableBaseline",
    "TeachingModel",
    "Tracker",
    "TrainedModel",
    "TrainedTable",
    "TrainingRecipe",
    "Trial",
    "TrialState",
    "TuningResult",
    "Untracked",
    "Workshop",
    "audit_labels",
    "checkpoints_of",
    "cross_validate",
    "dealt_halves",
    "default_study_name",
    "git_commit",
    "library_versions",
    "out_of_fold",
    "problem_of",
    "search_space",
    "tracked",
    "train",
    "train_table",
    "training_key",
    "tune",
]
