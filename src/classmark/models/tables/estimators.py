"""Estimators of scikit-learn in an artifact, without pickle: how they are kept and answer.

skops writes them as JSON and arrays. A tree is a table of nodes that compiled code walks through
unchecked, so that the places it names are checked here before it is used.
"""

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from skops import io

from classmark.durable import write_bytes
from classmark.errors import TamperedVersionError
from classmark.models.artifact import damaged
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.predictor import TablePredictor
from classmark.models.tables.targets import Outputs, Target

ESTIMATORS = "model.skops"
# Beyond what skops itself calls harmless.
TRUSTED = ("sklearn.tree._tree.Tree",)


class EstimatorPredictor(TablePredictor):
    """One estimator of scikit-learn for each target."""

    def __init__(self, estimators: Sequence[Any]) -> None:
        self._estimators = estimators

    @classmethod
    def load(cls, folder: Path, config: TableConfig) -> Self:
        """The predictor whose estimators lie in a folder."""
        path = folder / ESTIMATORS
        strange = sorted(set(io.get_untrusted_types(file=path)) - set(TRUSTED))
        if strange:
            raise TamperedVersionError(
                f"{path} holds types that no model of a table has: {', '.join(strange[:5])}.",
                remedy="Do not use it: restore the version from a backup, or train it again.",
            )
        estimators = io.load(path, trusted=list(TRUSTED))
        pairs = zip(estimators, config.targets, strict=True)
        if not all(_answers(estimator, target) for estimator, target in pairs):
            raise damaged(folder, "estimators and targets do not belong together")
        return cls(estimators)

    def _outputs(self, values: Any) -> tuple[Outputs, ...]:
        return outputs_of(self._estimators, values)


def save_estimators(estimators: Sequence[Any], folder: Path) -> None:
    """Write fitted estimators, one for each target, without pickle."""
    content = io.dumps(list(estimators), compression=zipfile.ZIP_DEFLATED)
    write_bytes(folder / ESTIMATORS, content)


def outputs_of(estimators: Iterable[Any], values: Any) -> tuple[Outputs, ...]:
    """For each estimator its probabilities, or its numbers as one column."""
    return tuple(
        np.asarray(estimator.predict_proba(values), np.float64)
        if hasattr(estimator, "classes_")
        else np.asarray(estimator.predict(values), np.float64).reshape(-1, 1)
        for estimator in estimators
    )


def _answers(estimator: Any, target: Target) -> bool:
    """Whether an estimator answers for a target, and whether its trees can be walked."""
    labels = len(getattr(estimator, "classes_", ()))
    trees = [member.tree_ for member in getattr(estimator, "estimators_", ())]
    return labels == len(target.classes) and all(
        _is_sound(tree, estimator.n_features_in_, target.width) for tree in trees
    )


def _is_sound(tree: Any, features: int, width: int) -> bool:
    """Whether every step leads on to a later node, and every question is about a feature."""
    places = np.arange(tree.node_count)
    left, right, asked = tree.children_left, tree.children_right, tree.feature
    is_leaf = left == -1
    leads_on = [(side > places) & (side < tree.node_count) for side in (left, right)]
    is_asked = (asked >= 0) & (asked < features)
    return (
        tree.value.shape == (tree.node_count, 1, width)
        and bool(tree.node_count)
        and bool((is_leaf | (leads_on[0] & leads_on[1] & is_asked)).all())
    )
