"""Raw records out of files, one by one, each with its place for the error that may come."""

import csv
import gzip
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from classmark.errors import SourceError

BinaryFile = IO[bytes] | gzip.GzipFile
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FORMATS = (".json", ".jsonl", ".ndjson", ".csv")


@dataclass(frozen=True, slots=True)
class Record:
    """One record as its file has it.

    Attributes:
        place: Where it stands, as a person counts: "line 17" or "record 17".
        values: Its fields.
    """

    place: str
    values: dict[str, Any]


def read_records(path: Path) -> Iterator[Record]:
    """The records of a JSON, JSONL or CSV file, plain or gzip (`.gz`), in UTF-8.

    A JSON file holds a list of objects, or an object whose `samples` is one.

    Raises:
        SourceError: The file is missing, of another format, or broken; the message names the place.
    """
    try:
        kind = _format_of(path)
        with _opened(path) as file:
            yield from _READERS[kind](path, file)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} is not a whole gzip file ({error}).", remedy="Fetch or compress it again."
        ) from error
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror or error}.",
            remedy="Check the path and its permissions.",
        ) from error


def _format_of(path: Path) -> str:
    if not path.exists():
        raise SourceError(f"There is no file {path}.", remedy="Check the path.")
    if not path.is_file():
        raise SourceError(f"{path} is not a file.", remedy="Name a JSON, JSONL or CSV file.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] in _FORMATS:
        return suffixes[-1]
    raise SourceError(
        f"The format of {path} is not known from its name.",
        remedy=f"Name it with one of {', '.join(_FORMATS)}, with .gz behind it if compressed.",
    )


def _opened(path: Path) -> BinaryFile:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")


def _read_jsonl(path: Path, file: BinaryFile) -> Iterator[Record]:
    for number, line in enumerate(file, start=1):
        content = line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            value = _parsed(path, content, f"line {number}")
            yield Record(f"line {number}", _as_object(path, value, f"line {number}"))


def _read_json(path: Path, file: BinaryFile) -> Iterator[Record]:
    value = _parsed(path, file.read().removeprefix(_BYTE_ORDER_MARK), "the file")
    if isinstance(value, dict):
        value = value.get("samples")
    if not isinstance(value, list):
        raise SourceError(
            f"{path} holds no list of records.",
            remedy='Give a list of objects, or an object with such a list as "samples".',
        )
    for number, item in enumerate(value, start=1):
        yield Record(f"record {number}", _as_object(path, item, f"record {number}"))


def _read_csv(path: Path, file: BinaryFile) -> Iterator[Record]:
    csv.field_size_limit(sys.maxsize)
    rows = csv.reader(_decoded_lines(path, file), strict=True)
    try:
        header = next(rows, [])
        _check_header(path, header)
        for row in filter(None, rows):
            if len(row) != len(header):
                raise SourceError(
                    f"Line {rows.line_num} of {path} has {len(row)} cells, the header has "
                    f"{len(header)}.",
                    remedy="Quote cells that hold commas or line breaks.",
                )
            yield Record(f"line {rows.line_num}", dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise SourceError(
            f"Line {rows.line_num} of {path} is not CSV: {error}.",
            remedy="Quote cells that hold commas, quotes or line breaks.",
        ) from error


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise SourceError(f"{path} is empty.", remedy="Its first line names the columns.")
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise SourceError(
            f"{path} has two columns of one name: {', '.join(doubled)}.", remedy="Rename one."
        )


_READERS = {".json": _read_json, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl, ".csv": _read_csv}


def _decoded_lines(path: Path, file: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _not_utf8(path, f"line {number}") from error
        if "\0" in text:
            raise SourceError(
                f"{path} is not text: a NUL byte stands in line {number}.",
                remedy="Export it again as CSV in UTF-8.",
            )
        yield text


def _parsed(path: Path, content: bytes, place: str) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            content.decode()
        except UnicodeDecodeError:
            raise _not_utf8(path, place) from error
        raise SourceError(
            f"{path} is not JSON ({place}: {error}).",
            remedy="Mend or remove that place; JSON is one object a line only in .jsonl files.",
        ) from error


def _as_object(path: Path, value: object, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise SourceError(
        f"{place.capitalize()} of {path} is a {type(value).__name__}, not an object.",
        remedy="Each record is a JSON object with named fields.",
    )


def _not_utf8(path: Path, place: str) -> SourceError:
    return SourceError(
        f"{path} is not UTF-8 ({place}).",
        remedy="Convert it, for example: iconv -f latin1 -t utf-8.",
    )
