"""How a model comes to be: a family learns from a dataset and the result is measured."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classmark.datasets import Dataset
from classmark.errors import SettingError
from classmark.evaluation import Assessment, assess
from classmark.models import (
    LabelledTexts,
    TrainingData,
    TrainingOutcome,
    family_class,
    load_classifier,
)
from classmark.progress import Progress
from classmark.training.recipe import TrainingRecipe

# Enough rows to see whether a model has learned its training part by heart.
_TRAIN_ROWS_MEASURED = 1000


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What came of a training run; its artifact lies in the folder that was given.

    Attributes:
        recipe: What was to be trained.
        parameters: All of the family's, defaults too.
        outcome: What the family and the parity gate say.
        assessments: Of the finished artifact on "train" (its first 1,000 rows), "val" and "test".
        seconds: That learning took, measuring apart.
    """

    recipe: TrainingRecipe
    parameters: Mapping[str, Any]
    outcome: TrainingOutcome
    assessments: Mapping[str, Assessment]
    seconds: float


def train(
    dataset: Dataset, recipe: TrainingRecipe, folder: Path, *, threads: int, progress: Progress
) -> TrainedModel:
    """Train a model into an empty folder and measure what lies there.

    Raises:
        SettingError: The family or one of its parameters does not exist, or the dataset's documents
            have several labels.
        MissingExtraError: What the family needs is not installed.
        ParityError: The exported model does not answer as the trained one does.
    """
    if dataset.recipe.get("several_labels"):
        raise SettingError(
            f"The documents of {dataset.name!r} may have several labels; families learn one.",
            remedy="Prepare it again without --multi-label, with --label-field for the one label.",
        )
    family = family_class(recipe.family).with_parameters(recipe.parameters)
    cleaning = tuple(dataset.recipe["cleaning"])
    data = TrainingData(_texts(dataset, "train"), _texts(dataset, "val"), recipe.seed, cleaning)
    start = time.perf_counter()
    outcome = family.train(data, folder, progress)
    seconds = time.perf_counter() - start
    classifier = load_classifier(folder)
    assessments = {
        part: assess(classifier, documents, threads=threads, progress=progress)
        for part, documents in {
            "train": dataset.parts["train"][:_TRAIN_ROWS_MEASURED],
            "val": dataset.parts["val"],
            "test": dataset.parts["test"],
        }.items()
    }
    return TrainedModel(recipe, family.parameters, outcome, assessments, seconds)


def _texts(dataset: Dataset, part: str) -> LabelledTexts:
    documents = dataset.parts[part]
    return LabelledTexts([d.text for d in documents], [d.label or "" for d in documents])
