"""Importing does nothing: no file, socket, thread, log handler, and not a word."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

EVERYTHING = Path(__file__).with_name("importing_everything.py")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of importing all modules of a package in a clean process.

    Attributes:
        failure: Empty if every module could be imported.
        set_going: What each module set going.
        said: What was printed meanwhile.
    """

    failure: str
    set_going: dict[str, list[str]]
    said: str


def imported(package: str, folder: Path) -> Imported:
    empty, report = folder / "empty", folder / "report.json"
    empty.mkdir()
    done = subprocess.run(
        [sys.executable, EVERYTHING, package, report],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Imported(
        failure=done.stderr if done.returncode else "",
        set_going=json.loads(report.read_bytes()) if report.exists() else {},
        said=done.stdout + done.stderr,
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return imported("classmark", tmp_path_factory.mktemp("house"))


def test_every_module_can_be_imported(house: Imported) -> None:
    assert house.failure == ""
    assert {"classmark.errors", "classmark.documents.samples"} <= set(house.set_going)


def test_importing_sets_nothing_going(house: Imported) -> None:
    assert house.failure == ""
    assert {module: going for module, going in house.set_going.items() if going} == {}


def test_importing_says_nothing(house: Imported) -> None:
    assert house.said == ""


@pytest.mark.parametrize(
    ("code", "seen"),
    [
        ("open('note', 'w').close()", "file note"),
        ("import logging; logging.basicConfig()", "root log handler"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        (
            "import threading as t; t.Thread(target=t.Event().wait, name='owl', daemon=1).start()",
            "thread owl",
        ),
    ],
)
def test_a_restless_module_is_named(code: str, seen: str, tmp_path: Path) -> None:
    (tmp_path / "manor").mkdir()
    (tmp_path / "manor" / "__init__.py").touch()
    (tmp_path / "manor" / "calm.py").touch()
    (tmp_path / "manor" / "restless.py").write_text(code, encoding="utf-8")
    set_going = imported("manor", tmp_path).set_going
    assert set_going["manor.calm"] == []
    assert seen in set_going["manor.restless"][0]
