"""Tables on disk: whole or absent, never changed, and found by name."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from scipy import sparse

from classmark.datasets import PreparedTable, TableRecipe, TableSource, TableStore, prepare_table
from classmark.errors import SettingError, SourceError, TamperedVersionError, UnknownDatasetError

FILES = ("train.parquet", "val.parquet", "test.parquet", "features.skops", "table.json")


def frame(rows: int = 80) -> pd.DataFrame:
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(rows)],
            "size": [None if i % 9 == 0 else f"{random.normal():.3f}" for i in range(rows)],
            "colour": [["red", "green", None][i % 3] for i in range(rows)],
            "day": [f"2024-{i % 12 + 1:02d}-03" for i in range(rows)],
            "text": [f'Ünïcode words, "quotes"\nand lines {i}' for i in range(rows)],
            "open": [["yes", "no"][i // 2 % 2] for i in range(rows)],
            "y": [str(i % 2) for i in range(rows)],
        },
        dtype=object,
    )


def dense(values: Any) -> Any:
    return values.toarray() if sparse.issparse(values) else values


@pytest.fixture(scope="module")
def prepared(now: datetime) -> PreparedTable:
    source = TableSource(frame(), {"path": "a.csv", "sha256": "ab" * 32})
    return prepare_table("shelf", source, TableRecipe(("y",)), now=now)


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(tmp_path / "data")


def test_what_was_saved_is_loaded(store: TableStore, prepared: PreparedTable) -> None:
    store.save(prepared)
    loaded = store.load("shelf")
    for part, rows in prepared.table.parts.items():
        pd.testing.assert_frame_equal(loaded.table.parts[part], rows, check_names=False)
        one, other = loaded.features(part), prepared.features(part)
        assert dense(one.values).tobytes() == dense(other.values).tobytes()
        assert one.targets.tolist() == other.targets.tolist()
        assert one.ids == other.ids
        assert one.names == other.names
    assert loaded.table.findings == prepared.table.findings
    assert loaded.table.described() == prepared.table.described()
    assert loaded.table.columns == prepared.table.columns


def test_the_files_stand_where_the_specification_says(
    store: TableStore, prepared: PreparedTable, tmp_path: Path
) -> None:
    folder = store.save(prepared)
    named = tmp_path / "data" / "tables" / "shelf"
    assert folder == named / prepared.table.snapshot_id
    assert (named / "current").readlink() == Path(prepared.table.snapshot_id)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    about = orjson.loads((folder / "table.json").read_bytes())
    assert about["parents"] == ["ab" * 32]
    assert about["fingerprint"] == prepared.table.fingerprint
    assert about["findings"]["read"] == 80
    assert {column["name"]: column["kind"] for column in about["columns"]} == {
        "id": "identifier",
        "size": "numeric",
        "colour": "categorical",
        "day": "date",
        "text": "text",
        "open": "boolean",
    }
    # Any tool reads the rows.
    assert len(pd.read_parquet(folder / "train.parquet")) == prepared.table.sizes()["train"]


def test_a_snapshot_that_is_there_is_left_as_it_is(
    store: TableStore, prepared: PreparedTable
) -> None:
    folder = store.save(prepared)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    later = replace(prepared, table=replace(prepared.table, created_at="2030-01-01T00:00:00"))
    assert store.save(later) == folder
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_recipe_makes_another_snapshot_and_the_first_stays(
    store: TableStore, prepared: PreparedTable, now: datetime
) -> None:
    first = store.save(prepared)
    source = TableSource(frame(), {"name": "again"})
    other = prepare_table("shelf", source, TableRecipe(("y",), seed=7), now=now)
    second = store.save(other)
    assert first != second
    assert first.is_dir()
    assert store.folder("shelf") == second
    assert store.load("shelf").table.recipe["seed"] == 7
    assert store.names() == ["shelf"]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", [0, 40, 200, -1])
def test_a_flipped_byte_is_refused_and_preparing_again_mends_it(
    file: str, place: int, store: TableStore, prepared: PreparedTable
) -> None:
    path = store.save(prepared) / file
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0x15
    path.write_bytes(damaged)
    try:
        loaded = store.load("shelf")
    except SourceError as refused:
        assert "again" in refused.remedy  # noqa: PT017 (a space of table.json may pass)
        store.save(prepared)
        loaded = store.load("shelf")
    assert loaded.table.fingerprint == prepared.table.fingerprint


@pytest.mark.parametrize("file", FILES[:-1])
def test_a_missing_file_is_refused(file: str, store: TableStore, prepared: PreparedTable) -> None:
    (store.save(prepared) / file).unlink()
    with pytest.raises(SourceError, match=file):
        store.load("shelf")


def test_rows_that_were_exchanged_with_their_digest_are_refused(
    store: TableStore, prepared: PreparedTable
) -> None:
    folder = store.save(prepared)
    about = orjson.loads((folder / "table.json").read_bytes())
    (folder / "val.parquet").write_bytes((folder / "test.parquet").read_bytes())
    about["files"]["val.parquet"] = about["files"]["test.parquet"]
    (folder / "table.json").write_bytes(orjson.dumps(about))
    with pytest.raises(SourceError, match="fingerprint"):
        store.load("shelf")


def test_features_of_other_types_are_refused_even_where_the_digest_fits(
    store: TableStore, prepared: PreparedTable
) -> None:
    from hashlib import sha256  # noqa: PLC0415

    from skops import io  # noqa: PLC0415

    folder = store.save(prepared)
    content = io.dumps({"columns": [], "steps": Path("x").joinpath})
    (folder / "features.skops").write_bytes(content)
    about = orjson.loads((folder / "table.json").read_bytes())
    about["files"]["features.skops"] = sha256(content).hexdigest()
    (folder / "table.json").write_bytes(orjson.dumps(about))
    with pytest.raises(TamperedVersionError):
        store.load("shelf")


def test_an_unknown_table_is_told_with_those_known(
    store: TableStore, prepared: PreparedTable
) -> None:
    with pytest.raises(UnknownDatasetError, match="none yet"):
        store.load("shelf")
    store.save(prepared)
    with pytest.raises(UnknownDatasetError, match="known: shelf"):
        store.load("desk")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../outside"])
def test_no_name_leads_out_of_the_store(
    name: str, store: TableStore, prepared: PreparedTable, tmp_path: Path
) -> None:
    with pytest.raises(SettingError):
        store.load(name)
    with pytest.raises(SettingError):
        store.save(replace(prepared, table=replace(prepared.table, name=name)))
    assert list(tmp_path.iterdir()) == []
