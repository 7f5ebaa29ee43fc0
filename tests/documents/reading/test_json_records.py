"""Values of JSON files, cut apart as they stream in, are those that the parser reads whole."""

import gzip
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from classmark.documents.reading.json_records import read_json, read_jsonl
from classmark.errors import SourceError

PATH = Path("a.json")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('"\\[]{},: \n')
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), max_size=6)
INDENTED = st.sampled_from([0, orjson.OPT_INDENT_2])


class Drops:
    """A file that gives few bytes at a time, as a slow one may."""

    def __init__(self, content: bytes, drop_bytes: int) -> None:
        self._file = BytesIO(content)
        self._drop_bytes = drop_bytes

    def read(self, size: int = -1) -> bytes:
        return self._file.read(self._drop_bytes if size < 0 else min(size, self._drop_bytes))


def read(content: bytes, drop_bytes: int = 2**20) -> list[dict[str, Any]]:
    file: Any = Drops(content, drop_bytes)
    return [record.values for record in read_json(PATH, file)]


@given(RECORDS, INDENTED, st.integers(1, 40))
def test_a_list_is_read_as_the_parser_reads_it_whole(
    records: list[dict[str, Any]], option: int, drop_bytes: int
) -> None:
    content = orjson.dumps(records, option=option)
    assert read(content, drop_bytes) == orjson.loads(content)


@given(RECORDS, st.dictionaries(TEXTS, VALUES, max_size=3), INDENTED, st.booleans())
def test_samples_are_found_wherever_they_stand(
    records: list[dict[str, Any]], others: dict[str, Any], option: int, first: bool
) -> None:
    others.pop("samples", None)
    whole = {"samples": records, **others} if first else {**others, "samples": records}
    assert read(orjson.dumps(whole, option=option), 7) == records


@given(st.text('"\\[]{},:1 ae\n') | VALUES.map(lambda value: orjson.dumps(value).decode()))
@example("[{}")
@example("[{},]")
@example('[{"a":}]')
@example("[{}}")
@example("[{}] ]")
@example('{"samples": [{}],}')
@example('{"samples" [{}]}')
@example("{1: 2}")
@example('["\\ud800"]')
def test_what_the_parser_refuses_is_refused(text: str) -> None:
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        with pytest.raises(SourceError, match=r"is not JSON|not an object"):
            read(text.encode(), 3)
        return
    rows = whole.get("samples") if isinstance(whole, dict) else whole
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        assert read(text.encode(), 3) == rows
    else:
        with pytest.raises(SourceError, match=r"holds no list|not an object"):
            read(text.encode(), 3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"a": 1}, {"b": nul}]', "(record 2, byte 18: "),
        ('[{"é": 1}, {"ü": nul}]'.encode(), "(record 2, byte 20: "),
        (b'\xef\xbb\xbf[{"b": nul}]', "(record 1, byte 11: "),
        (b"[" + b"{},\n" * 30_000 + b"{]", "(record 30001, byte 120003: "),
        (b"[{} {}]", "(record 1, byte 5: neither a comma nor ] follows it)"),
        (b"[{}", "(record 1, byte 4: neither a comma nor ] follows it)"),
        (b'{"a": 1', "(the value of 'a', byte 8: neither a comma nor } follows it)"),
        (b"[{}] x", "(the end, byte 6: something stands behind it)"),
        (b'{"samples": [{}], "samples": [{}]}', "(the value of 'samples', byte 30: "),
    ],
)
def test_a_break_is_told_to_the_byte(content: bytes, told: str) -> None:
    with pytest.raises(SourceError) as refused:
        read(content)
    assert told in str(refused.value)


def test_both_formats_read_numbers_alike() -> None:
    row = b'{"a": 18446744073709551616, "b": 1e-400, "c": -0.0, "d": 1.10, "a": 9007199254740993}'
    (line,) = read_jsonl(PATH, BytesIO(row))
    assert read(b"[" + row + b"]") == [line.values]
    assert repr(line.values) == repr({"a": 9007199254740993, "b": 0.0, "c": -0.0, "d": 1.1})


def test_no_more_than_a_few_records_are_held() -> None:
    row = orjson.dumps({"text": "word " * 200, "label": "a"})
    packed = gzip.compress(b'{"samples": [' + b",".join([row] * 40_000) + b"]}")
    tracemalloc.start()
    with gzip.open(BytesIO(packed)) as file:
        count = sum(1 for _ in read_json(PATH, file))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 40_000
    assert peak_bytes < 2**21, "the file is 40 MB"
