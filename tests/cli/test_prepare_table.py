"""`classmark prepare-table` as its user runs it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.datasets import load_wine

Classmark = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine") / "wine.csv"
    load_wine(as_frame=True).frame.to_csv(path)
    return path


def test_a_table_becomes_a_snapshot(classmark: Classmark, wine: Path, tmp_path: Path) -> None:
    home, result = tmp_path / "home", tmp_path / "result.json"
    done = classmark(
        *("prepare-table", wine, "--name", "wine", "--target", "target", "--outliers", "clip"),
        *("--correlation", "0.95", "--select", "6", "--home", home, "--json", result),
    )
    assert done.returncode == 0, done.stderr
    assert "unnamed_0" in done.stdout
    assert "Features: 6." in done.stdout
    told = json.loads(result.read_bytes())
    assert told["task"] == "classification"
    assert told["sizes"] == {"train": 125, "val": 27, "test": 26}
    assert len(told["features"]) == 6
    assert told["columns"][0]["kind"] == "identifier"
    folder = home / "data" / "tables" / "wine" / "current"
    assert folder.resolve() == Path(told["folder"])
    assert (folder / "features.skops").is_file()


def test_what_somebody_should_look_at_is_said(
    classmark: Classmark, wine: Path, tmp_path: Path
) -> None:
    lines = wine.read_text().splitlines()
    copies = [f"{number},{line.partition(',')[2]}" for number, line in enumerate(lines[1:6], 500)]
    changed = [copy[:-1] + "2" for copy in copies]
    path = tmp_path / "copied.csv"
    path.write_text("\n".join([*lines, *lines[1:60], *changed]))
    done = classmark(
        *("prepare-table", path, "--name", "wine", "--target", "target"),
        *("--home", tmp_path / "h"),
    )
    assert done.returncode == 0, done.stderr
    assert "59 duplicate" in done.stdout
    assert "--keep-duplicates" in done.stderr
    assert "10 rows have the features of another row and another target" in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--target", "grape"), "no column 'grape'"),
        (("--target", "unnamed_0"), "names its rows"),
        (("--target", "target", "--ratios", "a,b"), "are no numbers"),
        (("--target", "target", "--ratios", "0.7,0.2,0.2"), "can't split"),
        (("--target", "target", "--types", "alcohol=dates"), "alcohol=dates"),
        (("--target", "target", "--types", "grape=text"), "for --types"),
        (("--target", "target", "--select", "2.5"), "--select 2.5"),
        (("--target", "target", "--pca", "7"), "--pca 7"),
        (("--target", "target", "--name", "a/b"), "can't be the name"),
        (("--target", "target", "--decimal", "dot"), "'dot' is not one of"),
    ],
)
def test_wrong_options_are_refused_and_write_nothing(
    options: tuple[str, ...], told: str, inside: Classmark, wine: Path, tmp_path: Path
) -> None:
    done = inside("prepare-table", wine, "--name", "w", *options, "--home", tmp_path / "home")
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "home" / "data").exists()


def test_a_ragged_file_is_refused_with_its_line(inside: Classmark, tmp_path: Path) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n1,2\n3,4,5\n")
    done = inside(
        *("prepare-table", path, "--name", "w", "--target", "b", "--home", tmp_path / "home")
    )
    assert done.returncode == 2
    assert "Line 3" in done.stderr
