"""A table becomes a measured, registered version, and the version knows its table."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine

from classmark.datasets import (
    PreparedTable,
    TableRecipe,
    TableSource,
    TableStore,
    Task,
    prepare_table,
)
from classmark.errors import SettingError
from classmark.models import load_table_predictor
from classmark.progress import Silent
from classmark.registry import ModelReference, Registry
from classmark.retraining import (
    Link,
    NewTableVersion,
    VersionRequest,
    learned_rows,
    trace_table_version,
    train_table_version,
)
from classmark.training import InMemoryTracker, TrainingRecipe

NOW = datetime(2024, 5, 6, tzinfo=UTC)


def prepared(**made: Any) -> PreparedTable:
    frame = load_wine(as_frame=True).frame
    source = TableSource(frame, {"name": "bundled"})
    return prepare_table("wines", source, TableRecipe(("target",), **made), now=NOW)


@pytest.fixture(scope="module")
def wines() -> PreparedTable:
    return prepared()


def registered(table: PreparedTable, registry: Registry, **asked: Any) -> NewTableVersion:
    recipe = TrainingRecipe("linear", asked.pop("parameters", {}))
    request = VersionRequest("wines", recipe, **asked)
    return train_table_version(table, request, registry, progress=Silent())


def test_a_version_tells_what_it_learned_from(
    wines: PreparedTable, registry: Registry, tmp_path: Path
) -> None:
    tracker = InMemoryTracker()
    version = registered(wines, registry, notes="the first", tracker=tracker).version
    assert [run.name for run in tracker.runs] == [version.name]
    assert version.is_of_table
    told = version.metadata
    assert told["family"] == told["architecture"] == "linear"
    assert told["labels"] == ["0", "1", "2"]
    assert told["notes"] == "the first"
    dataset = told["dataset"]
    assert dataset["snapshot"] == wines.table.snapshot_id
    assert (dataset["kind"], dataset["task"]) == ("table", "classification")
    assert (dataset["targets"], dataset["features"]) == (["target"], 13)
    assert told["metrics"]["test"]["accuracy"] == pytest.approx(
        told["metrics"]["test"]["targets"]["target"]["accuracy"]
    )
    assert told["metrics"]["test"]["rows"] == len(wines.table.parts["test"])
    registry.verify(ModelReference(version.model, role="latest"))
    rows = wines.table.parts["test"]
    (found,) = load_table_predictor(version.folder).predict(rows)
    right = float(np.mean(found.values == rows["target"].to_numpy()))
    assert right == pytest.approx(told["metrics"]["test"]["accuracy"])

    store = TableStore(tmp_path / "data")
    assert trace_table_version(version, store).link is Link.GONE
    assert learned_rows(version, store, wines.table.parts["train"]) is None
    folder = store.save(wines)
    trace = trace_table_version(version, store)
    assert (trace.link, trace.source.link) == (Link.INTACT, Link.UNCHECKED)
    train = wines.table.parts["train"]
    assert learned_rows(version, store, train) == [True] * 125
    assert learned_rows(version, store, train.assign(target="another")) == [True] * 125
    assert learned_rows(version, store, rows) == [False] * len(rows)
    assert learned_rows(version, store, rows, ("train", "test")) == [True] * len(rows)
    assert learned_rows(version, store, rows.drop(columns="hue")) is None
    (folder / "train.parquet").write_bytes(b"")
    assert trace_table_version(version, store).link is Link.CHANGED


def test_the_number_rises_by_what_differs(wines: PreparedTable, registry: Registry) -> None:
    registered(wines, registry)
    found = [
        registered(wines, registry, parameters={"regularisation": "2"}),
        registered(prepared(seed=7), registry),
        registered(prepared(task=Task.REGRESSION), registry),
    ]
    assert [str(new.version.version) for new in found] == ["v1.0.1", "v1.1.0", "v2.0.0"]
    last = found[-1].version.metadata
    assert last["labels"] == ["target"]
    assert 0 < last["metrics"]["test"]["r2"] < 1
    assert last["metrics"]["test"]["targets"]["target"]["mae"]["low"] > 0


def test_a_recipe_that_can_not_be_registers_nothing(
    wines: PreparedTable, registry: Registry
) -> None:
    request = VersionRequest("wines", TrainingRecipe("encoder"))
    with pytest.raises(SettingError, match="for tables"):
        train_table_version(wines, request, registry, progress=Silent())
    assert registry.models() == []
