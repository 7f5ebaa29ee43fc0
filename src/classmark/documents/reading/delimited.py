"""Records out of CSV and TSV, line by line."""

import csv
from collections.abc import Iterator
from pathlib import Path

from classmark.documents.reading.record import (
    LONGEST_RECORD_BYTES,
    BinaryFile,
    Record,
    not_utf8,
    too_long,
)
from classmark.errors import SourceError


def read_csv(path: Path, file: BinaryFile) -> Iterator[Record]:
    """The records of a file whose first line names the columns, with commas between cells."""
    return _read_delimited(_Lines(path, file), ",")


def read_tsv(path: Path, file: BinaryFile) -> Iterator[Record]:
    """The same with tabs between cells; quotes mean what they mean in CSV."""
    return _read_delimited(_Lines(path, file), "\t")


class _Lines:
    """The lines of a file as text, and where in them a quote is open."""

    def __init__(self, path: Path, file: BinaryFile) -> None:
        self.path = path
        self._file = file
        self._number = 0
        self._quote_is_open = False
        self._quote_opened_in = 0

    def begin_row(self) -> None:
        """Forget the quotes of the row before."""
        self._quote_is_open = False

    @property
    def open_quote(self) -> str:
        """A sentence on the quote that is still open; nothing where none is."""
        if not self._quote_is_open:
            return ""
        return f" A quote that opened in line {self._quote_opened_in} is not closed."

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(LONGEST_RECORD_BYTES + 1):
            self._number += 1
            text = self._decoded(line)
            # A quote inside a quoted cell is doubled: only an odd count opens or closes one.
            if text.count('"') % 2:
                self._quote_is_open = not self._quote_is_open
                self._quote_opened_in = self._number
            yield text

    def _decoded(self, line: bytes) -> str:
        place = f"line {self._number}"
        if len(line) > LONGEST_RECORD_BYTES:
            raise too_long(self.path, place)
        try:
            text = line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise not_utf8(self.path, place) from error
        if "\0" in text:
            raise SourceError(
                f"{self.path} is not text: a NUL byte stands in {place}.",
                remedy="Export it again as CSV in UTF-8.",
            )
        return text


def _read_delimited(lines: _Lines, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_RECORD_BYTES)
    name, mark = ("CSV", "commas") if delimiter == "," else ("TSV", "tabs")
    rows = csv.reader(lines, strict=True, delimiter=delimiter)
    try:
        header = next(rows, [])
        _check_header(lines.path, header)
        lines.begin_row()
        for row in rows:
            if row:
                _check_row(lines.path, rows.line_num, (len(row), len(header)), mark)
                yield Record(f"line {rows.line_num}", dict(zip(header, row, strict=True)))
            lines.begin_row()
    except csv.Error as error:
        raise SourceError(
            f"Line {rows.line_num} of {lines.path} is not {name}: {error}.{lines.open_quote}",
            remedy=f"Quote cells that hold {mark}, quotes or line breaks; double quotes in them."
            " Columns are cut at commas in .csv and at tabs in .tsv, never at semicolons.",
        ) from error


def _check_row(path: Path, line: int, cells: tuple[int, int], mark: str) -> None:
    found, expected = cells
    if found != expected:
        raise SourceError(
            f"Line {line} of {path} has {found} cells, the header has {expected}.",
            remedy=f"Quote cells that hold {mark} or line breaks.",
        )


def _check_header(path: Path, header: list[str]) -> None:
    if not header:
        raise SourceError(f"{path} is empty.", remedy="Its first line names the columns.")
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise SourceError(
            f"{path} has two columns of one name: {', '.join(doubled)}.", remedy="Rename one."
        )
