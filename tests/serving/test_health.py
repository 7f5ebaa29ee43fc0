"""How the model is: each check, and that none of them hangs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.serving.conftest import Running, running

from classmark.errors import DatabaseUnavailableError
from classmark.models import Classifier
from classmark.serving import ServedModel, ServingSettings


class Telling(Classifier):
    """Gives the probabilities it was made with."""

    labels = ("cs.CL", "cs.CV", "cs.DB")

    def __init__(self, probability: float) -> None:
        self._probability = probability

    @classmethod
    def load(cls, folder: Path, config: object) -> "Telling":
        raise NotImplementedError

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        del text
        return np.full(3, self._probability)


def looked_at(server: Running) -> tuple[int, dict[str, Any]]:
    answer = server.client.get("/health/ml")
    return answer.status_code, answer.json()


def test_a_model_that_is_right_and_answers_is_healthy(api: Running) -> None:
    status, found = looked_at(api)
    assert (status, found["status"]) == (200, "healthy")
    assert (found["model"], found["version"], found["fallback"]) == ("shelves", "v1.0.0", None)
    assert found["production_version"] == "v1.0.0"
    assert all(check["ok"] for check in found["checks"].values()), found
    assert set(found["checks"]) == {
        "model_loaded", "right_version", "inference", "latency", "database", "spool",
    }  # fmt: skip
    assert api.log.count() == 0


@contextmanager
def asking(home: Path, served: ServedModel, production: Any) -> Iterator[Running]:
    with running(home, served, ServingSettings(threads=2), production) as server:
        yield server


def test_a_database_that_does_not_answer_degrades_and_tells_no_address(
    served: ServedModel, tmp_path: Path
) -> None:
    def refuse() -> str:
        raise DatabaseUnavailableError("postgresql://secret is away.", remedy="Wait.")

    with asking(tmp_path / "home", served, refuse) as server:
        status, found = looked_at(server)
    assert (status, found["status"], found["production_version"]) == (200, "degraded", None)
    assert found["checks"]["database"]["message"] == "The database does not answer."
    assert "secret" not in str(found)


def test_a_database_that_hangs_is_asked_once_and_holds_up_nobody(
    served: ServedModel, tmp_path: Path
) -> None:
    asked, come_back = [], threading.Event()

    def hang() -> str:
        asked.append(1)
        come_back.wait(60)
        return "v1.0.0"

    with asking(tmp_path / "home", served, hang) as server:
        for _ in range(2):
            began = time.monotonic()
            status, found = looked_at(server)
            assert time.monotonic() - began < 10
            assert (status, found["status"]) == (200, "degraded")
        assert len(asked) == 1
        come_back.set()
        end = time.monotonic() + 30
        while looked_at(server)[1]["status"] != "healthy":
            assert time.monotonic() < end
        looked_at(server)
    assert len(asked) > 1


@pytest.mark.parametrize("probability", [float("nan"), float("inf"), -1.0])
def test_a_model_whose_answers_are_no_probabilities_fails(
    probability: float, served: ServedModel, tmp_path: Path
) -> None:
    wrong = replace(served, classifier=Telling(probability))
    with asking(tmp_path / "home", wrong, lambda: "v1.0.0") as server:
        status, found = looked_at(server)
        assert (status, found["status"]) == (503, "failing")
        assert not found["checks"]["inference"]["ok"]
        assert server.client.get("/health").status_code == 200


def test_nothing_in_production_is_told(served: ServedModel, tmp_path: Path) -> None:
    with asking(tmp_path / "home", served, lambda: None) as server:
        status, found = looked_at(server)
    assert (status, found["production_version"]) == (200, None)
    assert found["checks"]["database"]["message"] == "Nothing is in production."


def test_what_waits_in_the_spool_is_counted(api: Running) -> None:
    api.client.post("/predict", json={"texts": ["A table"]}).raise_for_status()
    _, found = looked_at(api)
    assert not found["checks"]["spool"]["message"].startswith("0 bytes")
    assert isinstance(api.client, httpx.Client)
