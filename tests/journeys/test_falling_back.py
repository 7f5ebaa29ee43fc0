"""`classmark serve` where the live version can't be loaded: real processes, real damage."""

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.journeys.conftest import CLASSMARK

from classmark.assembly import open_home
from classmark.database import Database
from classmark.durable import exclusive
from classmark.registry import (
    Lineage,
    ModelReference,
    RegisteredVersion,
    Registry,
    Status,
    VersionDraft,
    VersionEvent,
)

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

LABELS = ("cs.CL", "cs.CV", "cs.DB")
WEIGHTS = "model.safetensors"


@pytest.fixture
def registry(tmp_path: Path, artifact: Path) -> Registry:
    """Of a home whose model `shelf` was live as v1.0.0, v1.0.1 and, last, v1.0.2."""
    home = tmp_path / "home"
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    found = Registry(database, home / "models", now=lambda: datetime.now(UTC), actor="ada")
    metadata = {"dataset": {"name": "papers", "fingerprint": "00"}, "metrics": {}}
    for _ in range(3):
        draft = VersionDraft("shelf", artifact, Lineage("linear", LABELS, "00"), metadata)
        found.promote(ModelReference("shelf", found.register(draft).version))
    database.close()
    return found


@pytest.fixture
def place(registry: Registry, tmp_path: Path) -> Path:
    """The home of that registry."""
    del registry
    return tmp_path / "home"


def damage(home: Path, *versions: str) -> None:
    for version in versions:
        path = home / "models" / "shelf" / f"shelf_{version}" / WEIGHTS
        path.write_bytes(path.read_bytes()[:-1])


def fallbacks(home: Path) -> list[VersionEvent]:
    place = open_home(home)
    events = place.registry.history("shelf")
    problems = place.registry.check_history("shelf").problems
    live = place.registry.resolve(ModelReference("shelf", role="production"))
    place.database.close()
    assert problems == ()
    assert str(live.version) == "v1.0.2"
    return [event for event in events if event.action == "fell_back"]


def answering(url: str) -> str:
    answer = httpx.post(f"{url}/predict", json={"texts": ["A table of tuples"]}, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model_version"])


def health(url: str) -> dict[str, Any]:
    answer = httpx.get(f"{url}/health/ml", timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(home: Path, environment: dict[str, str], *options: str) -> str:
    """What a server says that does not start."""
    command = [*CLASSMARK, "serve", "--home", str(home), "--port", "0", "--no-ui", *options]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def test_the_version_before_answers_and_everybody_is_told(
    place: Path, serving: Serving, environment: dict[str, str]
) -> None:
    damage(place, "v1.0.2")
    with serving(place, "--no-ui") as server:
        assert answering(server.url) == "v1.0.1"
        found = health(server.url)
        assert (found["status"], found["version"]) == ("degraded", "v1.0.1")
        assert found["production_version"] == found["fallback"]["wanted"] == "v1.0.2"
        assert f"{WEIGHTS} was changed" in found["fallback"]["why"]
        assert str(place) not in str(found)
        assert not found["checks"]["right_version"]["ok"]
        assert found["checks"]["inference"]["ok"]
        told = {"accept": "text/plain"}
        scrape = httpx.get(f"{server.url}/metrics", headers=told).text
        assert 'model_fallback{model="shelf",version="v1.0.1"} 1.0' in scrape
        assert server.stop() == 0
        assert "shelf_v1.0.1 answers in its place" in server.told.read_text()
    (event,) = fallbacks(place)
    assert (event.version, event.production_after) == ("v1.0.1", "v1.0.2")
    assert WEIGHTS in event.reason
    for option in ((), ("--check",)):
        command = [*CLASSMARK, "history", "shelf", "--home", str(place), *option]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert option or "fell back" in done.stdout


def test_several_workers_tell_once_and_go_back_as_far_as_they_must(
    place: Path, serving: Serving
) -> None:
    damage(place, "v1.0.2")
    (place / "models" / "shelf" / "shelf_v1.0.1" / "manifest.json").unlink()
    with serving(place, "--no-ui", "--workers", "2") as server:
        assert {answering(server.url) for _ in range(6)} == {"v1.0.0"}
        found = health(server.url)
        assert (found["status"], found["version"]) == ("degraded", "v1.0.0")
        assert found["fallback"]["wanted"] == "v1.0.2"
        assert "shelf_v1.0.1" in found["fallback"]["why"]
        assert server.stop() == 0
    assert [event.version for event in fallbacks(place)] == ["v1.0.0"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_without_any_version_that_loads_says_why_of_each(
    workers: str, place: Path, environment: dict[str, str]
) -> None:
    damage(place, "v1.0.0", "v1.0.1", "v1.0.2")
    told = refused(place, environment, "--workers", workers)
    assert all(f"shelf_v1.0.{number}" in told for number in range(3))
    assert fallbacks(place) == []


def test_a_history_that_is_locked_holds_up_the_start_for_a_moment_only(
    place: Path, serving: Serving
) -> None:
    damage(place, "v1.0.2")
    with (
        exclusive(place / "models" / "shelf" / ".lock"),
        serving(place, "--no-ui") as server,
    ):
        assert answering(server.url) == "v1.0.1"
        assert server.stop() == 0
        assert "does not take the event yet" in server.told.read_text()
    assert fallbacks(place) == []


def test_where_it_is_switched_off_nothing_else_answers(
    place: Path, environment: dict[str, str]
) -> None:
    damage(place, "v1.0.2")
    (place / "classmark.yaml").write_text("serving:\n  fallback: false\n")
    told = refused(place, environment)
    assert "shelf_v1.0.1" not in told
    assert fallbacks(place) == []


def test_who_asks_by_hand_gets_the_error_and_the_way_back(
    place: Path, environment: dict[str, str]
) -> None:
    damage(place, "v1.0.2")
    command = [*CLASSMARK, "predict", "shelf@production", "A table", "--home", str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert "classmark rollback" in " ".join(done.stderr.split())


def test_a_history_that_takes_no_event_keeps_nobody_from_serving(
    place: Path, registry: Registry, serving: Serving
) -> None:
    live: RegisteredVersion = registry.resolve(ModelReference("shelf", role="production"))
    assert live.status is Status.PRODUCTION
    damage(place, "v1.0.2")
    lock = place / "models" / "shelf" / ".lock"
    lock.unlink()
    lock.mkdir()
    with serving(place, "--no-ui") as server:
        assert answering(server.url) == "v1.0.1"
        assert health(server.url)["status"] == "degraded"
        assert server.stop() == 0
        assert "does not tell of the fallback" in server.told.read_text()
    assert fallbacks(place) == []
