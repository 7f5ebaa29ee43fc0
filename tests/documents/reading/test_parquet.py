"""Records out of Parquet: every kind of cell, and columns that can't be."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from classmark.documents import read_documents
from classmark.documents.reading.parquet import read_parquet
from classmark.errors import SourceError

Put = Callable[..., Path]
NOON = datetime(2024, 5, 6, 12, 30, tzinfo=UTC)


@pytest.fixture
def put(tmp_path: Path) -> Put:
    def write(table: pa.Table, **options: Any) -> Path:
        path = tmp_path / "a.parquet"
        parquet.write_table(table, path, **options)
        return path

    return write


def cell(put: Put, value: object, kind: Any = None) -> object:
    table = pa.table({"cell": pa.array([value], kind)})
    (record,) = read_parquet(put(table))
    assert record.place == "row 1"
    return record.values["cell"]


@pytest.mark.parametrize(
    ("value", "kind", "read_as"),
    [
        ("word", pa.string(), "word"),
        ("word", pa.large_string(), "word"),
        ("word", pa.dictionary(pa.int32(), pa.string()), "word"),
        (b"word \xc3\xa9", pa.binary(), "word é"),
        (b"\xff", pa.binary(), b"\xff"),
        (None, pa.string(), None),
        (2**63 - 1, pa.int64(), 2**63 - 1),
        (2.5, pa.float64(), 2.5),
        (float("nan"), pa.float64(), None),
        (True, pa.bool_(), True),
        (Decimal("2.50"), pa.decimal128(5, 2), "2.50"),
        (NOON, pa.timestamp("s", "UTC"), "2024-05-06T12:30:00+00:00"),
        (NOON, pa.timestamp("ns", "UTC"), "2024-05-06T12:30:00+00:00"),
        (NOON.replace(tzinfo=None), pa.timestamp("ms"), "2024-05-06T12:30:00"),
        (1715000000123456789, pa.timestamp("ns"), "2024-05-06T12:53:20.123456"),
        (date(2024, 5, 6), pa.date32(), "2024-05-06"),
        (time(12, 30), pa.time64("us"), "12:30:00"),
        (timedelta(seconds=90), pa.duration("ns"), "0:01:30"),
        (["a", "b"], pa.list_(pa.string()), ["a", "b"]),
        ({"a": 1}, pa.struct({"a": pa.int64()}), {"a": 1}),
    ],
)
def test_every_kind_of_cell_is_read_as_json_would_have_it(
    value: object, kind: Any, read_as: object, put: Put
) -> None:
    assert cell(put, value, kind) == read_as


def test_rows_are_counted_over_batches_and_row_groups(put: Put) -> None:
    path = put(pa.table({"n": range(3000)}), row_group_size=700)
    records = list(read_parquet(path))
    assert [record.values["n"] for record in records] == list(range(3000))
    assert [records[0].place, records[-1].place] == ["row 1", "row 3000"]


def test_documents_come_out_of_it(put: Put) -> None:
    table = pa.table(
        {"content": ["one", b"two"], "label": [0, 1], "published": [NOON, NOON]},
        schema=pa.schema(
            {"content": pa.binary(), "label": pa.int8(), "published": pa.timestamp("ns", "UTC")}
        ),
    )
    documents = list(read_documents(put(table)))
    assert [(d.text, d.label) for d in documents] == [("one", "0"), ("two", "1")]
    assert documents[0].published == "2024-05-06T12:30:00+00:00"


def test_a_cell_that_is_no_utf_8_is_named_by_its_row(put: Put) -> None:
    binary = pa.array([b"fine"] * 600 + [b"\xff"], pa.binary())
    strings = pa.StringArray.from_buffers(601, *binary.buffers()[1:])
    records = read_parquet(put(pa.table({"text": strings})))
    assert [next(records).place for _ in range(600)][-1] == "row 600"
    with pytest.raises(SourceError, match=r"in UTF-8 \(row 601\)"):
        next(records)


def test_a_date_that_no_calendar_has_is_refused(put: Put) -> None:
    with pytest.raises(SourceError, match="not a whole Parquet file"):
        cell(put, 10**18, pa.timestamp("us"))


def test_two_columns_of_one_name_are_refused(put: Put) -> None:
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    with pytest.raises(SourceError, match="two columns of one name: text"):
        list(read_parquet(put(table)))
