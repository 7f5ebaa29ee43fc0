"""Commands that read documents take a file of any format, a folder of texts or the hub's form."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

Classmark = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def rows(papers: Path) -> list[dict[str, str]]:
    return [
        {name: row[name] for name in ("id", "text", "label")}
        for row in map(orjson.loads, papers.read_bytes().splitlines())
    ]


@pytest.fixture(scope="module")
def sources(rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same 60 documents as Parquet, as a folder of texts and as the hub would have them."""
    place = tmp_path_factory.mktemp("sources")
    (place / "hub").mkdir()
    parquet.write_table(pa.Table.from_pylist(rows), place / "papers.parquet")
    parquet.write_table(pa.Table.from_pylist(rows), place / "hub" / "train.parquet")
    for row in rows:
        path = place / "folder" / row["label"] / f"{row['id']}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["text"], encoding="utf-8")
    return place


@pytest.mark.parametrize("name", ["{}/papers.parquet", "{}/folder", "hf:{}/hub"])
def test_every_source_is_prepared(
    name: str, sources: Path, classmark: Classmark, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    asked = ("--name", "new", "--home", tmp_path / "home", "--json", result)
    done = classmark("prepare", name.format(sources), *asked)
    assert done.returncode == 0, done.stderr
    made = orjson.loads(result.read_bytes())
    assert (made["read"], made["categories"]) == (60, ["cs.AI", "cs.CV", "cs.DB"])


@pytest.mark.parametrize("name", ["{}/papers.parquet", "{}/folder", "hf:{}/hub"])
def test_every_source_is_evaluated(
    name: str, sources: Path, classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    asked = ("--home", home, "--json", result)
    done = classmark("evaluate", "shelf@latest", name.format(sources), *asked)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(result.read_bytes())["n"] == 60


def test_a_dataset_s_name_goes_before_a_folder_s(
    classmark: Classmark, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "papers").mkdir()
    result = tmp_path / "result.json"
    asked = ("evaluate", "shelf@latest", "papers", "--home", home, "--json", result)
    done = classmark(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert orjson.loads(result.read_bytes())["n"] == 6
    refused = classmark("evaluate", "shelf@latest", "./papers", "--home", home, cwd=tmp_path)
    assert refused.returncode == 2
    assert "holds nothing" in refused.stderr


@pytest.mark.parametrize("name", ["papers.parquet", "folder"])
def test_every_source_is_predicted(
    name: str, sources: Path, rows: list[dict[str, str]], classmark: Classmark, home: Path
) -> None:
    out = home.parent / "out.jsonl"
    asked = ("--file", sources / name, "--out", out, "--home", home)
    done = classmark("predict", "shelf@latest", *asked)
    assert done.returncode == 0, done.stderr
    found = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    assert sorted(row["true_label"] for row in found) == sorted(row["label"] for row in rows)
