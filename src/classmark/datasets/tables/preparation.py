"""From a table as it came to a dataset: type, drop, split, then fit features on train alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from classmark.datasets.dataset import PARTS
from classmark.datasets.tables.columns import LEFT_OUT, Column, Kind
from classmark.datasets.tables.features import FeaturePipeline
from classmark.datasets.tables.frames import columns_of, typed
from classmark.datasets.tables.outliers import OutlierReport, outliers_in
from classmark.datasets.tables.recipe import Outliers, TableRecipe, Task
from classmark.datasets.tables.rows import (
    Rows,
    contradictions,
    described_rows,
    first_of_each,
    row_digests,
)
from classmark.datasets.tables.splitting import keys_of, split_by_class, split_by_quantile
from classmark.datasets.tables.table import PreparedTable, TableDataset, TableFindings
from classmark.datasets.tables.targets import settled_targets
from classmark.errors import RecordError, SettingError
from classmark.naming import checked_name

if TYPE_CHECKING:
    import pandas as pd

_IDS_LISTED = 20
Frames = Mapping[str, "pd.DataFrame"]


@dataclass(frozen=True, slots=True, eq=False)
class TableSource:
    """A table as it came, and what it came from.

    Attributes:
        frame: Cells as `read_table` gives them, or as a program typed them.
        origin: Written into the snapshot: `path` and `sha256` of a file, else a `name`.
    """

    frame: "pd.DataFrame"
    origin: Mapping[str, str]


def prepare_table(
    name: str, source: TableSource, recipe: TableRecipe, *, now: datetime
) -> PreparedTable:
    """A dataset from a table as it came, with the features of its train part fitted.

    Raises:
        SettingError: The name can't be a dataset's, or there is no such target.
        RecordError: A column or the target can't be used, or too few rows are left.
    """
    checked_name(name, of="dataset")
    intake = _taken_in(source.frame, recipe)
    parts, columns = _shared_out(intake, recipe)
    outliers, parts = _without_outliers(parts, columns, recipe)
    _check_classes_left(parts, intake)
    table = TableDataset(
        name=name,
        parts=parts,
        columns=columns,
        targets=intake.targets,
        task=intake.task,
        created_at=now.isoformat(timespec="seconds"),
        source=dict(source.origin),
        recipe=recipe.described() | {"task": intake.task.value},
        findings=replace(intake.findings, outliers=outliers),
    )
    return PreparedTable(table, _fitted(table, recipe))


@dataclass(frozen=True, slots=True, eq=False)
class _Intake:
    """The rows that are kept, typed, their ids as index; and what is known of them."""

    frame: "pd.DataFrame"
    rows: Rows
    columns: tuple[Column, ...]
    targets: tuple[Column, ...]
    task: Task
    findings: TableFindings

    @property
    def target_names(self) -> list[str]:
        return [target.name for target in self.targets]


def _taken_in(frame: "pd.DataFrame", recipe: TableRecipe) -> _Intake:
    """The rows that have a target and are no copies."""
    frame = frame.set_axis(list(map(str, frame.columns)), axis=1).reset_index(drop=True)
    _check_names(frame, recipe)
    task, target_values, targets = settled_targets(frame, recipe)
    has_target = target_values.notna().all(axis=1)
    dropped = {"missing_target": int((~has_target).sum())}
    known = frame[has_target].drop(columns=list(recipe.targets))
    # Copies say nothing new of a column: an identifier names its row in each of them.
    columns = columns_of(known.drop_duplicates(), recipe.conventions) if len(known) else ()
    used = _used_names(columns, len(known))
    whole = typed(known, columns).join(target_values[has_target])
    digests = row_digests(whole)
    kept = np.arange(len(whole)) if recipe.keep_duplicates else first_of_each(digests)
    dropped["duplicate"] = len(whole) - len(kept)
    rows = described_rows(whole.iloc[kept], used, digests[kept])
    whole = whole.iloc[kept].set_axis(list(rows.ids), axis=0)
    against = contradictions(rows.groups, row_digests(whole[list(recipe.targets)]))
    findings = TableFindings(
        read=len(frame),
        dropped={reason: count for reason, count in dropped.items() if count},
        alike=len(whole) - len(np.unique(rows.groups)),
        conflicts=len(against),
        conflict_ids=tuple(sorted(rows.ids[place] for place in against)[:_IDS_LISTED]),
        outliers=OutlierReport({}, 0, 0),
    )
    return _Intake(whole, rows, columns, targets, task, findings)


def _check_names(frame: "pd.DataFrame", recipe: TableRecipe) -> None:
    doubled = sorted(set(frame.columns[frame.columns.duplicated()]))
    if doubled:
        raise SettingError(
            f"The table has two columns of one name: {', '.join(doubled)}.", remedy="Rename one."
        )
    absent = [name for name, _ in recipe.conventions.kinds if name not in frame.columns]
    if absent:
        raise SettingError(
            f"The table has no column {', '.join(map(repr, absent))} for --types.",
            remedy=f"Name its columns: {', '.join(map(str, frame.columns))}.",
        )


def _used_names(columns: Sequence[Column], rows: int) -> list[str]:
    if not rows:
        raise RecordError(
            "No row is left: none has a target.", remedy="Check --target and --missing."
        )
    used = [column.name for column in columns if column.kind not in LEFT_OUT]
    if used:
        return used
    why = ", ".join(f"{column.name} ({column.kind})" for column in columns) or "there is none"
    raise RecordError(
        f"No column is left to learn from: {why}.",
        remedy="Give a table with columns that vary and repeat, or say what they are with --types.",
    )


def _shared_out(intake: _Intake, recipe: TableRecipe) -> tuple[Frames, tuple[Column, ...]]:
    """The parts, rows in the order of their keys; columns without a value in train are empty."""
    rows = intake.rows
    keys = keys_of(rows, recipe.seed)
    first = intake.frame[intake.target_names[0]]
    if intake.task is Task.REGRESSION:
        places = split_by_quantile(rows, first.to_numpy(np.float64), recipe.ratios, keys)
    else:
        places = split_by_class(rows, first.tolist(), recipe.ratios, keys)
    order = np.argsort(keys, kind="stable")
    parts = {
        part: intake.frame.iloc[order[places[order] == place]] for place, part in enumerate(PARTS)
    }
    columns = tuple(_as_seen_in(parts["train"], column) for column in intake.columns)
    return parts, columns


def _as_seen_in(train: "pd.DataFrame", column: Column) -> Column:
    if column.kind in LEFT_OUT or train[column.name].notna().any():
        return column
    return replace(column, kind=Kind.EMPTY, note="no value in train")


def _without_outliers(
    parts: Frames, columns: Sequence[Column], recipe: TableRecipe
) -> tuple[OutlierReport, Frames]:
    """What outliers train has, and the parts; where they are to be dropped, without them."""
    numeric = [column.name for column in columns if column.kind is Kind.NUMERIC]
    report, found = outliers_in(parts["train"], numeric, recipe.seed)
    if recipe.outliers is not Outliers.DROP:
        return report, parts
    return report, dict(parts) | {"train": parts["train"][~found]}


def _check_classes_left(parts: Frames, intake: _Intake) -> None:
    """Let no class be left that train does not know."""
    if intake.task is Task.REGRESSION:
        return
    for name in intake.target_names:
        known = set(parts["train"][name])
        lost = sorted(set(intake.frame[name]) - known)
        if lost or len(known) < 2:
            raise RecordError(
                f"Train has no row of {name} {', '.join(lost[:10]) or 'but one class'}.",
                remedy="Add rows of these classes, or keep outliers: --outliers clip.",
            )


def _fitted(table: TableDataset, recipe: TableRecipe) -> FeaturePipeline:
    from classmark.datasets.tables.feature_columns import FeaturePlan  # noqa: PLC0415 (extra)

    plan = FeaturePlan(
        columns=table.used,
        clips=recipe.outliers is Outliers.CLIP,
        selection=recipe.selection,
        classifies=table.task is Task.CLASSIFICATION,
        seed=recipe.seed,
    )
    train = table.parts["train"]
    return FeaturePipeline.fitted(train, train[[target.name for target in table.targets]], plan)
