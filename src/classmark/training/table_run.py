"""How a model of a table comes to be: a family learns from it and the result is measured."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from classmark.datasets import PreparedTable
from classmark.evaluation import (
    Comparison,
    NumberComparison,
    TableAssessment,
    assess_table,
    compare_tables,
)
from classmark.models import (
    TableOutcome,
    TableTrainingData,
    load_table_predictor,
    table_family_class,
)
from classmark.progress import Progress
from classmark.training.recipe import TrainingRecipe
from classmark.training.run import Workshop

_BASELINE = "linear"


@dataclass(frozen=True, slots=True, eq=False)
class TableBaseline:
    """What the cheap family does with the same rows, and how the other does beside it.

    Attributes:
        assessments: Of the baseline on "val" and "test".
        comparisons: On test, by target; the baseline first.
    """

    assessments: Mapping[str, TableAssessment]
    comparisons: Mapping[str, Comparison | NumberComparison]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTable:
    """What came of a training run; its artifact lies in the folder that was given.

    Attributes:
        recipe: What was to be trained.
        parameters: All of the family's, defaults too.
        outcome: What the family and the parity gate say.
        assessments: Of the finished artifact on "val" and "test".
        baseline: The linear family beside; None where it was not trained beside.
        seconds: That learning took, measuring apart.
    """

    recipe: TrainingRecipe
    parameters: Mapping[str, Any]
    outcome: TableOutcome
    assessments: Mapping[str, TableAssessment]
    baseline: TableBaseline | None
    seconds: float


def train_table(
    prepared: PreparedTable, recipe: TrainingRecipe, folder: Path, workshop: Workshop
) -> TrainedTable:
    """Train a model of a table into an empty folder and measure what lies there.

    Raises:
        SettingError: The family or one of its parameters does not exist.
        RecordError: There is too little to learn from.
        MissingExtraError: What the family needs is not installed.
        ParityError: The loaded model does not answer as the trained one does.
    """
    family = table_family_class(recipe.family).with_parameters(recipe.parameters)
    data = TableTrainingData.of(prepared, recipe.seed)
    start = time.perf_counter()
    outcome = family.train(data, folder, workshop.progress, announce=workshop.announce)
    seconds = time.perf_counter() - start
    measured = _measured(prepared, folder, workshop.progress)
    baseline = (
        _baseline(data, prepared, measured, workshop.progress)
        if recipe.with_baseline and recipe.family != _BASELINE
        else None
    )
    return TrainedTable(recipe, family.parameters, outcome, measured, baseline, seconds)


def _measured(
    prepared: PreparedTable, folder: Path, progress: Progress
) -> dict[str, TableAssessment]:
    predictor = load_table_predictor(folder)
    parts = prepared.table.parts
    return {
        part: assess_table(predictor, parts[part], progress=progress) for part in ("val", "test")
    }


def _baseline(
    data: TableTrainingData,
    prepared: PreparedTable,
    measured: Mapping[str, TableAssessment],
    progress: Progress,
) -> TableBaseline:
    with TemporaryDirectory(prefix="classmark-baseline-") as folder:
        table_family_class(_BASELINE).with_parameters({}).train(data, Path(folder), progress)
        found = _measured(prepared, Path(folder), progress)
    return TableBaseline(found, compare_tables(found["test"], measured["test"]))
