"""Records out of JSON and JSON lines, each in the memory of its longest record.

The values of a JSON file are cut apart by their quotes and brackets alone, then parsed one by one
by the parser that reads JSON lines: both formats give the same values and refuse the same things.
"""

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import orjson

from classmark.documents.reading.record import (
    BYTE_ORDER_MARK,
    LONGEST_RECORD_BYTES,
    BinaryFile,
    Record,
    not_utf8,
    too_long,
)
from classmark.errors import SourceError

_CHUNK_BYTES = 2**16
_SPACE = re.compile(rb"[ \t\r\n]*")
# A string, or a bracket, or the quote of a string that the buffer cuts off.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]|"', re.DOTALL)
# What is no string, list or object: up to the next thing that could be.
_SCALAR = re.compile(rb'[^ \t\r\n,:"\[\]{}]+')
_QUOTE, _OPENING, _CLOSING = b'"'[0], frozenset(b"[{"), frozenset(b"]}")


def read_jsonl(path: Path, file: BinaryFile) -> Iterator[Record]:
    """The records of a file with one JSON object a line."""
    number = 0
    while line := file.readline(LONGEST_RECORD_BYTES + 1):
        number += 1
        place = f"line {number}"
        if len(line) > LONGEST_RECORD_BYTES:
            raise too_long(path, place)
        content = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if content.strip():
            yield Record(place, _as_object(path, _parsed(path, content, place), place))


def read_json(path: Path, file: BinaryFile) -> Iterator[Record]:
    """The records of a JSON list, or of the list `samples` of a JSON object."""
    values = _Values(path, file)
    opening = values.next_byte()
    if opening == b"[":
        found = yield from _items(values)
    elif opening == b"{":
        found = yield from _samples(values)
    else:
        values.value("the file")
        found = False
    if values.next_byte():
        raise values.refusal("the end", "something stands behind it")
    if not found:
        raise SourceError(
            f"{path} holds no list of records.",
            remedy='Give a list of objects, or an object with such a list as "samples".',
        )


class _Values:
    """The values of a JSON file, one after another; never more of it than one of them is held."""

    def __init__(self, path: Path, file: BinaryFile) -> None:
        self.path = path
        self._file = file
        start = file.read(_CHUNK_BYTES)
        self._buffer = start.removeprefix(BYTE_ORDER_MARK)
        self._next = 0
        self._passed_bytes = len(start) - len(self._buffer)

    def next_byte(self) -> bytes:
        """The next byte that is no white space, not yet taken; none at the end of the file."""
        while True:
            space = _SPACE.match(self._buffer, self._next)
            self._next = space.end() if space else self._next
            if self._next < len(self._buffer):
                return self._buffer[self._next : self._next + 1]
            if not self._read_on():
                return b""

    def take_byte(self) -> None:
        """Go past the next byte."""
        self._next += 1

    def goes_on(self, closing: bytes, place: str) -> bool:
        """Take the comma before another value, or the closing bracket: whether it was a comma."""
        found = self.next_byte()
        if found not in {b",", closing}:
            raise self.refusal(place, f"neither a comma nor {closing.decode()} follows it")
        self.take_byte()
        return found == b","

    def value(self, place: str) -> Any:
        """Take the next value, parsed."""
        self.next_byte()
        while (end := _end_of_value(self._buffer, self._next)) is None:
            if len(self._buffer) - self._next > LONGEST_RECORD_BYTES:
                raise too_long(self.path, place)
            if not self._read_on():
                end = len(self._buffer)
                break
        content = self._buffer[self._next : end]
        begins_at = self._passed_bytes + self._next
        self._next = end
        return _parsed(self.path, content, place, begins_at)

    def refusal(self, place: str, why: str) -> SourceError:
        """Says what is wrong at the next byte."""
        return _not_json(self.path, place, why, self._passed_bytes + self._next)

    def _read_on(self) -> bool:
        """Read more behind what is not taken yet; whether there was more."""
        rest = self._buffer[self._next :]
        # As much again as is held, so that a long value is not looked through too often.
        more = self._file.read(max(_CHUNK_BYTES, len(rest)))
        self._passed_bytes += self._next
        self._buffer, self._next = rest + more, 0
        return bool(more)


def _end_of_value(buffer: bytes, start: int) -> int | None:
    """Where the value that starts there ends; None if the buffer may end before it does."""
    first = buffer[start : start + 1]
    if not first or first not in b'"[{':
        scalar = _SCALAR.match(buffer, start)
        end = scalar.end() if scalar else start + 1
        return end if end < len(buffer) else None
    depth = 0
    for token in _TOKEN.finditer(buffer, start):
        kind = buffer[token.start()]
        if kind == _QUOTE and token.end() - token.start() == 1:
            return None
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth <= 0:
            return token.end()
    return None


def _items(values: _Values) -> Generator[Record, None, bool]:
    """The records of the list that begins here."""
    values.take_byte()
    goes_on = values.next_byte() != b"]"
    if not goes_on:
        values.take_byte()
    number = 0
    while goes_on:
        number += 1
        place = f"record {number}"
        yield Record(place, _as_object(values.path, values.value(place), place))
        goes_on = values.goes_on(b"]", place)
    return True


def _samples(values: _Values) -> Generator[Record, None, bool]:
    """The records of the list `samples` of the object that begins here; whether it has one."""
    found = False
    values.take_byte()
    goes_on = values.next_byte() != b"}"
    if not goes_on:
        values.take_byte()
    while goes_on:
        key = values.value("a key of the object")
        if not isinstance(key, str) or values.next_byte() != b":":
            raise values.refusal("a key of the object", "it is no text with a colon behind it")
        values.take_byte()
        place = f"the value of {key!r}"
        if key == "samples" and values.next_byte() == b"[":
            if found:
                raise values.refusal(place, "there are two such lists")
            found = yield from _items(values)
        else:
            values.value(place)
        goes_on = values.goes_on(b"}", place)
    return found


def _parsed(path: Path, content: bytes, place: str, begins_at: int | None = None) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise not_utf8(path, place) from error
        if begins_at is None:
            # The parser was given this line alone, and has a number of its own for it.
            raise _not_json(path, f"{place}, column {error.colno}", error.msg) from error
        at = begins_at + len(text[: error.pos].encode())
        raise _not_json(path, place, error.msg, at) from error


def _not_json(path: Path, place: str, why: str, at: int | None = None) -> SourceError:
    where = place if at is None else f"{place}, byte {at + 1}"
    return SourceError(
        f"{path} is not JSON ({where}: {why}).",
        remedy="Mend or remove that place; JSON is one object a line only in .jsonl files.",
    )


def _as_object(path: Path, value: object, place: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise SourceError(
        f"{place.capitalize()} of {path} is a {type(value).__name__}, not an object.",
        remedy="Each record is a JSON object with named fields.",
    )
