"""Tables out of files: cells as they are written, or as a Parquet file types them."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from classmark.errors import ClassmarkError, MissingExtraError, SourceError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DELIMITERS = ",;\t|"
_FORMATS = (".csv", ".tsv", ".parquet")
_NAMED = f"Name it with one of {', '.join(_FORMATS)}, text with .gz behind it if compressed."
MISSING_WORDS = ("NA", "N/A", "#N/A", "NaN", "null", "None", "?")


def read_table(path: Path, missing: Sequence[str] = MISSING_WORDS) -> "pd.DataFrame":
    """The rows of a CSV, TSV or Parquet file; text may be gzip (`.gz`).

    Cells of text are stripped; empty ones, and words that mean missing in any case, become missing.

    Raises:
        SourceError: The file is missing, of another format, or broken; the message names the line.
        MissingExtraError: What reads tables is not installed.
    """
    kind = _format_of(path)
    with _translating(path):
        table = _read_parquet(path) if kind == ".parquet" else _read_text(path)
        _check_shape(path, table)
        frame = table.to_pandas()
    return _with_missing(frame, frozenset(word.lower() for word in ("", *missing)))


def _format_of(path: Path) -> str:
    if not path.is_file():
        raise SourceError(f"There is no file {path}.", remedy="Check the path.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
        if suffixes[-1:] == [".parquet"]:
            raise SourceError(f"{path} is Parquet in gzip.", remedy="Unpack it: gunzip.")
    if suffixes and suffixes[-1] in _FORMATS:
        return suffixes[-1]
    raise SourceError(f"The format of {path} is not known from its name.", remedy=_NAMED)


@contextmanager
def _translating(path: Path) -> Iterator[None]:
    """Let whatever goes wrong with a file name the file, and say what to do."""
    try:
        yield
    except ClassmarkError:
        raise
    except ImportError as error:
        raise MissingExtraError("Reading tables", extra="tables") from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is not UTF-8.", remedy="Convert it, for example: iconv -f latin1 -t utf-8."
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} is not a whole gzip file ({error}).", remedy="Fetch or compress it again."
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror or error}.",
            remedy="Check the path and its permissions, and that the file is whole.",
        ) from error
    except csv.Error as error:
        raise SourceError(
            f"{path} is no table: {error}.", remedy="Export it again as CSV in UTF-8."
        ) from error


def _read_parquet(path: Path) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415 (extra)
    from pyarrow import parquet  # noqa: PLC0415 (extra)

    try:
        # As a file: a name like `key=value` on the way to it must not become a column.
        with path.open("rb") as file:
            table = parquet.read_table(file)
    except pa.ArrowException as error:
        raise SourceError(
            f"{path} is no whole Parquet file ({error}).", remedy="Write it again."
        ) from error
    nested = [field.name for field in table.schema if pa.types.is_nested(field.type)]
    if nested:
        raise SourceError(
            f"{path} holds lists or objects in {', '.join(nested)}.",
            remedy="Give each of their values a column of its own, or leave them out.",
        )
    # An index that pandas wrote is a column like others.
    return table.replace_schema_metadata(None)


def _read_text(path: Path) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415 (extra)
    from pyarrow import csv as arrow_csv  # noqa: PLC0415 (extra)

    header, delimiter = _header_of(path)
    _check_names(path, header)
    options = {
        # In order, so that a message names the row that comes first.
        "read_options": arrow_csv.ReadOptions(use_threads=False),
        "parse_options": arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
        ),
    }
    try:
        with _opened(path) as file:
            table = arrow_csv.read_csv(file, **options)
    except pa.ArrowInvalid as error:
        raise _broken(path, delimiter, str(error)) from error
    return table.rename_columns([name.strip() or f"unnamed_{i}" for i, name in enumerate(header)])


def _header_of(path: Path) -> tuple[list[str], str]:
    """The names of the columns, and the sign between them: the one that makes most columns."""
    with _opened(path) as file:
        line = file.readline().decode("utf-8-sig")
    rows = [(next(csv.reader([line], delimiter=sign), []), sign) for sign in _DELIMITERS]
    return max(rows, key=lambda row: len(row[0]))


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _check_names(path: Path, header: Sequence[str]) -> None:
    if not any(name.strip() for name in header):
        raise SourceError(f"{path} is empty.", remedy="Its first line names the columns.")
    names = [name.strip() for name in header]
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise SourceError(
            f"{path} has two columns of one name: {', '.join(doubled)}.", remedy="Rename one."
        )


def _check_shape(path: Path, table: "pa.Table") -> None:
    _check_names(path, table.column_names)
    if not table.num_rows:
        raise SourceError(f"{path} has no rows.", remedy="Give a table with rows.")


def _broken(path: Path, delimiter: str, reason: str) -> SourceError:
    """What Arrow says of a broken file, with the line, which Arrow does not know."""
    if "UTF8" in reason:
        return SourceError(
            f"{path} is not UTF-8 ({reason}).",
            remedy="Convert it, for example: iconv -f latin1 -t utf-8.",
        )
    return SourceError(
        f"Line {_ragged_line(path, delimiter)} of {path} does not fit its header: {reason[:200]}.",
        remedy="Quote cells that hold the delimiter, quotes or line breaks.",
    )


def _ragged_line(path: Path, delimiter: str) -> int:
    """The line on which the first row ends that has not as many cells as the header."""
    with _opened(path) as file:
        lines = (line.decode("utf-8-sig", "replace") for line in file)
        rows = csv.reader(lines, delimiter=delimiter)
        width = len(next(rows))
        next((row for row in rows if row and len(row) != width), None)
        return rows.line_num


def _with_missing(frame: "pd.DataFrame", words: frozenset[str]) -> "pd.DataFrame":
    """The frame with text stripped, and words that mean missing taken for missing."""
    import pandas as pd  # noqa: PLC0415 (extra)

    for name in frame.columns:
        if not (
            pd.api.types.is_numeric_dtype(frame[name])
            or pd.api.types.is_datetime64_any_dtype(frame[name])
        ):
            # As objects: what one engine calls a string is not what the next one does.
            cells = frame[name].astype(object)
            stripped = cells.where(cells.isna(), cells.astype(str).str.strip()).astype(object)
            is_missing = stripped.isna() | stripped.astype(str).str.lower().isin(words)
            frame[name] = stripped.where(~is_missing, None)
    return frame
