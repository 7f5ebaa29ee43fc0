"""The features of a table: one fitted pipeline, which is saved without pickle."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from classmark.datasets.tables.columns import Column, Kind
from classmark.datasets.tables.frames import typed
from classmark.durable import write_bytes
from classmark.errors import RecordError, SourceError, TamperedVersionError

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_matrix

    from classmark.datasets.tables.feature_columns import FeaturePlan

_STEPS = "classmark.datasets.tables.feature_steps"
# What a file of features may hold beyond what skops itself calls harmless. Whatever else stands
# there, somebody put there: the file is refused.
TRUSTED = (
    f"{_STEPS}.CorrelationFilter",
    f"{_STEPS}.DateParts",
    f"{_STEPS}.ImportanceFilter",
    f"{_STEPS}.OutlierClipper",
    "numpy.dtype",
)


class FeaturePipeline:
    """From rows of a table to the numbers that a model learns from.

    Args:
        columns: What features are made of.
        steps: A fitted scikit-learn pipeline.
    """

    def __init__(self, columns: Sequence[Column], steps: Any) -> None:
        self.columns = tuple(columns)
        self._steps = steps

    @classmethod
    def fitted(
        cls, train: "pd.DataFrame", targets: "pd.DataFrame", plan: "FeaturePlan"
    ) -> "FeaturePipeline":
        """The pipeline of a plan, fitted on these rows and on no others.

        Args:
            train: The rows that are learned from.
            targets: Theirs, one column for each target; asked by importance alone.
            plan: What features are made of, and how.

        Raises:
            RecordError: A text column has no words, or no feature is left.
        """
        from classmark.datasets.tables.feature_columns import unfitted  # noqa: PLC0415 (extra)

        steps = unfitted(plan)
        numbers = np.column_stack([_as_numbers(targets[name], plan) for name in targets.columns])
        try:
            steps.fit(_inputs(train, plan.columns), numbers)
        except ValueError as error:
            if "empty vocabulary" not in str(error):
                raise
            raise RecordError(
                "A text column has no words of two letters that are not numbers alone.",
                remedy="Say what it is with --types, as --types COLUMN=categorical.",
            ) from error
        return cls(plan.columns, steps)

    def features(self, rows: "pd.DataFrame") -> "NDArray[np.float64] | csr_matrix":
        """The features of rows, shape (rows, features); sparse where most of them are 0.

        Args:
            rows: With all columns that the pipeline was fitted on, written or typed; others are
                ignored.

        Raises:
            RecordError: A column is missing, or a cell is not what its column holds.
        """
        return self._steps.transform(_inputs(rows, self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        """What each feature is, as `numeric__age` or `categorical__colour_red`."""
        return tuple(map(str, self._steps.get_feature_names_out()))

    def save(self, path: Path) -> None:
        """Write columns and steps to a file, without pickle."""
        from skops import io  # noqa: PLC0415 (extra)

        columns = [column.described() for column in self.columns]
        write_bytes(path, io.dumps({"columns": columns, "steps": self._steps}))

    @classmethod
    def load(cls, path: Path) -> "FeaturePipeline":
        """The pipeline of a file.

        Raises:
            SourceError: The file is missing or damaged.
            TamperedVersionError: It holds other types than a pipeline of ours does.
        """
        from skops import io  # noqa: PLC0415 (extra)

        try:
            strange = sorted(set(io.get_untrusted_types(file=path)) - set(TRUSTED))
            if not strange:
                content = io.load(path, trusted=list(TRUSTED))
                columns = [Column.of(values) for values in content["columns"]]
                return cls(columns, content["steps"])
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise SourceError(
                f"{path} holds no feature pipeline ({error}).",
                remedy="Prepare the table again from its source.",
            ) from error
        raise TamperedVersionError(
            f"{path} holds types that no feature pipeline has: {', '.join(strange[:5])}.",
            remedy="Do not use it: prepare the table again from its source.",
        )


def _inputs(rows: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    """Typed columns as scikit-learn wants them: NaN where missing, and text that is never."""
    frame = typed(rows, columns)
    for column in columns:
        if column.kind is Kind.TEXT:
            frame[column.name] = frame[column.name].where(frame[column.name].notna(), "")
        elif column.kind is Kind.CATEGORICAL:
            known = frame[column.name].notna()
            frame[column.name] = frame[column.name].where(known, np.nan)
    return frame


def _as_numbers(target: "pd.Series[Any]", plan: "FeaturePlan") -> NDArray[Any]:
    if not plan.classifies:
        numbers: NDArray[Any] = target.to_numpy(np.float64)
        return numbers
    codes: NDArray[Any] = np.unique(target.to_numpy(object), return_inverse=True)[1]
    return codes
