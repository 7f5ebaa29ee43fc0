"""`classmark card`: what a version is, on standard output or in a file."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.conftest import Classmark

Look = Callable[[Path], dict[str, object]]


def test_the_card_is_the_one_beside_the_model(classmark: Classmark, shelf: Path) -> None:
    done = classmark("card", "shelf@v1.0.0", "--home", shelf)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (shelf / "models/shelf/cards/shelf_v1.0.0.md").read_text()
    assert done.stdout.startswith("# Model card of `shelf_v1.0.0`\n")
    assert "classmark train papers --model shelf --family linear" in done.stdout


def test_the_card_may_go_into_a_file(classmark: Classmark, shelf: Path, tmp_path: Path) -> None:
    card, result = tmp_path / "new" / "card.md", tmp_path / "card.json"
    done = classmark("card", "shelf@latest", "--out", card, "--json", result, "--home", shelf)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Card: {card}\n"
    found = json.loads(result.read_bytes())
    assert found == {
        "model": "shelf",
        "version": "v1.0.1",
        "name": "shelf_v1.0.1",
        "card": card.read_text(),
        "out": str(card),
    }


def test_a_version_of_an_earlier_release_has_a_card_too(classmark: Classmark, home: Path) -> None:
    known = {"name": "shelf_v1.0.0", "version": "v1.0.0", "dataset": {"name": "papers"}}
    with closing(sqlite3.connect(home / "classmark.db")) as connection, connection:
        connection.execute(
            "UPDATE model_versions SET details = ? WHERE patch = 0", (json.dumps(known),)
        )
    (home / "models/shelf/shelf_v1.0.0/card.md").unlink()
    done = classmark("card", "shelf@v1.0.0", "--home", home)
    assert done.returncode == 0, done.stderr
    assert "| dataset | papers |" in done.stdout
    assert "Figures: not measured." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "ending"),
    [
        (("shelf@v9.9.9",), (3, "no version v9.9.9")),
        (("nothing@latest",), (3, "There is no model 'nothing'")),
        (("shelf",), (2, "shelf")),
        (("shelf@latest", "--out", "/"), (2, "No file can be written at /")),
    ],
)
def test_what_can_not_be_is_told_and_nothing_is_written(
    arguments: tuple[str, ...],
    ending: tuple[int, str],
    inside: Classmark,
    shelf: Path,
    look: Look,
) -> None:
    before = look(shelf)
    done = inside("card", *arguments, "--home", shelf)
    code, told = ending
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert look(shelf) == before
