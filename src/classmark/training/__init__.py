"""How a model comes to be."""

from classmark.training.label_audit import AuditRequest, LabelAudit, audit_labels
from classmark.training.out_of_fold import OutOfFold, out_of_fold
from classmark.training.provenance import git_commit, library_versions
from classmark.training.recipe import TrainingRecipe
from classmark.training.run import TrainedModel, train

__all__ = [
    "AuditRequest",
    "LabelAudit",
    "OutOfFold",
    "TrainedModel",
    "TrainingRecipe",
    "audit_labels",
    "git_commit",
    "library_versions",
    "out_of_fold",
    "train",
]
