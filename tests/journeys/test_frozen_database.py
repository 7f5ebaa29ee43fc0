"""PostgreSQL stands still while `classmark serve` runs on it: answers go on, nothing is lost."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from classmark.access import Scope, WrittenKey
from classmark.assembly import open_home
from classmark.registry import Lineage, ModelReference, VersionDraft

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

FIGURES = {"test": {"accuracy": 0.9, "macro_f1": 0.8, "per_class": {}}}


@pytest.fixture
def home(tmp_path: Path, artifact: Path, postgresql_url: str) -> Path:
    """A home on PostgreSQL with one version in production."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "classmark.yaml").write_text(f"database_url: {postgresql_url}\n", encoding="utf-8")
    place = open_home(folder)
    lineage = Lineage("linear", ("cs.CL", "cs.CV", "cs.DB"), "00")
    metadata = {"dataset": {"fingerprint": "00"}, "metrics": FIGURES}
    place.registry.register(VersionDraft("shelf", artifact, lineage, metadata))
    place.registry.promote(ModelReference("shelf", role="latest"))
    place.database.close()
    return folder


def logged(home: Path) -> list[str]:
    """The ids of all predictions in the log."""
    place = open_home(home)
    with place.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT id FROM predictions").scalars()
        found = [str(row) for row in rows]
    place.database.close()
    return found


def wait_until_logged(home: Path, answered: list[str]) -> None:
    """Each of them once, and no others."""
    end = time.monotonic() + 60
    while sorted(found := logged(home)) != sorted(answered):
        assert time.monotonic() < end, f"{len(found)} of {len(answered)}"
        time.sleep(0.2)


@contextmanager
def standing_still(postgresql: Any) -> Iterator[None]:
    postgresql.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        postgresql.signal(signal.SIGCONT)


def check_alive(url: str) -> None:
    for path in ("/health", "/ready", "/metrics", "/model/info"):
        assert httpx.get(url + path, timeout=10).status_code == 200


def test_a_database_that_stands_still_costs_no_answer_and_no_prediction(
    home: Path, serving: Serving, postgresql: Any
) -> None:
    with serving(home, "--no-ui") as server:
        answered = server.ask("A table of tuples")
        wait_until_logged(home, answered)
        with standing_still(postgresql):
            for number in range(40):
                answered += server.ask(f"A table of {number} tuples", "An image")
                time.sleep(0.05)
            check_alive(server.url)
        wait_until_logged(home, answered)
        with standing_still(postgresql):
            answered += server.ask("A plan", "A join")
            time.sleep(1.5)
            # The helper waits 60 seconds for the end; the database never answers.
            assert server.stop() == 0
        assert "Predictions wait in the spool" in server.told.read_text()
    with serving(home, "--no-ui"):
        wait_until_logged(home, answered)


def test_late_labels_are_refused_in_time_and_hold_up_nothing(
    home: Path, serving: Serving, postgresql: Any
) -> None:
    with serving(home, "--no-ui") as server:
        (answered,) = server.ask("A table of tuples")
        told = {"prediction_id": answered, "label": "cs.DB"}
        assert httpx.post(f"{server.url}/feedback", json=told, timeout=60).status_code == 200
        with standing_still(postgresql):
            refused = httpx.post(f"{server.url}/feedback", json=told, timeout=60)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert "The database does not answer" in refused.text
            check_alive(server.url)
            assert server.stop() == 0


def test_known_keys_go_on_predicting_and_of_others_nobody_can_tell(
    home: Path, serving: Serving, postgresql: Any
) -> None:
    place = open_home(home)
    known = place.keys.create("desk", [Scope.PREDICT]).written
    place.database.close()
    with (home / "classmark.yaml").open("a", encoding="utf-8") as settings:
        settings.write("serving:\n  api_keys: required\n")
    with serving(home, "--no-ui") as server:

        def asked(key: WrittenKey) -> httpx.Response:
            body, headers = {"texts": ["A table of tuples"]}, {"X-API-Key": str(key)}
            return httpx.post(f"{server.url}/predict", json=body, headers=headers, timeout=30)

        with standing_still(postgresql):
            # Longer than a key is trusted; and nobody had shown one before.
            time.sleep(6)
            assert asked(known).status_code == 200
            refused = asked(WrittenKey.new())
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert asked(known).status_code == 200
        end = time.monotonic() + 60
        while (status := asked(WrittenKey.new()).status_code) != 401:
            assert status == 503
            assert time.monotonic() < end
            time.sleep(0.2)
        assert server.stop() == 0
