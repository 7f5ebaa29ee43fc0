"""Tables out of files: every cell as it stands there, and errors that name the line."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from classmark.datasets import read_table
from classmark.errors import SourceError

CSV = "name,size\na,1\nb,2\n"


def written(path: Path, content: str | bytes) -> Path:
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def cells(frame: pd.DataFrame) -> list[list[object]]:
    return [list(frame.columns), *frame.to_numpy().tolist()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.CSV", CSV),
        ("a.csv.gz", CSV),
        ("a.csv", "\ufeff" + CSV),
        ("a.csv", CSV.replace("\n", "\r\n")),
        ("a.csv", CSV.replace(",", ";")),
        ("a.csv", CSV.replace(",", " , ")),
        ("a.csv", CSV.replace("\n", "\n\n")),
        ("a.tsv", CSV.replace(",", "\t")),
        ("a.tsv.gz", CSV.replace(",", "\t")),
    ],
)
def test_text_tables_are_read_as_they_are_written(name: str, content: str, tmp_path: Path) -> None:
    frame = read_table(written(tmp_path / name, content))
    assert cells(frame) == [["name", "size"], ["a", "1"], ["b", "2"]]


def test_leading_zeros_and_line_breaks_in_quotes_survive(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'code,text\n007,"two\nlines, a comma"\n')
    assert cells(read_table(path)) == [["code", "text"], ["007", "two\nlines, a comma"]]


def test_what_means_missing_is_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", "a,b\n,x\n NA ,y\nnan,z\nnone,?\nNAMIBIA,n/a\n")
    frame = read_table(path)
    assert frame["a"].isna().tolist() == [True, True, True, True, False]
    assert frame["b"].isna().tolist() == [False, False, False, True, True]
    kept = read_table(path, ["unknown"])
    assert kept["a"].isna().tolist() == [True, False, False, False, False]


def test_a_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, None],
            "d": pd.Series(["2024-01-02", None], dtype="datetime64[us]"),
            "s": ["a", ""],
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet")
    assert found["n"].tolist() == [1, 2]
    assert pd.api.types.is_datetime64_any_dtype(found["d"])
    assert found["s"].tolist() == ["a", None]


def test_a_nameless_first_column_is_given_a_name(tmp_path: Path) -> None:
    frame = read_table(written(tmp_path / "a.csv", ",b\n1,2\n"))
    assert list(frame.columns) == ["unnamed_0", "b"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "a,b\n1,2\n3\n", "Line 3 .*Expected 2 columns, got 1"),
        ("a.csv", 'a,b\n"1\n1",2\n\n3,4,5\n', "Line 5 .*Expected 2 columns, got 3"),
        ("a.csv", b"a,b\n1,\xe9\n", "not UTF-8"),
        ("a.csv", b"\xe9,b\n1,2\n", "not UTF-8"),
        ("a.csv", "", "is empty"),
        ("a.csv", "\n", "is empty"),
        ("a.csv", "a,b\n", "has no rows"),
        ("a.csv", "a,b, a\n1,2,3\n", "two columns of one name: a"),
        ("a.parquet", b"PAR1 not really", "Parquet"),
        ("a.xlsx", b"PK", "format .* is not known"),
        ("a.parquet.gz", b"", "Parquet in gzip"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(
    name: str, content: str | bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=told) as refused:
        read_table(written(tmp_path / name, content))
    assert refused.value.remedy


def test_a_gzip_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv.gz", CSV * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="gzip"):
        read_table(path)
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(SourceError, match="gzip"):
        read_table(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no file"):
        read_table(tmp_path / "none.csv")


def test_nested_columns_are_refused_by_name(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1], "tags": [["x", "y"]]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="tags"):
        read_table(tmp_path / "a.parquet")
