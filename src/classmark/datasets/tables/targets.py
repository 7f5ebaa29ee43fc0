"""What is to be predicted: whether a column can be, and as what."""

from dataclasses import replace
from typing import TYPE_CHECKING

from classmark.datasets.tables.columns import Column, Kind
from classmark.datasets.tables.frames import as_written, columns_of, typed
from classmark.datasets.tables.recipe import TableRecipe, Task
from classmark.errors import RecordError, SettingError

if TYPE_CHECKING:
    import pandas as pd

# Whole numbers of more different values than these are measured, not named.
_MOST_CLASSES_OF_NUMBERS = 20
_WHY_NOT = {
    Kind.IDENTIFIER: "names its rows: almost every one has a value of its own",
    Kind.TEXT: "is free text",
    Kind.DATE: "holds dates",
    Kind.EMPTY: "has no value",
    Kind.CONSTANT: "has a single value, so that there is nothing to predict",
}


def settled_targets(
    frame: "pd.DataFrame", recipe: TableRecipe
) -> tuple[Task, "pd.DataFrame", tuple[Column, ...]]:
    """The task, the targets as they are learned (classes as text, or numbers), and their columns.

    Raises:
        SettingError: There is no such column.
        RecordError: A column can't be predicted, or not as the task asks.
    """
    absent = [name for name in recipe.targets if name not in frame.columns]
    if absent:
        raise SettingError(
            f"The table has no column {', '.join(map(repr, absent))} for --target.",
            remedy=f"Name one of its columns: {', '.join(map(str, frame.columns))}.",
        )
    chosen = frame[list(recipe.targets)]
    task = recipe.task
    if task is Task.REGRESSION:
        columns = _as_numbers(chosen, recipe)
        return task, typed(chosen, columns), columns
    columns = columns_of(chosen, recipe.conventions)
    for column in columns:
        _check_can_be_predicted(column)
    if task is Task.AUTO:
        task = _task_of(chosen, columns)
    if task is Task.REGRESSION:
        return task, typed(chosen, columns), columns
    return task, *_as_classes(chosen, columns)


def _as_classes(
    chosen: "pd.DataFrame", columns: tuple[Column, ...]
) -> tuple["pd.DataFrame", tuple[Column, ...]]:
    """The targets as text, whatever they were."""
    import pandas as pd  # noqa: PLC0415 (extra)

    written = {name: as_written(chosen[name]) for name in chosen.columns}
    classes = tuple(replace(column, kind=Kind.CATEGORICAL) for column in columns)
    return pd.DataFrame(written, index=chosen.index), classes


def _as_numbers(chosen: "pd.DataFrame", recipe: TableRecipe) -> tuple[Column, ...]:
    """The columns of targets that are numbers because somebody said so."""
    kinds = tuple((name, Kind.NUMERIC) for name in recipe.targets)
    return columns_of(chosen, replace(recipe.conventions, kinds=kinds))


def _check_can_be_predicted(column: Column) -> None:
    if column.kind in _WHY_NOT:
        raise RecordError(
            f"Target {column.name!r} {_WHY_NOT[column.kind]}.",
            remedy="Name another column with --target; or, if it is a number or a class, say so:"
            f" --types {column.name}=numeric or --types {column.name}=categorical.",
        )


def _task_of(chosen: "pd.DataFrame", columns: tuple[Column, ...]) -> Task:
    tasks = {_task_of_one(chosen, column) for column in columns}
    if len(tasks) == 1:
        return tasks.pop()
    raise RecordError(
        f"The targets {', '.join(column.name for column in columns)} are classes and numbers.",
        remedy="Say what to predict with --task, or prepare a table for each target.",
    )


def _task_of_one(chosen: "pd.DataFrame", column: Column) -> Task:
    if column.kind is not Kind.NUMERIC:
        return Task.CLASSIFICATION
    values = typed(chosen, (column,))[column.name].dropna()
    is_measured = bool((values % 1 != 0).any()) or column.distinct > _MOST_CLASSES_OF_NUMBERS
    return Task.REGRESSION if is_measured else Task.CLASSIFICATION
