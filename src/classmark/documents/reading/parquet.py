"""Records out of Parquet, batch by batch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from classmark.documents.reading.record import Record, plain
from classmark.errors import MissingExtraError, SourceError

_BATCH_ROWS = 512
_BUFFER_BYTES = 2**20


def read_parquet(path: Path) -> Iterator[Record]:
    """The records of a Parquet file, one a row.

    Dates and times are ISO 8601, binary cells text where they are UTF-8, NaN is no value.

    Raises:
        SourceError: It is no whole Parquet file, or a cell can't be read.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 (extra)
        from pyarrow import parquet  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Reading Parquet", extra="tables") from error
    number = 0
    try:
        # Unbuffered, pyarrow holds whole column chunks, which may be the whole file.
        with parquet.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            _check_columns(path, file.schema_arrow.names)
            for row in _rows(file, pa):
                number += 1
                yield Record(f"row {number}", row)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        # An error of the system has a number, a page that can't be unpacked has none.
        if isinstance(error, OSError) and error.errno:
            raise
        where = f" (row {number + 1})" if number else ""
        raise SourceError(
            f"{path} is not a whole Parquet file in UTF-8{where}: {str(error).rstrip('.')}.",
            remedy="Write or fetch it again; as text it may be CSV or JSON lines.",
        ) from error


def _check_columns(path: Path, names: list[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SourceError(
            f"{path} has two columns of one name: {', '.join(doubled)}.", remedy="Rename one."
        )


def _rows(file: Any, pa: Any) -> Iterator[dict[str, Any]]:
    """The rows of a file; one that can't be read raises when it is its turn."""
    for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
        columns = [_readable(column, pa) for column in batch.columns]
        readable = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        for row in range(readable.num_rows):
            values = readable.slice(row, 1).to_pylist()[0]
            yield {name: plain(value) for name, value in values.items()}


def _readable(column: Any, pa: Any) -> Any:
    """The column; times in nanoseconds, which Python has not, are cut to microseconds."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_duration(kind) and kind.unit == "ns":
        return column.cast(pa.duration("us"), safe=False)
    return column
