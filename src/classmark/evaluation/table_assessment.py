"""Run a model over the rows of a table whose targets are known, and keep what it said."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from classmark.errors import RecordError
from classmark.evaluation.metrics import Evaluation, Latency, latency_of, measure
from classmark.evaluation.regression import RegressionEvaluation, measure_regression
from classmark.models import TablePredictions, TablePredictor
from classmark.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

# Rows that are asked one at a time, to see how long one takes.
_TIMED_ROWS = 20


@dataclass(frozen=True, slots=True, eq=False)
class TableAssessment:
    """Rows, predictions and what follows from them.

    Attributes:
        truth: The targets of the rows, a column each.
        predictions: Of all targets.
        classes: The figures of each target that is a class, by name.
        numbers: The figures of targets that are numbers; None where they are classes.
    """

    truth: "pd.DataFrame"
    predictions: TablePredictions
    classes: Mapping[str, Evaluation]
    numbers: RegressionEvaluation | None


def assess_table(
    predictor: TablePredictor, rows: "pd.DataFrame", *, progress: Progress | None = None
) -> TableAssessment:
    """Ask a model for all rows and measure what it says.

    Args:
        predictor: What is measured.
        rows: With the targets, written or typed.
        progress: Shows long work.

    Raises:
        RecordError: There are no rows, a column or a target is missing, or a class is not known.
    """
    if not len(rows):
        raise RecordError("There are no rows to evaluate on.", remedy="Give rows with targets.")
    truth = predictor.truth(rows)
    predictions = predictor.predict(rows, progress)
    latency = _latency(predictor, rows)
    classes = {
        target.name: measure(
            truth[target.name].tolist(), target.probabilities, target.classes, latency
        )
        for target in predictions
        if target.probabilities is not None
    }
    numbers = None if classes else _measured_numbers(truth, predictions, latency)
    return TableAssessment(truth, predictions, classes, numbers)


def _measured_numbers(
    truth: "pd.DataFrame", predictions: TablePredictions, latency: Latency
) -> RegressionEvaluation:
    names = [target.name for target in predictions]
    given = np.column_stack([target.values for target in predictions])
    return measure_regression(truth[names].to_numpy(np.float64), given, names, latency)


def _latency(predictor: TablePredictor, rows: "pd.DataFrame") -> Latency:
    seconds = []
    for place in range(min(len(rows), _TIMED_ROWS)):
        start = time.perf_counter()
        predictor.predict(rows.iloc[place : place + 1])
        seconds.append(time.perf_counter() - start)
    return latency_of(seconds)
