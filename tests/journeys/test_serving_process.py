"""`classmark serve` as it really runs: signals, kills, workers, and what it never loads."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from classmark.access import Scope
from classmark.assembly import open_home

pytestmark = pytest.mark.slow

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]

MODULES_OF_THE_APP = """
import json, sys
from pathlib import Path
from classmark.assembly import build_app, open_home
from classmark.registry import ModelReference
from classmark.serving import load_served_model
from classmark.settings import ServeJob

home = open_home(Path(sys.argv[1]))
served = load_served_model(home.registry, ModelReference.parse("shelf@production"))
build_app(home, served, ServeJob(model="shelf@production", page=sys.argv[2] == "page"))
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def logged(home: Path) -> list[str]:
    """The ids of all predictions in the log, one a row."""
    place = open_home(home)
    with place.database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT id FROM predictions").scalars()
        found = [str(row) for row in rows]
    place.database.close()
    return found


def wait_until_logged(home: Path, answered: set[str]) -> None:
    end = time.monotonic() + 30
    while not answered <= set(logged(home)):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_server_answers_until_it_is_told_to_end_and_keeps_what_it_said(
    home: Path, serving: Serving
) -> None:
    with serving(home, "--no-ui") as server:
        health = httpx.get(f"{server.url}/health").json()
        assert (health["status"], health["model_loaded"]) == ("healthy", True)
        answered = [server.ask(f"A table of {n} tuples", "An image")[0] for n in range(10)]
        assert server.stop() == 0
        assert server.told.read_text() == ""
    found = logged(home)
    assert len(found) == len(set(found)) == 20
    assert set(answered) <= set(found)
    assert list((home / "spool").iterdir()) == []


def test_requests_in_flight_are_answered_before_the_end(home: Path, serving: Serving) -> None:
    texts = [f"A table of {n} tuples and its plan. " * 200 for n in range(1500)]
    answers: list[httpx.Response] = []
    with serving(home, "--no-ui") as server:

        def ask() -> None:
            url = f"{server.url}/predict_batch"
            answers.append(httpx.post(url, json={"texts": texts}, timeout=60))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.3)
        assert asking.is_alive()
        assert server.stop() == 0
        asking.join()
    assert answers[0].status_code == 200
    assert len(set(logged(home))) == len(logged(home)) == 1500


def test_a_kill_loses_no_answer(home: Path, serving: Serving) -> None:
    answered: set[str] = set()
    for _ in range(2):
        with serving(home, "--no-ui") as server:
            wait_until_logged(home, answered)
            for number in range(30):
                answered |= set(server.ask(f"A table of {number} tuples", "An image"))
            server.process.kill()
            assert server.process.wait() == -signal.SIGKILL
    with serving(home, "--no-ui") as server:
        wait_until_logged(home, answered)
        assert server.stop() == 0
    found = logged(home)
    assert len(found) == len(set(found)) == len(answered) == 120


def wait_until_all_answer(status: int, url: str, key: str) -> None:
    """Until so many answers to a key are alike that they come from all workers."""
    end = time.monotonic() + 30
    headers = {"X-API-Key": key}
    while {httpx.get(f"{url}/metrics", headers=headers).status_code for _ in range(10)} != {status}:
        assert time.monotonic() < end


def test_doors_that_stand_open_are_told(home: Path, serving: Serving) -> None:
    with serving(home, "--no-ui", "--host", "0.0.0.0") as server:  # noqa: S104 (what is tested)
        assert "Whoever reaches 0.0.0.0 may ask" in server.told.read_text()
        assert "serving.api_keys" in server.told.read_text()
        assert server.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_keys_are_asked_for_by_every_worker(workers: str, home: Path, serving: Serving) -> None:
    (home / "classmark.yaml").write_text("serving:\n  api_keys: required\n")
    with serving(home, "--no-ui", "--workers", workers) as server:
        assert "there is none: classmark keys create" in server.told.read_text()
        assert httpx.get(f"{server.url}/metrics").status_code == 401
        place = open_home(home)
        made = place.keys.create("desk", [Scope.ADMIN])
        wait_until_all_answer(200, server.url, str(made.written))
        place.keys.revoke(made.key.id)
        place.database.close()
        wait_until_all_answer(401, server.url, str(made.written))
        assert server.stop() == 0
    with serving(home, "--no-ui", "--host", "0.0.0.0") as server:  # noqa: S104 (keys are asked for)
        assert "Whoever reaches" not in server.told.read_text()
        assert server.stop() == 0


def test_workers_count_and_learn_as_one(home: Path, serving: Serving) -> None:
    with serving(home, "--no-ui", "--workers", "2") as server:
        ids = [server.ask(f"A table of {number} tuples")[0] for number in range(40)]
        figures = [httpx.get(f"{server.url}/metrics").json() for _ in range(6)]
        assert [one["total_predictions"] for one in figures] == [40] * 6
        for prediction in ids:
            body = {"prediction_id": prediction, "label": "cs.DB"}
            answer = httpx.post(f"{server.url}/feedback", json=body)
            assert answer.status_code == 200, answer.text
        scrape = httpx.get(f"{server.url}/metrics", headers={"accept": "text/plain"}).text
        assert counted(scrape, "prediction_total") == 40
        assert counted(scrape, "active_models") == 2
        assert server.stop() == 0
        assert server.told.read_text() == ""
    assert Counter(logged(home)) == Counter(ids)


def counted(scrape: str, name: str) -> float:
    return sum(
        float(line.rpartition(" ")[2]) for line in scrape.splitlines() if line.startswith(name)
    )


def test_a_worker_that_dies_is_replaced_and_loses_nothing(home: Path, serving: Serving) -> None:
    with serving(home, "--no-ui", "--workers", "2") as server:
        ids = {server.ask(f"A table of {number} tuples")[0] for number in range(20)}
        before = set(server.processes()[1:])
        for pid in before:
            if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
                break
        end = time.monotonic() + 60
        while len(set(server.processes()[1:]) - before) == 0:
            assert time.monotonic() < end
            time.sleep(0.1)
        ids |= {server.ask(f"An image of {number} cats")[0] for number in range(20)}
        assert server.stop() == 0
    assert Counter(logged(home)) == Counter(ids)


def test_workers_end_with_what_started_them_and_lose_nothing(home: Path, serving: Serving) -> None:
    with serving(home, "--no-ui", "--workers", "2") as server:
        ids = [server.ask(f"A table of {number} tuples")[0] for number in range(20)]
        workers = server.processes()[1:]
        assert len(workers) >= 2
        server.process.kill()
        end = time.monotonic() + 30
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < end
            time.sleep(0.05)
    with serving(home, "--no-ui", "--port", server.url.rpartition(":")[2]) as again:
        assert again.url == server.url
        wait_until_logged(home, set(ids))
        assert again.stop() == 0
    assert Counter(logged(home)) == Counter(ids)


@pytest.mark.parametrize("options", [(), ("--no-ui", "--workers", "2")], ids=["page", "workers"])
def test_no_serving_process_maps_torch(
    options: tuple[str, ...], home: Path, serving: Serving
) -> None:
    with serving(home, *options) as server:
        server.ask("A table of tuples")
        for pid in server.processes():
            maps = Path(f"/proc/{pid}/maps").read_text()
            assert "python" in maps
            assert "libtorch" not in maps
            assert "sklearn" not in maps


@pytest.mark.parametrize("page", ["page", "alone"])
def test_the_app_never_imports_what_only_training_needs(page: str, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODULES_OF_THE_APP, home, page],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert ("gradio" in loaded) == (page == "page")
    assert loaded & {"torch", "transformers", "sklearn", "scipy", "matplotlib", "lingua"} == set()
