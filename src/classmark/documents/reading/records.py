"""Raw records out of every source that can be read, one by one, each with its place."""

import gzip
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from classmark.documents.reading.delimited import read_csv, read_tsv
from classmark.documents.reading.folders import read_folder
from classmark.documents.reading.hub import HUB_PREFIX, is_hub_name, may_be_hub_name, read_hub
from classmark.documents.reading.json_records import read_json, read_jsonl
from classmark.documents.reading.parquet import read_parquet
from classmark.documents.reading.record import BinaryFile, Record
from classmark.errors import SourceError

_READERS: dict[str, Callable[[Path, BinaryFile], Iterator[Record]]] = {
    ".json": read_json,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
}
_PARQUET, _FOLDER = ".parquet", "folder"
_FORMATS = (*_READERS, _PARQUET)
# What a file begins with that is something else than its name says: what to tell.
_OTHER_BEGINNINGS = {
    b"\x1f\x8b": ("is gzip inside", "Name it with .gz behind; if it was compressed twice, unpack."),
    b"PK\x03\x04": ("is a ZIP archive", "Unpack it; export a spreadsheet as CSV."),
    b"PAR1": ("is Parquet", f"Name it with {_PARQUET}."),
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read_records(source: Path | str) -> Iterator[Record]:
    """The records of a file, a folder of texts or a dataset of the hub (`hf:NAME`), in order.

    JSON, JSON lines, CSV and TSV are UTF-8, plain or gzip (`.gz`). No more than one record of them
    is held in memory, of Parquet some hundred.

    Raises:
        SourceError: It is missing, of another format, or broken; the message names the place. What
            needs no reading is told at once, the rest when the record is asked for.
        UnavailableError: The hub does not answer.
        MissingExtraError: What reads this format is not installed.
    """
    if is_hub_name(source):
        return read_hub(str(source))
    path = Path(source)
    with _told(path):
        _check_readable(path)
        return _told_records(path, _FOLDER if path.is_dir() else _format_of(path))


def _told_records(path: Path, kind: str) -> Iterator[Record]:
    with _told(path):
        if kind == _FOLDER:
            yield from read_folder(path)
        elif kind == _PARQUET:
            yield from read_parquet(path)
        else:
            with _opened(path) as file:
                _check_beginning(path, file)
                yield from _READERS[kind](path, file)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says of a file, as our own error."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path} is not a whole gzip file ({error}).", remedy="Fetch or compress it again."
        ) from error
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else path
        raise SourceError(
            f"{named} can't be read: {error.strerror or error}.",
            remedy="Check the path and its permissions.",
        ) from error


def _check_readable(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise SourceError(
            f"{path} is a link to {path.readlink()}, and nothing is there.",
            remedy="Check where it leads.",
        )
    if not path.exists():
        hint = f" A dataset of the Hugging Face hub is {HUB_PREFIX}{path}."
        raise SourceError(
            f"There is no file {path}.",
            remedy=f"Check the path.{hint if _may_be_of_hub(path) else ''}",
        )
    if not path.is_file() and (not path.is_dir() or path.suffix.lower() in _FORMATS):
        raise SourceError(
            f"{path} is not a file.",
            remedy=f"Name a file ({', '.join(_FORMATS)}), or a folder of texts by another name.",
        )
    if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
        raise SourceError(
            f"{path} can't be read: permission denied.",
            remedy="Ask its owner, or change its permissions.",
        )


def _may_be_of_hub(path: Path) -> bool:
    return may_be_hub_name(str(path)) and path.suffix.lower() not in {*_FORMATS, ".gz", ".txt"}


def _format_of(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = bool(suffixes) and suffixes[-1] == ".gz"
    kind = "".join(suffixes[:-1][-1:] if compressed else suffixes[-1:])
    if kind == _PARQUET and compressed:
        raise SourceError(f"{path} is compressed Parquet.", remedy="Unpack it: gunzip.")
    if kind in _FORMATS:
        return kind
    raise SourceError(
        f"The format of {path} is not known from its name.",
        remedy=f"Name it with one of {', '.join(_FORMATS)}, with .gz behind it if compressed;"
        " save a sheet of Excel as CSV in UTF-8.",
    )


def _opened(path: Path) -> BinaryFile:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb")


def _check_beginning(path: Path, file: BinaryFile) -> None:
    """Name what a file is, where its first bytes tell better than a parser would."""
    start = file.peek(4)[:4]  # type: ignore[union-attr]
    if start.startswith(_UTF_16):
        raise SourceError(
            f"{path} is not UTF-8 (line 1): it is UTF-16.",
            remedy="Convert it: iconv -f utf-16 -t utf-8.",
        )
    for beginning, (what, remedy) in _OTHER_BEGINNINGS.items():
        if start.startswith(beginning):
            raise SourceError(f"{path} {what}, not what its name says.", remedy=remedy)
