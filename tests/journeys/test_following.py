"""A running `classmark serve` follows production: under load, with workers, whatever fails."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from classmark.database import Database
from classmark.predictions import PredictionLog
from classmark.registry import Lineage, ModelReference, Registry, Version, VersionDraft

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

LABELS = ("cs.CL", "cs.CV", "cs.DB")
WEIGHTS = "model.safetensors"
FIGURES = {"test": {"accuracy": 0.9, "macro_f1": 0.8, "per_class": {}}}


@dataclass(frozen=True, slots=True)
class Shelf:
    """A home whose model `shelf` has v1.0.0 in production and versions that may follow it.

    v1.0.3 says that it predicts tables.
    """

    home: Path
    registry: Registry
    log: PredictionLog

    def promote(self, number: str) -> None:
        self.registry.promote(ModelReference("shelf", Version.parse(number)))

    def weights(self, number: str) -> Path:
        return self.home / "models" / "shelf" / f"shelf_{number}" / WEIGHTS


@pytest.fixture
def shelf(tmp_path: Path, artifact: Path) -> Iterator[Shelf]:
    home = tmp_path / "home"
    of_tables = Path(shutil.copytree(artifact, tmp_path / "table"))
    (of_tables / "features.skops").write_text("of a table")
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    registry = Registry(database, home / "models", now=lambda: datetime.now(UTC), actor="ada")
    for number, folder in enumerate([artifact, artifact, artifact, of_tables]):
        kind = {"kind": "table"} if number == 3 else {}
        metadata = {"dataset": {"name": "papers", "fingerprint": "00", **kind}, "metrics": FIGURES}
        registry.register(VersionDraft("shelf", folder, Lineage("linear", LABELS, "00"), metadata))
    registry.promote(ModelReference("shelf", Version(1, 0, 0)))
    yield Shelf(home, registry, PredictionLog(database))
    database.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody got, and when they had asked."""

    status: int
    version: str
    ids: tuple[str, ...]
    began: float
    ended: float


@dataclass
class Crowd:
    """People who ask all the time, each over one connection."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.is_over.is_set():
                try:
                    self.answers.append(self._answer(client))
                except httpx.HTTPError as error:
                    self.broken.append(repr(error))
                time.sleep(0.01)

    def _answer(self, client: httpx.Client) -> Answer:
        began = time.monotonic()
        found = client.post(f"{self.url}/predict", json={"texts": ["A table of tuples", "A lens"]})
        ended = time.monotonic()
        body = found.json()
        ids = tuple(one["id"] for one in body.get("predictions", ()))
        return Answer(found.status_code, body.get("model_version", found.text), ids, began, ended)

    def wait_for(self, version: str) -> None:
        """Until everybody gets that version and no other."""
        end, begun_after = time.monotonic() + 90, time.monotonic()
        while True:
            new = [one for one in list(self.answers) if one.began > begun_after]
            others = [one.ended for one in new if one.version != version]
            if others:
                begun_after = max(others)
            elif len(new) >= 60:
                return
            assert time.monotonic() < end, {one.version for one in new}
            time.sleep(0.05)


@contextmanager
def asking(url: str) -> Iterator[Crowd]:
    crowd = Crowd(url)
    people = [threading.Thread(target=crowd.ask) for _ in range(4)]
    for one in people:
        one.start()
    try:
        yield crowd
    finally:
        crowd.is_over.set()
        for one in people:
            one.join()


def health(url: str) -> dict[str, Any]:
    found = httpx.get(f"{url}/health/ml", timeout=30)
    assert found.status_code == 200, found.text
    body: dict[str, Any] = found.json()
    return body


def wait_for_health(url: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + 60
    while not wanted(found := health(url)):
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def counted(url: str, series: str) -> float:
    scrape = httpx.get(f"{url}/metrics", headers={"accept": "text/plain"}, timeout=30).text
    for line in scrape.splitlines():
        if line.startswith(f"{series} "):
            return float(line.rpartition(" ")[2])
    return 0.0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_promotions_and_rollbacks_under_load_cost_no_answer(
    workers: str, shelf: Shelf, serving: Serving
) -> None:
    with serving(shelf.home, "--no-ui", "--workers", workers) as server:
        with asking(server.url) as crowd:
            crowd.wait_for("v1.0.0")
            shelf.promote("v1.0.1")
            crowd.wait_for("v1.0.1")
            shelf.registry.rollback("shelf")
            crowd.wait_for("v1.0.0")
            shelf.promote("v1.0.2")
            crowd.wait_for("v1.0.2")
        info = httpx.get(f"{server.url}/model/info").json()
        assert (info["name"], info["version"]) == ("shelf", "v1.0.2")
        assert counted(server.url, 'model_served{model="shelf",version="v1.0.2"}') == int(workers)
        assert counted(server.url, 'model_swaps_total{model="shelf",result="failed"}') == 0
        assert health(server.url)["status"] == "healthy"
        assert server.stop() == 0
        assert server.told.read_text() == ""
    assert crowd.broken == []
    assert {one.status for one in crowd.answers} == {200}
    for answer in crowd.answers:
        assert {shelf.log.find(one).version for one in answer.ids} == {answer.version}


def test_a_damaged_version_leaves_the_old_one_answering_until_it_is_mended(
    shelf: Shelf, serving: Serving
) -> None:
    weights = shelf.weights("v1.0.1")
    whole = weights.read_bytes()
    with serving(shelf.home, "--no-ui") as server, asking(server.url) as crowd:
        crowd.wait_for("v1.0.0")
        server.process.send_signal(signal.SIGSTOP)
        shelf.promote("v1.0.1")
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        server.process.send_signal(signal.SIGCONT)
        found = wait_for_health(server.url, lambda body: body["status"] == "degraded")
        assert (found["version"], found["production_version"]) == ("v1.0.0", "v1.0.1")
        assert found["fallback"]["wanted"] == "v1.0.1"
        assert f"{WEIGHTS} was changed" in found["fallback"]["why"]
        assert str(shelf.home) not in str(found)
        assert counted(server.url, 'model_fallback{model="shelf",version="v1.0.0"}') == 1
        failed = 'model_swaps_total{model="shelf",result="failed"}'
        wait_for_health(server.url, lambda _: counted(server.url, failed) >= 2)
        assert server.told.read_text().count("shelf_v1.0.1 is in production") == 1
        shelf.registry.rollback("shelf", Version(1, 0, 0))
        wait_for_health(server.url, lambda body: body["status"] == "healthy")
        assert {one.version for one in crowd.answers} == {"v1.0.0"}
        weights.write_bytes(whole)
        shelf.promote("v1.0.1")
        crowd.wait_for("v1.0.1")
        assert health(server.url)["status"] == "healthy"
        crowd.is_over.set()
        assert server.stop() == 0
    assert {one.status for one in crowd.answers} == {200}


def test_a_worker_that_is_started_again_begins_with_what_is_live_then(
    shelf: Shelf, serving: Serving
) -> None:
    with (
        serving(shelf.home, "--no-ui", "--workers", "2") as server,
        httpx.Client(timeout=60) as client,
    ):
        with asking(server.url) as crowd:
            crowd.wait_for("v1.0.0")
            shelf.promote("v1.0.1")
            crowd.wait_for("v1.0.1")
        replace_worker(server)
        assert {answering(server.url) for _ in range(20)} == {"v1.0.1"}
        # A version that answers no texts ends nobody: not those that run, nor one that begins.
        shelf.promote("v1.0.3")
        failed = 'model_swaps_total{model="shelf",result="failed"}'
        wait_for_health(server.url, lambda _: counted(server.url, failed) >= 2)
        replace_worker(server)
        versions = {answering(server.url) for _ in range(20)}
        # The one that runs goes on; the new one has what the server began with.
        assert versions <= {"v1.0.0", "v1.0.1"}
        found = wait_for_health(server.url, lambda body: body["status"] == "degraded")
        assert found["fallback"]["wanted"] == "v1.0.3"
        assert "tables" in found["fallback"]["why"]
        shelf.registry.rollback("shelf")
        with asking(server.url) as crowd:
            crowd.wait_for("v1.0.1")
        assert client.get(f"{server.url}/health").status_code == 200
        assert server.stop() == 0


def answering(url: str) -> str:
    answer = httpx.post(f"{url}/predict", json={"texts": ["A table of tuples"]}, timeout=60)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model_version"])


def replace_worker(server: Any) -> None:
    """Kill one of the workers, and wait until another one answers in its place."""
    before = set(workers_of(server))
    os.kill(min(before), signal.SIGKILL)
    end = time.monotonic() + 90
    while len(set(workers_of(server)) - before) == 0 or serving_workers(server.url) < 2:
        assert time.monotonic() < end
        time.sleep(0.1)


def serving_workers(url: str) -> float:
    return sum(
        counted(url, f'model_served{{model="shelf",version="v1.0.{number}"}}')
        for number in range(4)
    )


def workers_of(server: Any) -> list[int]:
    # One that was killed has no command line any more.
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in server.processes()[1:]}
    return [pid for pid, command in commands.items() if "spawn_main" in command]
