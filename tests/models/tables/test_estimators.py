"""Estimators that somebody put together by hand are not used."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from skops import io

from classmark.datasets import Column, Kind, Task
from classmark.errors import TamperedVersionError
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.estimators import (
    ESTIMATORS,
    EstimatorPredictor,
    outputs_of,
    save_estimators,
)
from classmark.models.tables.targets import Target

CONFIG = TableConfig(
    "forest", {}, Task.CLASSIFICATION, (Target(Column("y", Kind.CATEGORICAL), ("a", "b")),)
)


@pytest.fixture
def forest() -> RandomForestClassifier:
    values = np.random.default_rng(0).normal(size=(60, 4))
    return RandomForestClassifier(3, random_state=0).fit(values, values[:, 0] > 0)


def test_what_is_saved_answers_as_before(forest: RandomForestClassifier, tmp_path: Path) -> None:
    save_estimators([forest], tmp_path)
    loaded = EstimatorPredictor.load(tmp_path, CONFIG)
    values = np.random.default_rng(1).normal(size=(20, 4))
    (before,) = outputs_of([forest], values)
    (after,) = loaded._outputs(values)
    assert before.tolist() == after.tolist()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 0),  # back to the root: walked for ever
        ("left_child", 1_000_000),
        ("right_child", -5),
        ("feature", 4),
        ("feature", -3),
    ],
)
def test_a_tree_that_leads_astray_is_refused(
    forest: RandomForestClassifier, tmp_path: Path, field: str, value: int
) -> None:
    tree = forest.estimators_[1].tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    save_estimators([forest], tmp_path)
    with pytest.raises(TamperedVersionError, match="do not belong together"):
        EstimatorPredictor.load(tmp_path, CONFIG)


@pytest.mark.parametrize(
    "stranger", [FunctionTransformer(os.system), os.path.join, np.random.default_rng(0)]
)
def test_another_type_is_refused(stranger: object, tmp_path: Path) -> None:
    (tmp_path / ESTIMATORS).write_bytes(io.dumps([stranger]))
    with pytest.raises(TamperedVersionError):
        EstimatorPredictor.load(tmp_path, CONFIG)


def test_an_estimator_of_other_classes_is_refused(tmp_path: Path) -> None:
    values = np.eye(3)
    save_estimators([LogisticRegression().fit(values, [0, 1, 2])], tmp_path)
    with pytest.raises(TamperedVersionError, match="do not belong together"):
        EstimatorPredictor.load(tmp_path, CONFIG)
