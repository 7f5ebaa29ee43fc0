"""Datasets on disk: whole or absent, never changed, and found by name."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from classmark.datasets import PARTS, Dataset, DatasetStore
from classmark.documents import Document, read_documents
from classmark.errors import SettingError, SourceError, UnknownDatasetError

Make = Callable[..., list[Document]]


@pytest.fixture
def store(tmp_path: Path) -> DatasetStore:
    return DatasetStore(tmp_path / "data")


@pytest.fixture
def newer(dataset: Dataset, make_documents: Make) -> Dataset:
    rows = make_documents(db=30, ai=10)
    parts = {
        "train": rows[4:-4],
        "val": [*rows[:2], *rows[-2:]],
        "test": [*rows[2:4], *rows[-4:-2]],
    }
    return replace(dataset, parts=parts, created_at="2024-06-01T00:00:00+00:00", read=43)


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def content(path: Path) -> Any:
    return orjson.loads(gzip.decompress(path.read_bytes()))


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    changed = content(path)
    change(changed)
    path.write_bytes(gzip.compress(orjson.dumps(changed)))


def test_what_was_saved_is_loaded(store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    assert store.load("shelves") == dataset


def test_odd_texts_survive(store: DatasetStore, dataset: Dataset) -> None:
    odd = Document("\0\n\u2028", "\U0001f600 \u202e\r\n\t\"'", "ü / .. \\", "", (), None)
    odd_dataset = replace(dataset, parts={**dataset.parts, "val": [odd]})
    store.save(odd_dataset)
    assert store.load("shelves") == odd_dataset


def test_the_splits_stand_where_the_specification_says(
    store: DatasetStore, dataset: Dataset, tmp_path: Path
) -> None:
    store.save(dataset)
    for part, documents in dataset.parts.items():
        written = content(tmp_path / "data" / "splits" / "shelves" / f"{part}.json.gz")
        assert list(written) == ["metadata", "samples"]
        assert written["metadata"] == {
            "name": "shelves",
            "part": part,
            "fingerprint": dataset.fingerprint,
            "samples": len(documents),
            "counts": dataset.counts()[part],
            "sizes": {"train": 24, "val": 3, "test": 3},
            "categories": ["ai", "db"],
            "created_at": "2024-05-06T07:08:09+00:00",
            "source": {"path": "papers.jsonl", "sha256": "ab" * 32},
            "parents": ["ab" * 32],
            "recipe": {"cleaning": ["urls@1"], "seed": 42},
            "dropped": {"too_short": 3},
            "read": 33,
            "conflicts": [],
        }
        assert written["samples"] == [
            {
                "source_id": document.id,
                "text": document.text,
                "label": document.label,
                "title": document.title,
                "authors": list(document.authors),
                "published": document.published,
            }
            for document in documents
        ]


def test_a_split_can_be_read_as_documents(store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    assert list(read_documents(store.part_path("shelves", "train"))) == dataset.parts["train"]


def test_the_same_dataset_gives_the_same_bytes(dataset: Dataset, tmp_path: Path) -> None:
    first = DatasetStore(tmp_path / "first").save(dataset)
    second = DatasetStore(tmp_path / "second").save(dataset)
    assert files_under(first) == files_under(second)
    assert list(files_under(first)) == ["test.json.gz", "train.json.gz", "val.json.gz"]
    for written in files_under(first).values():
        assert written[3:8] == bytes(5)  # the gzip header has neither a name nor a time


def test_a_snapshot_that_is_there_is_left_as_it_is(store: DatasetStore, dataset: Dataset) -> None:
    folder = store.save(dataset)
    before = files_under(folder)
    assert store.save(replace(dataset, created_at="2030-01-01T00:00:00+00:00")) == folder
    assert files_under(folder) == before
    assert store.load("shelves") == dataset


def test_the_name_moves_to_the_newest_and_the_older_stays(
    store: DatasetStore, dataset: Dataset, newer: Dataset, tmp_path: Path
) -> None:
    old_folder = store.save(dataset)
    before = files_under(old_folder)
    new_folder = store.save(newer)
    assert new_folder != old_folder
    assert store.load("shelves") == newer
    assert files_under(old_folder) == before
    link = tmp_path / "data" / "splits" / "shelves"
    assert link.is_symlink()
    assert link.resolve() == new_folder.resolve()
    assert not link.readlink().is_absolute()
    store.save(dataset)
    assert store.load("shelves") == dataset


def test_the_data_folder_can_be_moved(dataset: Dataset, tmp_path: Path) -> None:
    DatasetStore(tmp_path / "data").save(dataset)
    (tmp_path / "data").rename(tmp_path / "moved")
    assert DatasetStore(tmp_path / "moved").load("shelves") == dataset


def test_a_relative_data_folder_will_do(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    DatasetStore(Path("data")).save(dataset)
    assert DatasetStore(tmp_path / "data").load("shelves") == dataset


def test_a_failure_on_the_way_leaves_nothing_behind(
    store: DatasetStore, dataset: Dataset, tmp_path: Path
) -> None:
    unwritable = Document("1", "a lone \ud800 surrogate", "db")
    with pytest.raises(Exception, match="surrogate"):
        store.save(replace(dataset, parts={**dataset.parts, "test": [unwritable]}))
    assert files_under(tmp_path) == {}
    assert store.names() == []


def test_names_are_listed(store: DatasetStore, dataset: Dataset) -> None:
    assert store.names() == []
    store.save(replace(dataset, name="b"))
    store.save(replace(dataset, name="a"))
    store.save(dataset)
    assert store.names() == ["a", "b", "shelves"]


def test_an_unknown_dataset_is_told_with_those_known(store: DatasetStore, dataset: Dataset) -> None:
    with pytest.raises(UnknownDatasetError, match="none yet"):
        store.load("books")
    store.save(dataset)
    with pytest.raises(UnknownDatasetError, match="known: shelves"):
        store.load("books")
    with pytest.raises(UnknownDatasetError):
        store.part_path("books", "train")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../outside", "a\0b"])
def test_no_name_leads_out_of_the_store(
    name: str, store: DatasetStore, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(SettingError):
        store.load(name)
    with pytest.raises(SettingError):
        store.save(replace(dataset, name=name))
    assert list(tmp_path.iterdir()) == []


def damage_label(written: Any) -> None:
    written["samples"][0]["label"] = "other"


def damage_by_leaving_out(written: Any) -> None:
    del written["samples"][0]


def damage_fingerprint(written: Any) -> None:
    written["metadata"]["fingerprint"] = "0" * 64


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", [damage_label, damage_by_leaving_out, damage_fingerprint])
def test_changed_rows_are_refused(
    part: str, damage: Callable[[Any], None], store: DatasetStore, dataset: Dataset
) -> None:
    store.save(dataset)
    rewrite(store.part_path("shelves", part), damage)
    with pytest.raises(SourceError, match="Prepare"):
        store.load("shelves")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "shape",
    [
        [],
        {},
        None,
        {"metadata": {}},
        {"samples": []},
        {"metadata": {}, "samples": []},
        {"metadata": None, "samples": []},
        {"metadata": {}, "samples": None},
        {"metadata": {}, "samples": [1]},
        {"metadata": {}, "samples": [{}]},
    ],
)
def test_a_file_of_another_shape_is_refused(
    shape: object, part: str, store: DatasetStore, dataset: Dataset
) -> None:
    store.save(dataset)
    store.part_path("shelves", part).write_bytes(gzip.compress(orjson.dumps(shape)))
    with pytest.raises(SourceError, match="Prepare"):
        store.load("shelves")


@pytest.mark.parametrize("place", [0, 3, 12, 30, 200, -20, -6, -1])
def test_a_flipped_byte_is_refused(place: int, store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    path = store.part_path("shelves", "train")
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 0xFF
    path.write_bytes(damaged)
    try:
        loaded = store.load("shelves")
    except SourceError as refused:
        assert "Prepare" in refused.remedy  # noqa: PT017 (a harmless byte of the header may pass)
    else:
        assert loaded == dataset


@pytest.mark.parametrize("length", [0, 5, 100, -1, -9])
def test_a_truncated_file_is_refused(length: int, store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    path = store.part_path("shelves", "train")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SourceError, match="Prepare"):
        store.load("shelves")


def test_a_part_that_is_missing_is_told(store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    store.part_path("shelves", "val").unlink()
    with pytest.raises((SourceError, UnknownDatasetError)):
        store.load("shelves")


def test_preparing_a_damaged_dataset_again_mends_it(store: DatasetStore, dataset: Dataset) -> None:
    store.save(dataset)
    store.part_path("shelves", "train").write_bytes(b"damaged")
    store.save(dataset)
    assert store.load("shelves") == dataset


def test_a_snapshot_that_could_not_be_put_in_place_is_not_pointed_at(
    store: DatasetStore, dataset: Dataset, tmp_path: Path
) -> None:
    folder = store.save(dataset)
    (tmp_path / "data" / "splits" / "shelves").unlink()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.symlink_to("nowhere")
    with pytest.raises(Exception, match=folder.name):
        store.save(dataset)
    assert store.names() == []


def test_the_same_rows_made_by_another_recipe_are_another_snapshot(
    store: DatasetStore, dataset: Dataset
) -> None:
    first = store.save(dataset)
    second = store.save(replace(dataset, recipe={**dataset.recipe, "min_words": 7}))
    assert first != second
    assert store.load("shelves").recipe["min_words"] == 7
    assert store.load("shelves").fingerprint == dataset.fingerprint
