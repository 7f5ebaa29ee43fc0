"""How a model comes to be."""

from classmark.training.provenance import git_commit, library_versions
from classmark.training.recipe import TrainingRecipe
from classmark.training.run import TrainedModel, train

__all__ = ["TrainedModel", "TrainingRecipe", "git_commit", "library_versions", "train"]
