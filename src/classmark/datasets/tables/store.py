"""Tables on disk: immutable snapshots, and for each name a link to the newest.

::

    data/tables/<name>/<snapshot id>/{train,val,test}.parquet  features.skops  table.json
    data/tables/<name>/current -> <snapshot id>
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from classmark.datasets.dataset import PARTS
from classmark.datasets.held import HeldSnapshot, held_snapshot, snapshot_folders
from classmark.datasets.store import check_inside
from classmark.datasets.tables.columns import Column
from classmark.datasets.tables.features import FeaturePipeline
from classmark.datasets.tables.frames import typed
from classmark.datasets.tables.outliers import Fences, OutlierReport
from classmark.datasets.tables.recipe import Task
from classmark.datasets.tables.table import PreparedTable, TableDataset, TableFindings
from classmark.durable import point_link, publishing, write_json
from classmark.errors import SourceError, TamperedVersionError, UnknownDatasetError
from classmark.naming import checked_name
from classmark.wording import absent

if TYPE_CHECKING:
    import pandas as pd

_LINK = "current"
_ABOUT = "table.json"
_FEATURES = "features.skops"
_ROW_ID = "classmark_row_id"
_AGAIN = "Prepare the table again from its source."


class TableStore:
    """The tables under one `data` folder."""

    def __init__(self, folder: Path) -> None:
        self._tables = folder / "tables"

    def save(self, prepared: PreparedTable) -> Path:
        """Write a snapshot, all of it or nothing, and let the name point at it.

        Returns:
            Its folder. A snapshot of these rows and this recipe that is there is left as it is.
        """
        name, snapshot_id = prepared.table.name, prepared.table.snapshot_id
        folder = self._tables / checked_name(name, of="dataset") / snapshot_id
        check_inside(folder, self._tables)
        if folder.exists() and not _is_whole(name, folder):
            folder.rename(folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.damaged"))
        if not folder.exists():
            # Another process may write the same rows just now: then they are there.
            with suppress(FileExistsError), publishing(folder) as draft:
                _write(draft, prepared)
        if not folder.is_dir():
            raise SourceError(f"{folder} is no folder.", remedy="Move away what stands there.")
        point_link(folder.parent / _LINK, snapshot_id)
        return folder

    def names(self) -> list[str]:
        """The tables that can be loaded."""
        return sorted(path.parent.parent.name for path in self._tables.glob(f"*/{_LINK}/{_ABOUT}"))

    def folder(self, name: str) -> Path:
        """Where the snapshot lies that a name points at.

        Raises:
            UnknownDatasetError: There is no table of that name.
            SourceError: The name points out of the tables.
        """
        link = self._tables / checked_name(name, of="dataset") / _LINK
        if (link / _ABOUT).is_file():
            # Resolved once, so that all files are of one snapshot even if the name moves meanwhile.
            check_inside(link, self._tables)
            return link.resolve()
        raise UnknownDatasetError(
            absent("table", name, self.names()),
            remedy=f"Prepare it: classmark prepare-table SOURCE --name {name} --target COLUMN",
        )

    def load(self, name: str) -> PreparedTable:
        """A table and its fitted features.

        Raises:
            UnknownDatasetError: There is no table of that name.
            SourceError: Its files are damaged.
            TamperedVersionError: Its features hold types that no feature pipeline has.
        """
        return _read(name, self.folder(name))

    def held(self) -> Iterator[HeldSnapshot]:
        """All snapshots with what is known of them unread, damaged ones too."""
        for folder in snapshot_folders(self._tables):
            try:
                about = _about(folder)
            except SourceError:
                about = {}
            yield held_snapshot(folder, folder.parent / _LINK, about)

    def load_snapshot(self, name: str, snapshot_id: str) -> PreparedTable:
        """A table as it was.

        Raises:
            UnknownDatasetError: That snapshot is not kept.
            SourceError: Its files are damaged.
            TamperedVersionError: Its features hold types that no feature pipeline has.
        """
        folder = self._tables / checked_name(name, of="dataset") / snapshot_id
        check_inside(folder, self._tables)
        if not (folder / _ABOUT).is_file():
            raise UnknownDatasetError(
                f"The snapshot {snapshot_id} of table {name!r} is not kept.",
                remedy="Restore it from a backup, or prepare the table again.",
            )
        return _read(name, folder)


def _is_whole(name: str, folder: Path) -> bool:
    try:
        return _read(name, folder).table.snapshot_id == folder.name
    except (SourceError, TamperedVersionError):
        return False


def _write(folder: Path, prepared: PreparedTable) -> None:
    import pyarrow as pa  # noqa: PLC0415 (extra)
    from pyarrow import parquet  # noqa: PLC0415 (extra)

    for part, rows in prepared.table.parts.items():
        table = pa.Table.from_pandas(rows.rename_axis(_ROW_ID).reset_index(), preserve_index=False)
        parquet.write_table(table.replace_schema_metadata(None), folder / f"{part}.parquet")
    prepared.pipeline.save(folder / _FEATURES)
    files = {path.name: _digest(path) for path in sorted(folder.iterdir())}
    features = {"features": len(prepared.pipeline.names)}
    write_json(folder / _ABOUT, prepared.table.described() | features | {"files": files})


def _read(name: str, folder: Path) -> PreparedTable:
    about = _about(folder)
    for file, digest in about["files"].items():
        if _digest(folder / file) != digest:
            raise SourceError(f"{folder / file} was changed since it was written.", remedy=_AGAIN)
    try:
        table = _table(name, folder, about)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{folder / _ABOUT} is damaged ({error}).", remedy=_AGAIN) from error
    if table.fingerprint != about["fingerprint"] or table.snapshot_id != folder.name:
        raise SourceError(
            f"The files of table {name!r} were changed: they don't give its fingerprint.",
            remedy=_AGAIN,
        )
    return PreparedTable(table, FeaturePipeline.load(folder / _FEATURES))


def _about(folder: Path) -> Mapping[str, Any]:
    path = folder / _ABOUT
    try:
        about = orjson.loads(path.read_bytes())
        names = set(about["files"])
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise SourceError(f"{path} is damaged ({error}).", remedy=_AGAIN) from error
    if names != {_FEATURES, *(f"{part}.parquet" for part in PARTS)}:
        raise SourceError(f"{path} is damaged (other files).", remedy=_AGAIN)
    found: Mapping[str, Any] = about
    return found


def _table(name: str, folder: Path, about: Mapping[str, Any]) -> TableDataset:
    columns = tuple(Column.of(values) for values in about["columns"])
    targets = tuple(Column.of(values) for values in about["targets"])
    findings = dict(about["findings"])
    outliers = dict(findings.pop("outliers"))
    findings["conflict_ids"] = tuple(findings["conflict_ids"])
    outliers["ids"] = tuple(outliers["ids"])
    fences = {column: Fences(**values) for column, values in outliers.pop("fences").items()}
    return TableDataset(
        name=name,
        parts={part: _part(folder / f"{part}.parquet", (*columns, *targets)) for part in PARTS},
        columns=columns,
        targets=targets,
        task=Task(about["task"]),
        created_at=about["created_at"],
        source=about["source"],
        recipe=about["recipe"],
        findings=TableFindings(**findings, outliers=OutlierReport(fences, **outliers)),
    )


def _part(path: Path, columns: tuple[Column, ...]) -> "pd.DataFrame":
    from pyarrow import parquet  # noqa: PLC0415 (extra)

    with path.open("rb") as file:
        frame = parquet.read_table(file).to_pandas().set_index(_ROW_ID)
    return typed(frame, columns)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path} can't be read ({error}).", remedy=_AGAIN) from error
