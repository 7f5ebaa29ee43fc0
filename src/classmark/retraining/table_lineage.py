"""Where a version of a table comes from, and whether it learned from rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from classmark.datasets import TableDataset, TableStore
from classmark.errors import RecordError, SourceError, TamperedVersionError, UnknownDatasetError
from classmark.registry import RegisteredVersion
from classmark.retraining.lineage import Link, SnapshotTrace, trace_source

if TYPE_CHECKING:
    import pandas as pd


def trace_table_version(version: RegisteredVersion, tables: TableStore) -> SnapshotTrace:
    """The snapshot of a table that a version was trained on, and what that was prepared from."""
    told = version.metadata["dataset"]
    link, table = _loaded(version, tables)
    source = trace_source(table.source if table else told["source"])
    return SnapshotTrace(told["name"], told["snapshot"], told["fingerprint"], link, table, source)


def learned_rows(
    version: RegisteredVersion,
    tables: TableStore,
    rows: "pd.DataFrame",
    parts: Sequence[str] = ("train",),
) -> list[bool] | None:
    """Of each row whether a version learned from it; None where that can't be told.

    It can't be where the snapshot is not kept as it was, or the rows lack one of the columns that
    its features are made of.

    Args:
        version: Of tables.
        tables: Where its snapshot is looked up.
        rows: As they came.
        parts: Those of the snapshot that count.
    """
    link, table = _loaded(version, tables)
    if link is not Link.INTACT or table is None:
        return None
    try:
        return table.holds(rows, parts)
    except RecordError:
        return None


def _loaded(version: RegisteredVersion, tables: TableStore) -> tuple[Link, TableDataset | None]:
    told = version.metadata["dataset"]
    try:
        table = tables.load_snapshot(told["name"], told["snapshot"]).table
    except UnknownDatasetError:
        return Link.GONE, None
    except (SourceError, TamperedVersionError):
        return Link.CHANGED, None
    if table.fingerprint != told["fingerprint"]:
        return Link.CHANGED, None
    return Link.INTACT, table
