"""What answers for tables: a loaded artifact, whatever family it is of."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from classmark.datasets import FeaturePipeline, typed
from classmark.errors import RecordError
from classmark.models.tables.artifact import TableConfig
from classmark.models.tables.features import features_of
from classmark.models.tables.predictions import TablePredictions
from classmark.models.tables.targets import Outputs, Target
from classmark.progress import Progress, Silent

if TYPE_CHECKING:
    import pandas as pd

# Rows that are computed at once: where features are sparse, some families make them dense.
_BLOCK = 8192


class TablePredictor(ABC):
    """A loaded model of tables.

    Attributes:
        config: What the artifact says of itself.
        pipeline: What makes features of rows.
    """

    config: TableConfig
    pipeline: FeaturePipeline

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: TableConfig) -> Self:
        """The predictor whose artifact lies in a folder."""

    @abstractmethod
    def _outputs(self, values: Any) -> tuple[Outputs, ...]:
        """For each target its outputs, shape (rows, width): probabilities, or scaled numbers.

        Args:
            values: Features, shape (rows, features), dense or sparse (CSR).
        """

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that rows must have."""
        return tuple(column.name for column in self.pipeline.columns)

    @property
    def questions(self) -> list[tuple[str, tuple[str, ...]]]:
        """What is predicted: each target with its classes, none of a number."""
        return [(target.name, target.classes) for target in self.config.targets]

    def unknown_columns(self, rows: "pd.DataFrame") -> list[str]:
        """Columns that the table did not have which this model learned from."""
        targets = (target.name for target in self.config.targets)
        known = {*self.columns, *self.config.left_out, *targets}
        return [name for name in map(str, rows.columns) if name not in known]

    def outputs(
        self, rows: "pd.DataFrame", progress: Progress | None = None
    ) -> tuple[Outputs, ...]:
        """For each target its outputs, shape (rows, width).

        Raises:
            RecordError: A column is missing, or a cell is not what its column holds.
        """
        blocks = [np.empty((0, target.width)) for target in self.config.targets]
        found = [[block] for block in blocks]
        starts = range(0, len(rows), _BLOCK)
        for start in (progress or Silent()).track(starts, "Predicting", len(starts)):
            part = rows.iloc[start : start + _BLOCK]
            values = features_of(part, self.pipeline, keeps_missing=self.config.keeps_missing)
            for place, outputs in enumerate(self._outputs(values)):
                found[place].append(outputs)
        return tuple(np.concatenate(parts) for parts in found)

    def predict(self, rows: "pd.DataFrame", progress: Progress | None = None) -> TablePredictions:
        """What the model says of rows; columns in any order, others beside them are ignored.

        Args:
            rows: Cells as they are written, or typed.
            progress: Shows long work.

        Raises:
            RecordError: A column is missing, or a cell is not what its column holds.
        """
        pairs = zip(self.config.targets, self.outputs(rows, progress), strict=True)
        return TablePredictions(tuple(target.decoded(outputs) for target, outputs in pairs))

    def truth(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """The targets of rows, as classes or numbers.

        Raises:
            RecordError: A target is missing, is not what its column holds, or is a class that the
                model does not know.
        """
        found = typed(rows, [target.column for target in self.config.targets])
        for target in self.config.targets:
            _check_known(target, found[target.name])
        return found


def _check_known(target: Target, values: "pd.Series[Any]") -> None:
    missing = int(values.isna().sum())
    if missing:
        raise RecordError(
            f"{missing:,} of {len(values):,} rows have no {target.name!r}.",
            remedy="Give rows whose target is known, or predict them.",
        )
    strange = sorted(set(values) - set(target.classes)) if target.classes else []
    if strange:
        raise RecordError(
            f"{target.name!r} has classes that this model does not know: {', '.join(strange[:5])}.",
            remedy=f"It knows: {', '.join(target.classes)}.",
        )
