"""The API does what its description says: asked by schemathesis over real HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.serving.conftest import Running, running
from tests.serving.test_access import until

from classmark.access import Scope
from classmark.serving import ServedModel, ServingSettings

REPOSITORY = Path(__file__).parents[2]
SETTINGS = Path(__file__).with_name("schemathesis.toml")
# Feedback on what nobody predicted is not looked for in the spools of others for long.
PROMPT = ServingSettings(threads=2, drain_seconds=0.01)


@pytest.fixture(scope="module")
def open_to_all(served: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for none."""
    with running(tmp_path_factory.mktemp("open") / "home", served, PROMPT) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(served: ServedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for keys."""
    home = tmp_path_factory.mktemp("guarded") / "home"
    with running(home, served, replace(PROMPT, api_keys="required")) as server:
        yield server


def key_of(server: Running) -> str:
    """A key that opens everything, and that the server knows."""
    header = server.key(Scope.ADMIN)
    until(lambda: server.client.get("/metrics", headers=header).status_code == 200)
    return header["Authorization"]


def asked(server: Running, report: Path, *options: str) -> dict[str, Any]:
    """What schemathesis found."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [
        *(program, "--config-file", str(SETTINGS), "run", f"{server.client.base_url}/openapi.json"),
        *("--seed", "7", "--continue-on-failure", *options),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *sys.path])}
    done = subprocess.run(
        command, cwd=report.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    found: dict[str, Any] = orjson.loads(report.read_bytes())
    assert found["failures"] == []
    assert found["operations"]["tested"] == 8
    return found


def test_answers_are_as_described(open_to_all: Running, tmp_path: Path) -> None:
    few = ("--phases", "examples,fuzzing,stateful", "--max-examples", "8")
    assert asked(open_to_all, tmp_path / "found.json", *few)["test_cases"]["generated"] >= 50


def test_with_a_key_they_are_too_and_none_is_ignored(guarded: Running, tmp_path: Path) -> None:
    few = ("--phases", "examples,fuzzing", "--max-examples", "3")
    found = asked(guarded, tmp_path / "found.json", "-H", f"Authorization:{key_of(guarded)}", *few)
    assert found["test_cases"]["generated"] >= 15


@pytest.mark.heavy
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("server", ["open_to_all", "guarded"])
def test_thousands_of_answers_are_as_described(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    running = request.getfixturevalue(server)
    key = ("-H", f"Authorization:{key_of(running)}") if server == "guarded" else ()
    found = asked(running, tmp_path / "found.json", "--max-time", "240", *key)
    assert found["test_cases"]["generated"] >= 2000
