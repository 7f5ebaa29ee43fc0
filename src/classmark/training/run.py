"""How a model comes to be: a family learns from a dataset and the result is measured."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classmark.datasets import Dataset
from classmark.documents import Document
from classmark.evaluation import AnyAssessment, assess_any
from classmark.models import (
    Announce,
    LabelledTexts,
    Problem,
    TrainingData,
    TrainingOutcome,
    family_class,
    load_classifier,
    unheard,
    write_calibration,
)
from classmark.progress import Progress
from classmark.training.baseline import BASELINE_FAMILY, Baseline, NoBaseline, baseline_beside
from classmark.training.recipe import TrainingRecipe
from classmark.training.reliability import Reliable, dealt_halves, made_reliable
from classmark.training.teacher import TeachingModel, taught

# Enough rows to see whether a model has learned its training part by heart.
_TRAIN_ROWS_MEASURED = 1000


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What came of a training run; its artifact lies in the folder that was given.

    Attributes:
        recipe: What was to be trained.
        problem: Whether a text has one label or several.
        parameters: All of the family's, defaults too.
        outcome: What the family and the parity gate say.
        reliable: How it was calibrated, and what is promised of its answers.
        assessments: Of the finished artifact on "train" (its first 1,000 rows), "val" and "test".
        seconds: That learning took, measuring apart.
        baseline: What a cheap family does with the same data; None where it was not trained.
    """

    recipe: TrainingRecipe
    problem: Problem
    parameters: Mapping[str, Any]
    outcome: TrainingOutcome
    reliable: Reliable
    assessments: Mapping[str, AnyAssessment]
    seconds: float
    baseline: Baseline | NoBaseline | None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What training works with, and who watches.

    Attributes:
        threads: Texts that are computed at once in measuring.
        progress: Shows long work.
        announce: Hears every milestone of a family that has some, and may raise to stop.
        checkpoints: A folder of this training alone; what a killed one left there is gone on with.
        teacher: Whose answers are learned beside the labels; None where there is none.
    """

    threads: int
    progress: Progress
    announce: Announce = unheard
    checkpoints: Path | None = None
    teacher: TeachingModel | None = None


def train(
    dataset: Dataset, recipe: TrainingRecipe, folder: Path, workshop: Workshop
) -> TrainedModel:
    """Train a model into an empty folder, calibrate it and measure what lies there.

    Raises:
        SettingError: The family or one of its parameters does not exist, or it can't learn several
            labels and the dataset's documents have some, or from a teacher and there is one.
        MissingExtraError: What the family needs is not installed.
        ParityError: The exported model does not answer as the trained one does.
    """
    family = family_class(recipe.family).with_parameters(recipe.parameters)
    family.check_problem(problem_of(dataset))
    family.check_teacher(workshop.teacher is not None)
    data = training_data(dataset, recipe.seed)
    start = time.perf_counter()
    outcome = family.train(
        _taught(data, workshop),
        folder,
        workshop.progress,
        checkpoints=workshop.checkpoints,
        announce=workshop.announce,
    )
    seconds = time.perf_counter() - start
    reliable = made_reliable(
        load_classifier(folder),
        dealt_halves(dataset.parts["val"]),
        recipe.reliability,
        threads=workshop.threads,
        progress=workshop.progress,
    )
    write_calibration(folder, reliable.calibration)
    classifier = load_classifier(folder)
    assessments = {
        part: assess_any(
            classifier, documents, threads=workshop.threads, progress=workshop.progress
        )
        for part, documents in {
            "train": dataset.parts["train"][:_TRAIN_ROWS_MEASURED],
            "val": dataset.parts["val"],
            "test": dataset.parts["test"],
        }.items()
    }
    baseline = (
        baseline_beside(
            data, assessments["test"], threads=workshop.threads, progress=workshop.progress
        )
        if recipe.with_baseline and recipe.family != BASELINE_FAMILY
        else None
    )
    return TrainedModel(
        recipe, data.problem, family.parameters, outcome, reliable, assessments, seconds, baseline
    )


def _taught(data: TrainingData, workshop: Workshop) -> TrainingData:
    if workshop.teacher is None:
        return data
    return taught(
        data,
        workshop.teacher,
        workshop.checkpoints,
        threads=workshop.threads,
        progress=workshop.progress,
    )


def problem_of(dataset: Dataset) -> Problem:
    """What is learned from a dataset: one label for each document, or several."""
    return Problem.MULTI_LABEL if dataset.several_labels else Problem.SINGLE_LABEL


def training_data(dataset: Dataset, seed: int) -> TrainingData:
    """What a family learns from a dataset, and what it is checked on: train and half of val.

    The other half of val decides later below what confidence the model abstains. Of documents that
    may have several labels all of val is the first half.
    """
    checked_on = dealt_halves(dataset.parts["val"]).selection
    return TrainingData(
        labelled_texts(dataset.parts["train"], several=dataset.several_labels),
        labelled_texts(checked_on, several=dataset.several_labels),
        seed,
        tuple(dataset.recipe["cleaning"]),
    )


def labelled_texts(documents: Sequence[Document], *, several: bool) -> LabelledTexts:
    """The texts of documents with their label, or with all their labels."""
    return LabelledTexts(
        [document.text for document in documents],
        [document.label or "" for document in documents],
        [document.labels for document in documents] if several else (),
    )
