"""Gradient-boosted trees that answer: one booster of XGBoost for each target."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost

from classmark.models.artifact import damaged
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.predictor import TablePredictor
from classmark.models.tables.targets import Outputs

# An object whose keys have lengths of 8 bytes.
_START = b"{L"


class BoostedPredictor(TablePredictor):
    """Class scores or numbers that are sums over trees."""

    def __init__(self, boosters: Sequence[Any], widths: Sequence[int]) -> None:
        self._boosters = boosters
        self._widths = widths

    @classmethod
    def load(cls, folder: Path, config: TableConfig) -> Self:
        """The predictor whose boosters lie in a folder."""
        boosters = [booster_in(folder / booster_file(at)) for at in range(len(config.targets))]
        for booster, target in zip(boosters, config.targets, strict=True):
            if booster.attr("outputs") != str(target.width):
                raise damaged(folder, "boosters and targets do not belong together")
        return cls(boosters, [target.width for target in config.targets])

    def _outputs(self, values: Any) -> tuple[Outputs, ...]:
        matrix = xgboost.DMatrix(values)
        pairs = zip(self._boosters, self._widths, strict=True)
        return tuple(outputs_of(booster, matrix, width) for booster, width in pairs)


def booster_file(place: int) -> str:
    """The name of the file of a target's booster."""
    return f"model_{place}.ubj"


def booster_in(path: Path) -> Any:
    """The booster of a file.

    Raises:
        ValueError: It is no UBJSON; XGBoost would try other formats.
    """
    with path.open("rb") as file:
        if file.read(len(_START)) != _START:
            raise ValueError(f"{path.name} is no UBJSON")
    booster = xgboost.Booster()
    booster.load_model(path)
    return booster


def outputs_of(booster: Any, matrix: Any, width: int) -> Outputs:
    """Probabilities of all classes, or numbers as one column, shape (rows, width)."""
    found = np.asarray(booster.predict(matrix), np.float64)
    if width == 2:
        return np.column_stack([1 - found, found])
    return found.reshape(len(found), width)
