"""Figures of a model of tables, from rows whose targets are known."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from classmark.datasets import PreparedTable, TableRecipe, TableSource, prepare_table
from classmark.errors import RecordError
from classmark.evaluation import Comparison, NumberComparison, assess_table, compare_tables
from classmark.models import TablePredictor
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.targets import Target


class Seer(TablePredictor):
    """Says of each row what its first feature says, as classes or numbers."""

    def __init__(self, table: PreparedTable, sure: float = 0.9) -> None:
        train, task = table.table.parts["train"], table.table.task
        make = Target.of_classes if task == "classification" else Target.of_numbers
        targets = tuple(make(column, train[column.name]) for column in table.table.targets)
        self.config = TableConfig("seer", {}, task, targets)
        self.pipeline = table.pipeline
        self._sure = sure

    @classmethod
    def load(cls, folder: Path, config: TableConfig) -> Self:
        """Never kept."""
        raise NotImplementedError

    def _outputs(self, values: Any) -> tuple[NDArray[np.float64], ...]:
        first = values[:, :1]
        if not self.config.targets[0].classes:
            return tuple(first for _ in self.config.targets)
        high = np.where(first > 0, self._sure, 1 - self._sure)
        return tuple(np.hstack([high, 1 - high]) for _ in self.config.targets)


def prepared(frame: pd.DataFrame, *targets: str) -> PreparedTable:
    source = TableSource(frame, {"name": "t"})
    return prepare_table("t", source, TableRecipe(targets), now=datetime.now(UTC))


@pytest.fixture(scope="module")
def classes() -> PreparedTable:
    x = np.random.default_rng(0).normal(size=200)
    words = {"y": np.where(x > 0, "high", "low"), "z": np.where(x > 0, "hot", "wet")}
    return prepared(pd.DataFrame({"x": x, **words}), "y", "z")


@pytest.fixture(scope="module")
def numbers() -> PreparedTable:
    x = np.random.default_rng(0).normal(size=200)
    return prepared(pd.DataFrame({"x": x, "y": 3 * x + 7, "z": x * 100}), "y", "z")


def test_classes_are_measured_target_by_target(classes: PreparedTable) -> None:
    rows = classes.table.parts["test"]
    found = assess_table(Seer(classes), rows)
    assert found.numbers is None
    assert list(found.classes) == ["y", "z"]
    for evaluation in found.classes.values():
        assert evaluation.rows == len(rows)
        assert evaluation.accuracy.value >= 0.9
        assert evaluation.latency.p50_ms > 0
    assert found.truth["y"].tolist() == rows["y"].tolist()


def test_numbers_are_measured_in_their_own_unit(numbers: PreparedTable) -> None:
    found = assess_table(Seer(numbers), numbers.table.parts["test"])
    assert found.classes == {}
    assert found.numbers is not None
    assert [metrics.name for metrics in found.numbers.per_target] == ["y", "z"]
    for metrics in found.numbers.per_target:
        assert metrics.mae.value == pytest.approx(0, abs=1e-9)


def test_two_models_are_compared_target_by_target(
    classes: PreparedTable, numbers: PreparedTable
) -> None:
    rows = classes.table.parts["test"]
    right, wrong = (assess_table(Seer(classes, sure), rows) for sure in (0.9, 0.1))
    for comparison in compare_tables(wrong, right).values():
        assert isinstance(comparison, Comparison)
        assert comparison.winner == "b"
    one = assess_table(Seer(numbers), numbers.table.parts["test"])
    for same in compare_tables(one, one).values():
        assert isinstance(same, NumberComparison)
        assert same.winner is None


def test_no_rows_and_unknown_targets_are_refused(classes: PreparedTable) -> None:
    rows = classes.table.parts["test"]
    with pytest.raises(RecordError, match="no rows"):
        assess_table(Seer(classes), rows.iloc[:0])
    with pytest.raises(RecordError, match="no column 'z'"):
        assess_table(Seer(classes), rows.drop(columns="z"))
    with pytest.raises(RecordError, match="does not know: medium"):
        assess_table(Seer(classes), rows.assign(y="medium"))
