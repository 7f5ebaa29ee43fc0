"""The rows that a family learns from, and what can be learned of their targets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from classmark.datasets import Column, FeaturePipeline, PreparedTable, Task
from classmark.errors import RecordError
from classmark.models.tables.targets import Target

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class TableTrainingData:
    """What a family learns from.

    Attributes:
        train: Typed rows with their targets; learned from.
        validation: Never learned from; says when to stop, and feeds the parity gate.
        pipeline: What makes features of rows, fitted on train.
        targets: The columns to predict.
        task: Classification or regression.
        left_out: Columns that no feature is made of.
        seed: Everything random follows from it.
    """

    train: "pd.DataFrame"
    validation: "pd.DataFrame"
    pipeline: FeaturePipeline
    targets: tuple[Column, ...]
    task: Task
    left_out: tuple[str, ...] = ()
    seed: int = 42

    @classmethod
    def of(cls, prepared: PreparedTable, seed: int = 42) -> Self:
        """The train and val parts of a prepared table."""
        table = prepared.table
        used = {column.name for column in table.used}
        return cls(
            train=table.parts["train"],
            validation=table.parts["val"],
            pipeline=prepared.pipeline,
            targets=table.targets,
            task=table.task,
            left_out=tuple(c.name for c in table.columns if c.name not in used),
            seed=seed,
        )


def targets_of(data: TableTrainingData) -> tuple[Target, ...]:
    """What is to be learned of each target.

    Raises:
        RecordError: There is nothing to learn or to validate on, or a target can't be learned.
    """
    if not len(data.train) or not len(data.validation):
        raise RecordError(
            f"{len(data.train)} rows to learn from and {len(data.validation)} to validate on are "
            "too few.",
            remedy="Prepare the table again with more rows, or other --ratios.",
        )
    if data.task is Task.CLASSIFICATION:
        return tuple(_target_of_classes(column, data) for column in data.targets)
    return tuple(_target_of_numbers(column, data) for column in data.targets)


def _target_of_classes(column: Column, data: TableTrainingData) -> Target:
    target = Target.of_classes(column, data.train[column.name])
    if len(target.classes) < 2:
        raise RecordError(
            f"The train part has one class of {column.name!r} only: {', '.join(target.classes)}.",
            remedy="A classifier needs rows of two classes at least.",
        )
    unknown = sorted(set(data.validation[column.name]) - set(target.classes))
    if unknown:
        raise RecordError(
            f"The validation part has classes of {column.name!r} that train has not: "
            f"{', '.join(unknown[:5])}.",
            remedy="Prepare the table again; every class belongs into every part.",
        )
    return target


def _target_of_numbers(column: Column, data: TableTrainingData) -> Target:
    for rows in (data.train, data.validation):
        if not np.isfinite(rows[column.name].to_numpy(np.float64)).all():
            raise RecordError(
                f"Some rows have no number in {column.name!r}.", remedy="Leave these rows out."
            )
    return Target.of_numbers(column, data.train[column.name])
