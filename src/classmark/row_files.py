"""Rows as a file: JSON lines, CSV or Parquet, by the ending of its name."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson

from classmark.durable import replacing
from classmark.errors import MissingExtraError, SettingError
from classmark.spreadsheet import safe_cell

# Some 10 MB in memory, whatever the number of rows.
ROWS_A_GROUP = 16_384
_MOMENTS = ("predicted_at", "labelled_at")

Row = Mapping[str, Any]


def check_row_file(out: Path) -> None:
    """Let a name pass that says how rows are to be written.

    Raises:
        SettingError: It ends otherwise.
        MissingExtraError: What writes them so is not installed.
    """
    if out.suffix not in WRITERS:
        raise SettingError(
            f"Results can't be written as {out.name!r}.",
            remedy="Name a file that ends with .jsonl, .csv or .parquet.",
        )
    if out.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError("Writing Parquet", extra="tables")


def write_rows(rows: Iterable[Row], out: Path, columns: Sequence[str]) -> None:
    """Write rows as the name of `out` says, or leave `out` as it is.

    Args:
        rows: Each with all columns; they are not held in memory.
        out: The file.
        columns: In their order; those that are no text have a type of their own in Parquet.

    Raises:
        OSError: It can't be written.
    """
    with replacing(out) as file:
        WRITERS[out.suffix](rows, file, columns)


def _write_jsonl(rows: Iterable[Row], file: IO[bytes], columns: Sequence[str]) -> None:
    del columns
    file.writelines(orjson.dumps(row) + b"\n" for row in rows)


def _write_csv(rows: Iterable[Row], file: IO[bytes], columns: Sequence[str]) -> None:
    # The file object is binary so that it can be synced; csv wants text.
    writer = csv.DictWriter(_CsvLines(file), columns)
    writer.writeheader()
    writer.writerows(
        {column: safe_cell(_cell(value)) for column, value in row.items()} for row in rows
    )


def _cell(value: object) -> object:
    """A value as one cell: several labels as a file of documents may have them."""
    return "; ".join(value) if isinstance(value, list) else value


class _CsvLines:
    """What csv writes, as UTF-8 into a binary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, line: str) -> int:
        return self._file.write(line.encode())


def _write_parquet(rows: Iterable[Row], file: IO[bytes], columns: Sequence[str]) -> None:
    import pyarrow as pa  # noqa: PLC0415 (extra)
    from pyarrow import parquet  # noqa: PLC0415 (extra)

    texts = pa.string()
    types = {
        "labels": pa.list_(texts),
        "true_labels": pa.list_(texts),
        "confidence": pa.float64(),
        "latency_ms": pa.float64(),
        "abstained": pa.bool_(),
        "is_right": pa.bool_(),
        **{name: pa.timestamp("ms", "UTC") for name in _MOMENTS},
    }
    schema = pa.schema([(name, types.get(name, texts)) for name in columns])
    moments = [name for name in _MOMENTS if name in columns]
    typed = (_with_moments(row, moments) for row in rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while group := list(islice(typed, ROWS_A_GROUP)):
            writer.write_batch(pa.RecordBatch.from_pylist(group, schema), len(group))


def _with_moments(row: Row, names: Sequence[str]) -> dict[str, Any]:
    moments = {name: row[name] and datetime.fromisoformat(row[name]) for name in names}
    return {**row, **moments}


# By the ending of the file's name.
WRITERS: dict[str, Callable[[Iterable[Row], IO[bytes], Sequence[str]], None]] = {
    ".jsonl": _write_jsonl,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
