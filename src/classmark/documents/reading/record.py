"""One raw record with its place, and what every reader says of what it can't take."""

import gzip
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import IO, Any

from classmark.errors import SourceError

BinaryFile = IO[bytes] | gzip.GzipFile
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# A quote or a bracket that nobody closed ends here, not when the memory is full.
LONGEST_RECORD_BYTES = 2**24


@dataclass(frozen=True, slots=True)
class Record:
    """One record as its source has it.

    Attributes:
        place: Where it stands, as a person counts: "line 17", "record 17", "row 17", "cats/a.txt".
        values: Its fields.
    """

    place: str
    values: dict[str, Any]


def plain(value: Any) -> Any:
    """A cell of a typed table as JSON would have it: dates as ISO 8601, bytes as text, no NaN."""
    if isinstance(value, float) and isnan(value):
        return None
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    if isinstance(value, Decimal | timedelta):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def not_utf8(path: Path, place: str) -> SourceError:
    """Says that bytes are no UTF-8."""
    return SourceError(
        f"{path} is not UTF-8 ({place}).",
        remedy="Convert it, for example: iconv -f latin1 -t utf-8 (or -f cp1252 from Windows).",
    )


def too_long(path: Path, place: str) -> SourceError:
    """Says that a record has no end in sight."""
    return SourceError(
        f"{place.capitalize()} of {path} is longer than {LONGEST_RECORD_BYTES // 2**20} MiB.",
        remedy="Look for a quote, bracket or line end that is missing there; cut longer texts.",
    )
