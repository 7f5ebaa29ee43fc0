"""`classmark retention --data`, and what tells of data that it removed."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

Classmark = Callable[..., CompletedProcess[str]]

LONG_AGO = "2020-01-02T03:04:05+00:00"


def age(folder: Path) -> None:
    """Let a snapshot say that it was made long ago."""
    (snapshot,) = (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
    for path in snapshot.iterdir():
        if path.name.endswith(".json.gz"):
            about = json.loads(gzip.decompress(path.read_bytes()))
            about["metadata"]["created_at"] = LONG_AGO
            path.write_bytes(gzip.compress(json.dumps(about).encode()))
        elif path.name == "table.json":
            about = json.loads(path.read_text())
            path.write_text(json.dumps(about | {"created_at": LONG_AGO}))


def result(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    lines = (f"{number},{number % 7},{'ab'[number % 2]}" for number in range(60))
    path.write_text("\n".join(("size,weight,kind", *lines)))
    return path


def test_old_data_that_no_version_needs_goes_and_what_was_made_from_it_says_so(
    home: Path, inside: Classmark, papers: Path, rows: Path, tmp_path: Path
) -> None:
    for command in (
        ("prepare", papers, "--name", "old", "--seed", "7"),
        ("train", "old", "--model", "box", "--family", "linear"),
        ("archive", "box@v1.0.0"),
        ("prepare-table", rows, "--name", "sizes", "--target", "kind"),
    ):
        done = inside(*command, "--home", home)
        assert done.returncode == 0, done.stderr
    data, out = home / "data", tmp_path / "out.json"
    asked = ("retention", "--data", "--home", home, "--json", out)
    assert "No data is to be removed." in inside(*asked).stdout
    for folder in (
        data / "snapshots" / "old",
        data / "snapshots" / "papers",
        data / "tables/sizes",
    ):
        age(folder)

    told = inside(*asked, "--dry-run")
    planned = result(out)["removals"]
    assert [(one["kind"], one["name"]) for one in planned] == [
        ("snapshot", "old"),
        ("table", "sizes"),
    ]
    assert all(one["bytes"] > 0 for one in planned)
    assert "would go" in told.stdout
    assert (data / "snapshots" / "old").is_dir()

    done = inside(*asked)
    assert (done.returncode, done.stderr) == (0, "")
    assert result(out)["removals"] == planned
    assert not (data / "snapshots" / "old").exists()
    assert not (data / "tables" / "sizes").exists()
    assert not (data / "splits" / "old").is_symlink()
    assert (data / "snapshots" / "papers").is_dir()
    receipts = [json.loads(line) for line in Path(result(out)["record"]).read_text().splitlines()]
    assert [one["fingerprint"] for one in receipts] == [one["fingerprint"] for one in planned]

    traced = inside("lineage", "box@v1.0.0", "--home", home, "--json", out)
    assert traced.returncode == 0, traced.stderr
    assert "not kept: removed on " in " ".join(traced.stdout.split())
    assert result(out)["snapshot"]["removal"]["reason"].startswith("retention: ")
    assert "removed" not in inside("lineage", "shelf@production", "--home", home).stdout
    again = inside("train", "old", "--model", "box", "--family", "linear", "--home", home)
    assert (again.returncode, "no dataset" in again.stderr) == (3, True)
    assert "No data is to be removed." in inside(*asked).stdout


def test_data_of_one_model_is_not_a_thing(home: Path, inside: Classmark) -> None:
    done = inside("retention", "shelf", "--data", "--home", home)
    assert done.returncode == 2
    assert "Data belongs to no single model" in " ".join(done.stderr.split())
