"""Raw records out of files: every format, and every way in which a file can be wrong."""

import csv
import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from classmark.documents.reading.records import read_records
from classmark.errors import SourceError

ROWS = [
    {"text": "One, two", "label": "a"},
    {"text": 'Three "quoted"\nover two lines', "label": "b"},
    {"text": "Łódź 東京 😀", "label": "a"},
]
BOM = b"\xef\xbb\xbf"
Put = Callable[[str, bytes], Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def as_jsonl(rows: list[dict[str, str]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def as_csv(rows: list[dict[str, str]], mark: str = ",") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=mark)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_text(rows: list[dict[str, str]], suffix: str) -> bytes:
    if suffix in {".csv", ".tsv"}:
        return as_csv(rows, "\t" if suffix == ".tsv" else ",")
    return orjson.dumps(rows) if suffix == ".json" else as_jsonl(rows)


def values(path: Path) -> list[dict[str, Any]]:
    return [record.values for record in read_records(path)]


def places(path: Path) -> list[str]:
    return [record.place for record in read_records(path)]


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as refused:
        list(read_records(path))
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", orjson.dumps(ROWS)),
        ("a.json", orjson.dumps(ROWS, option=orjson.OPT_INDENT_2)),
        ("a.json", orjson.dumps({"metadata": {"samples": 3}, "samples": ROWS})),
        ("a.jsonl", as_jsonl(ROWS)),
        ("a.jsonl", as_jsonl(ROWS).rstrip()),
        ("a.jsonl", as_jsonl(ROWS).replace(b"\n", b"\r\n")),
        ("a.jsonl", b"\n" + as_jsonl(ROWS).replace(b"\n", b"\n \n")),
        ("a.ndjson", as_jsonl(ROWS)),
        ("A.JSONL", as_jsonl(ROWS)),
        ("a.csv", as_csv(ROWS)),
        ("a.csv", as_csv(ROWS).rstrip()),
        ("a.v2.csv", as_csv(ROWS).replace(b"\r\n", b"\n")),
        ("a.json", orjson.dumps({"samples": ROWS, "metadata": {"samples": [{}], "]": "\\"}})),
        ("a.json", b" [ " + b" , ".join(map(orjson.dumps, ROWS)) + b" ]\n\n"),
        ("a.tsv", as_csv(ROWS, "\t")),
    ],
)
def test_every_format_gives_the_same_records(name: str, content: bytes, put: Put) -> None:
    assert values(put(name, content)) == ROWS
    assert values(put(name, BOM + content)) == ROWS
    assert values(put(f"{name}.gz", gzip.compress(content))) == ROWS
    assert values(put(f"{name}.GZ", gzip.compress(BOM + content))) == ROWS


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                "label": st.text("ab,;\"'\r\n\u2028\x85 "),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("written")
    (folder / "a.csv").write_bytes(as_csv(rows))
    (folder / "a.jsonl").write_bytes(as_jsonl(rows))
    (folder / "a.json").write_bytes(orjson.dumps(rows))
    (folder / "a.tsv").write_bytes(as_csv(rows, "\t"))
    assert values(folder / "a.csv") == values(folder / "a.jsonl") == values(folder / "a.json")
    assert values(folder / "a.tsv") == values(folder / "a.jsonl")
    assert values(folder / "a.jsonl") == rows


def test_a_record_knows_its_place(put: Put) -> None:
    assert places(put("a.json", orjson.dumps(ROWS))) == ["record 1", "record 2", "record 3"]
    assert places(put("a.jsonl", b"\n\n{}\n\n{}")) == ["line 3", "line 5"]
    assert places(put("a.csv", b"a,b\n1,2\n\n3,4\n")) == ["line 2", "line 4"]


def test_records_are_read_one_by_one(put: Put) -> None:
    records = read_records(put("a.jsonl", b'{"a": 1}\nbroken\n'))
    assert next(records).values == {"a": 1}
    with pytest.raises(SourceError, match="line 2"):
        next(records)


def test_a_cell_may_be_longer_than_csv_allows_by_default(put: Put) -> None:
    assert len(values(put("a.csv", b"a\n" + b"x" * 200_000))[0]["a"]) == 200_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "none.jsonl") in refusal(tmp_path / "none.jsonl")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert "not a file" in refusal(tmp_path / "a.json")


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path / "a\0.json")
    refusal(tmp_path / ("a" * 1000 + ".json"))


@pytest.mark.parametrize("name", ["a.txt", "a", "a.gz", "a.json.zip", ".json.bak", "json", ".gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str, put: Put) -> None:
    assert ".json, .jsonl, .ndjson, .csv, .tsv, .parquet" in refusal(put(name, b"[]"))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", b"not json", "not JSON"),
        ("a.json", b"", "not JSON"),
        ("a.json", b'[{"a": 1}', "not JSON"),
        ("a.json", b'[{"a": NaN}]', "not JSON"),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "only in .jsonl"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.json", b'{"rows": []}', "no list of records"),
        ("a.json", b'"text"', "no list of records"),
        ("a.json", b"null", "no list of records"),
        ("a.json", b'[{}, "text"]', "Record 2 of"),
        ("a.json", '[{"a": "é"}]'.encode("latin-1"), "not UTF-8"),
        ("a.json", '[{"a": "é"}]'.encode("utf-16"), "not UTF-8"),
        ("a.json", b'[{"a": "\0"}]', "not JSON"),
        ("a.jsonl", b'{"a": 1}\n' * 16 + b"{'a': 17}\n" + b'{"a": 1}\n' * 3, "line 17"),
        ("a.jsonl", b'{"a": 1}\n\n[1]\n', "Line 3 of"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\0"}\n', "line 2"),
        ("a.jsonl", b'{"a": 1}\n\0\0\0\0', "line 2"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\xff"}\n', "not UTF-8 (line 2)"),
        ("a.jsonl", b'{"a": 1}\n{"a": "\\ud800"}\n', "line 2"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a,b\n1,2\n3\n", "Line 3 of"),
        ("a.csv", b"a,b\n1,2,3\n", "has 3 cells, the header has 2"),
        ("a.csv", b'a,b\n"1\n\n2",3\n4\n', "Line 5 of"),
        ("a.csv", b'a,b\n1,2\n"3,4\n5,6\n', "is not CSV"),
        ("a.csv", b'a,b\n"1" x,2\n', "is not CSV"),
        ("a.csv", b"a,b\n1,2\n\xe9,3\n", "not UTF-8 (line 3)"),
        ("a.csv", "a,b\n1,2\n".encode("utf-16"), "not UTF-8 (line 1)"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    name: str, content: bytes, told: str, put: Put
) -> None:
    path = put(name, content)
    told_plain = refusal(path)
    assert told in told_plain
    assert str(path) in told_plain
    zipped = put(f"{name}.gz", gzip.compress(content))
    assert told in refusal(zipped)


def test_a_column_named_twice_is_refused(put: Put) -> None:
    assert "text" in refusal(put("a.csv", b"text,text,label\none,two,a\n"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json.gz", orjson.dumps(ROWS * 100)),
        ("a.jsonl.gz", as_jsonl(ROWS * 100)),
        ("a.csv.gz", as_csv(ROWS * 100)),
    ],
)
def test_a_gzip_file_that_is_not_whole_is_refused(name: str, content: bytes, put: Put) -> None:
    whole = gzip.compress(content)
    for broken in (whole[:-9], whole[:12], content, b"plain", whole + b"tail"):
        assert "not a whole gzip file" in refusal(put(name, broken))
    for place in range(10, len(whole), len(whole) // 7):
        torn = bytearray(whole)
        torn[place] ^= 0xFF
        assert name in refusal(put(name, bytes(torn)))


def test_an_empty_file_has_no_records(put: Put) -> None:
    assert values(put("a.jsonl", b"")) == []
    assert values(put("a.jsonl", b"\n \n")) == []
    assert values(put("a.jsonl", BOM)) == []
    assert values(put("a.json", b"[]")) == []
    assert values(put("a.csv", b"text,label\n")) == []


READ = """
import resource, sys
from classmark.documents.reading.records import read_records
if sys.argv[1].endswith(".parquet"):
    import pyarrow.parquet
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
print(sum(1 for _ in read_records(sys.argv[1])), peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.tsv", "a.parquet"])
def test_a_large_file_is_read_in_little_memory(name: str, tmp_path: Path) -> None:
    rows = [{"text": f"{i} " * 100, "label": "ab"[i % 2]} for i in range(100_000)]
    path = tmp_path / name
    if name == "a.parquet":
        parquet.write_table(pa.Table.from_pylist(rows), path, use_dictionary=False)
    else:
        path.write_bytes(as_text(rows, path.suffix))
    del rows
    # How much a process ever held is told by the process itself: this one holds more.
    told = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
    )
    count, grown_kib = map(int, told.stdout.split())
    assert count == 100_000
    assert grown_kib < 32 * 1024, "its texts alone are 60 MB"


MISSING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pyarrow", "datasets"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from classmark.documents import read_documents
from classmark.errors import MissingExtraError
try:
    list(read_documents(sys.argv[1]))
except MissingExtraError as error:
    print(error)
"""


@pytest.mark.parametrize(("name", "extra"), [("a.parquet", "tables"), ("hf:imdb", "train")])
def test_a_format_whose_reader_is_missing_names_its_extra(
    name: str, extra: str, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").touch()
    asked = [sys.executable, "-c", MISSING, name]
    told = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert f"pip install 'classmark[{extra}]'" in told.stdout
