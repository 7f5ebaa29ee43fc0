"""Every way in which a source can be wrong: told with place and remedy, and nothing is written."""

import csv
import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from classmark.cli import main
from classmark.documents.reading.record import LONGEST_RECORD_BYTES

Prepare = Callable[..., tuple[int, str]]

# Texts that are no near-duplicates of one another.
ROWS = [
    {"text": " ".join(f"word{(i * 97 + j * j) % 1009}" for j in range(30)), "label": "ab"[i % 2]}
    for i in range(40)
]
LINES = [orjson.dumps(row) + b"\n" for row in ROWS]
JSONL = b"".join(LINES)
JSON = orjson.dumps(ROWS)
DEEP = b"[" * 100_000 + b"]" * 100_000


def separated(mark: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ("text", "label"), delimiter=mark, lineterminator="\n")
    writer.writeheader()
    writer.writerows(ROWS)
    return text.getvalue().encode()


def as_parquet(table: pa.Table) -> bytes:
    file = pa.BufferOutputStream()
    parquet.write_table(table, file)
    return bytes(file.getvalue())


def with_line_17(line: bytes) -> bytes:
    return b"".join([*LINES[:16], line + b"\n", *LINES[17:]])


def with_record_17(record: bytes) -> bytes:
    return b"[" + b",".join([*LINES[:16], record, *LINES[17:]]) + b"]"


CSV, TSV, PARQUET = separated(","), separated("\t"), as_parquet(pa.Table.from_pylist(ROWS))
CSV_LINES = CSV.splitlines(keepends=True)
LONG_CSV = CSV + b'"never closed,a\n' + b"more words,b\n" * (LONGEST_RECORD_BYTES // 10)

# name of the file, its content, what must be told
WRONG_FILES = {
    "json line broken": ("a.jsonl", with_line_17(b'{"text": "no end'), "(line 17, column "),
    "json line of quotes that are none": (
        "a.jsonl",
        with_line_17(b"{'text': 'a'}"),
        "(line 17, column ",
    ),
    "json line that is a list": ("a.jsonl", with_line_17(b"[1]"), "Line 17 of"),
    "json line in latin-1": (
        *("a.jsonl", with_line_17('{"text": "é", "label": "a"}'.encode("latin-1"))),
        "not UTF-8 (line 17)",
    ),
    "json line with a NUL byte": ("a.jsonl", with_line_17(b'{"text": "\0"}'), "(line 17, column "),
    "json line with half a surrogate": (
        *("a.jsonl", with_line_17(b'{"text": "\\ud800", "label": "a"}')),
        "(line 17, column ",
    ),
    "json line nested too deep": (
        "a.jsonl",
        with_line_17(b'{"a": ' + DEEP + b"}"),
        "(line 17, column ",
    ),
    "json line with NaN": ("a.jsonl", with_line_17(b'{"text": NaN}'), "(line 17, column "),
    "json line with too large a number": (
        "a.jsonl",
        with_line_17(b'{"n": 1e999}'),
        "(line 17, column ",
    ),
    "json line without end": (
        "a.jsonl",
        b'{"text": "' + b"x" * 2**24,
        "Line 1 of {path} is longer",
    ),
    "json lines in UTF-16": ("a.jsonl", JSONL.decode().encode("utf-16"), "it is UTF-16"),
    "json lines with a nested label": (
        *("a.jsonl", with_line_17(b'{"text": "a", "label": {"en": "a"}}')),
        "line 17: 'label' is a dict, not a label",
    ),
    "json lines with several labels": (
        *("a.jsonl", b'{"text": "a", "label": ["a", "b"]}\n' + JSONL),
        "--multi-label",
    ),
    "json lines with a label that does not print": (
        *("a.jsonl", with_line_17(b'{"text": "a", "label": "a\\u0007"}')),
        "line 17: 'label' has characters that don't print",
    ),
    "empty json lines": ("a.jsonl", b"", "holds no records"),
    "blank json lines": ("a.jsonl", b"\n \n\t\n\r\n" * 99, "holds no records"),
    "empty json": ("a.json", b"", "is not JSON"),
    "blank json": ("a.json", b"\n \n\t\n" * 99, "is not JSON"),
    "json without records": ("a.json", b"[]", "holds no records"),
    "json record broken": ("a.json", with_record_17(b'{"text": no}'), "(record 17, byte "),
    "json record in cp1252": (
        *("a.json", with_record_17('{"text": "“é”"}'.encode("cp1252"))),
        "not UTF-8 (record 17)",
    ),
    "json record with half a surrogate": (
        *("a.json", with_record_17(b'{"text": "\\udc00", "label": "a"}')),
        "(record 17, byte ",
    ),
    "json record without comma": (
        *("a.json", b"[" + b",".join(LINES[:17]) + b"{}]"),
        "(record 17, byte ",
    ),
    "json record with NaN": ("a.json", with_record_17(b'{"n": NaN}'), "(record 17, byte "),
    "json of brackets alone": ("a.json", b"[" * 100_000, "(record 1, byte "),
    "json nested too deep": ("a.json", with_record_17(DEEP), "(record 17, byte "),
    "json cut short": ("a.json", JSON[:-300], "(record 3"),
    "json that goes on": ("a.json", JSON + b"[]", "(the end, byte "),
    "json without end": ("a.json", b'[{"text": "' + b"x" * 2**25, "Record 1 of {path} is longer"),
    "json in UTF-16": ("a.json", JSON.decode().encode("utf-16"), "it is UTF-16"),
    "json with broken metadata": (
        *("a.json", b'{"metadata": {1: 2}, "samples": ' + JSON + b"}"),
        "(the value of 'metadata', byte ",
    ),
    "json with two lists": (
        *("a.json", b'{"samples": ' + JSON + b', "samples": ' + JSON + b"}"),
        "there are two such lists",
    ),
    "empty csv": ("a.csv", b"", "is empty"),
    "csv of a header alone": ("a.csv", b"text,label\n", "holds no records"),
    "csv in latin-1": ("a.csv", CSV + "é,a\n".encode("latin-1"), "not UTF-8 (line 42)"),
    "csv in UTF-16": ("a.csv", CSV.decode().encode("utf-16"), "it is UTF-16"),
    "csv in UTF-16 without its mark": (
        *("a.csv", CSV.decode().encode("utf-16-le")),
        "a NUL byte stands in line 1",
    ),
    "csv with a NUL byte": ("a.csv", CSV + b"a\0b,a\n", "a NUL byte stands in line 42"),
    "csv with a row too short": ("a.csv", CSV + b"a\n", "Line 42 of {path} has 1 cells"),
    "csv with a row too long": ("a.csv", CSV + b"a,b,c\n", "Line 42 of {path} has 3 cells"),
    "csv with a column twice": ("a.csv", b"text,text,label\na,b,c\n", "two columns of one name"),
    "csv with an open quote": (
        *("a.csv", b"".join([*CSV_LINES[:9], b'"open,a\n', *(b"x,y\n" for _ in range(9))])),
        "A quote that opened in line 10 is not closed",
    ),
    "long csv with an open quote": (
        *("a.csv", LONG_CSV),
        "A quote that opened in line 42 is not closed",
    ),
    "tsv with a row too short": ("a.tsv", TSV + b"a\n", "Line 42 of {path} has 1 cells"),
    "tsv with an open quote": ("a.tsv", TSV + b'"a\tb\n', "opened in line 42 is not closed"),
    "tsv with commas": ("a.tsv", CSV, "the first record has: text,label"),
    "gzip cut short": ("a.jsonl.gz", gzip.compress(JSONL)[:-20], "not a whole gzip file"),
    "gzip that is none": ("a.jsonl.gz", JSONL, "not a whole gzip file"),
    "gzip inside gzip": ("a.jsonl.gz", gzip.compress(gzip.compress(JSONL)), "is gzip inside"),
    "gzip by another name": ("a.csv", gzip.compress(CSV), "is gzip inside"),
    "a ZIP archive": ("a.csv", b"PK\x03\x04" + b"\0" * 99, "is a ZIP archive"),
    "parquet by another name": ("a.csv", PARQUET, "is Parquet"),
    "parquet cut short": ("a.parquet", PARQUET[:-40], "not a whole Parquet file"),
    "parquet that is none": ("a.parquet", JSONL, "not a whole Parquet file"),
    "empty parquet": ("a.parquet", b"", "not a whole Parquet file"),
    "parquet with a torn page": (
        *("a.parquet", PARQUET[:40] + b"\xff" * 200 + PARQUET[240:]),
        "not a whole Parquet file",
    ),
    "parquet without rows": (
        *("a.parquet", as_parquet(pa.table({"text": pa.array([], pa.string())}))),
        "holds no records",
    ),
    "parquet with a list as label": (
        *("a.parquet", as_parquet(pa.table({"text": ["a"], "label": [["a", "b"]]}))),
        "row 1: 'label' is a list, not a label",
    ),
    "compressed parquet": ("a.parquet.gz", gzip.compress(PARQUET), "is compressed Parquet"),
    "another format": ("a.xlsx", b"PK\x03\x04", "The format of {path} is not known"),
}

# name of the file, its content: all of it is read, whatever it looks like
ODD_FILES = {
    "a word of a million letters": (
        *("a.jsonl", JSONL + orjson.dumps({"text": "x" * 10**6, "label": "a"})),
    ),
    "a key twice: the last one counts": ("a.json", with_record_17(b'{"text": 1,' + LINES[16][1:])),
    "large numbers": ("a.json", with_record_17(b'{"n": 1' + b"0" * 99 + b"," + LINES[16][1:])),
    "nested fields that nobody reads": (
        *("a.jsonl", with_line_17(b'{"x": ' + b"[" * 999 + b"]" * 999 + b"," + LINES[16][1:-1])),
    ),
    "a byte order mark": ("a.csv", b"\xef\xbb\xbf" + CSV),
    "blank lines": ("a.csv", CSV.replace(b"\n", b"\n\n")),
    "Windows line ends": ("a.tsv", TSV.replace(b"\n", b"\r\n")),
    "metadata first": ("a.json", b'{"metadata": {"samples": [1]}, "samples": ' + JSON + b"}"),
    "metadata last": ("a.json", b'{"samples": ' + JSON + b', "metadata": {"n": [{}]}}\n'),
    "gzip in two members": ("a.jsonl.gz", gzip.compress(JSONL[:999]) + gzip.compress(JSONL[999:])),
    "parquet": ("a.parquet", PARQUET),
}


@pytest.fixture
def prepare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Prepare]:
    """`classmark prepare` of a source: exit code and what standard error told."""
    before = os.umask(0o022)
    home = tmp_path / "home"

    def run(source: object, *options: str) -> tuple[int, str]:
        arguments = ("--name", "new", "--any-language", "--min-words", "0", "--home", str(home))
        monkeypatch.setattr(
            sys, "argv", ["classmark", "prepare", str(source), *arguments, *options]
        )
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), capsys.readouterr().err
        return 0, capsys.readouterr().err

    yield run
    os.umask(before)


def check_refused(done: tuple[int, str], told: str, home: Path) -> None:
    code, error = done
    assert code == 2, error
    assert told in error
    assert "Next: " in error
    assert list((home / "data").rglob("*")) == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", WRONG_FILES)
def test_a_wrong_file_is_refused_with_place_and_remedy(
    case: str, tmp_path: Path, prepare: Prepare
) -> None:
    name, content, told = WRONG_FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    done = prepare(path)
    check_refused(done, told.format(path=path), tmp_path / "home")
    assert str(path) in done[1]


@pytest.mark.parametrize("case", ODD_FILES)
def test_an_odd_file_is_read_all_the_same(case: str, tmp_path: Path, prepare: Prepare) -> None:
    name, content = ODD_FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    result = tmp_path / "result.json"
    code, error = prepare(path, "--json", str(result))
    assert code == 0, error
    assert orjson.loads(result.read_bytes())["read"] == len(ROWS) + case.startswith("a word")


@pytest.mark.timeout(60)
def test_what_is_no_file_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.csv").symlink_to("nowhere.csv")
    (tmp_path / "round.csv").symlink_to("round.csv")
    for name, told in {
        "pipe.jsonl": "is not a file",
        "folder.json": "is not a file",
        "empty": "holds nothing",
        "missing.csv": "There is no file",
        "dangling.csv": "is a link to nowhere.csv, and nothing is there",
        "round.csv": "is a link to round.csv",
        "missing.csv/a.csv": "There is no file",
        "a" * 300 + ".csv": "can't be read: File name too long",
    }.items():
        check_refused(prepare(tmp_path / name), told, tmp_path / "home")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, prepare: Prepare) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(JSONL)
    path.chmod(0)
    check_refused(prepare(path), "permission denied", tmp_path / "home")


def test_a_name_that_the_hub_could_know_gets_a_hint(tmp_path: Path, prepare: Prepare) -> None:
    told = prepare("no-such-news/of-today")
    check_refused(told, "hf:no-such-news/of-today", tmp_path / "home")
    assert "hf:" not in prepare(tmp_path / "missing.jsonl")[1]
