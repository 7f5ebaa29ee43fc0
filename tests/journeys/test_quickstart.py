"""The main job: one command turns documents into two versions, one of them live; twice if asked."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from classmark.assembly import open_home
from classmark.registry import ModelReference, RegisteredVersion, Status

# Two encoders are trained here, on whatever the machine has.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# Server of conftest.py, which pytest alone can import.
Serving = Callable[..., AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Run:
    """One `classmark quickstart` and what it left.

    Attributes:
        home: Where it ran.
        result: Its JSON.
        said: Its standard output.
        versions: All versions after it, by their numbers.
        server_maps: The files that the server which it became had in memory, if it did.
    """

    home: Path
    result: dict[str, Any]
    said: str
    versions: dict[str, RegisteredVersion]
    server_maps: str = ""


def quickstart(home: Path, *options: str) -> list[str]:
    """The command, which writes its result beside the home."""
    result = str(home.parent / "q.json")
    told = ["--home", str(home), "--json", result, *options]
    return [sys.executable, "-m", "classmark", "quickstart", *told]


def left(home: Path, said: str, server_maps: str = "") -> Run:
    place = open_home(home)
    versions = {str(one.version): one for one in place.registry.versions("quickstart")}
    place.database.close()
    result = json.loads((home.parent / "q.json").read_bytes())
    return Run(home, result, said, versions, server_maps)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Run:
    home = tmp_path_factory.mktemp("quickstart") / "home"
    done = subprocess.run(
        quickstart(home, "--no-serve"), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return left(home, done.stdout)


@pytest.fixture(scope="module")
def second(first: Run, environment: dict[str, str]) -> Run:
    """The same command again, which ends as a server, until somebody stops it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said, command = first.home.parent / "said", quickstart(first.home, "--port", str(port))
    with (
        said.open("wb") as out,
        subprocess.Popen(command, env=environment, stdout=out) as process,
    ):
        try:
            until = time.monotonic() + 240
            while not answers(f"http://127.0.0.1:{port}/ready"):
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.5)
            maps = Path(f"/proc/{process.pid}/maps").read_text()
        finally:
            process.terminate()
    assert process.returncode == 0
    return left(first.home, said.read_text(), maps)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def production(run: Run) -> list[str]:
    return [name for name, one in run.versions.items() if one.status is Status.PRODUCTION]


def test_two_families_become_two_versions(first: Run) -> None:
    families = {name: one.metadata["family"] for name, one in first.versions.items()}
    assert families == {"v1.0.0": "linear", "v2.0.0": "encoder"}


def test_the_better_one_is_in_production(first: Run) -> None:
    accuracy = {
        name: one.metadata["metrics"]["test"]["accuracy"] for name, one in first.versions.items()
    }
    (live,) = production(first)
    assert accuracy[live] == max(accuracy.values())
    assert first.result["production_version"] == live
    link = first.home / "models" / "quickstart" / "production"
    assert str(link.readlink()) == f"quickstart_{live}"


def test_the_result_tells_everything(first: Run) -> None:
    result = first.result
    assert result["dataset"]["sizes"] == {"train": 320, "val": 40, "test": 40}
    assert [one["version"] for one in result["versions"]] == ["v1.0.0", "v2.0.0"]
    for one in result["versions"]:
        assert set(one["test"]) >= {"accuracy", "macro_f1", "n", "per_class", "latency"}
        assert one["test"]["n"] == 40
        assert len(one["test"]["per_class"]) == 10
    assert result["comparison"]["n"] == 40
    assert 0 <= result["comparison"]["p_value"] <= 1
    assert result["batch"]["documents"] == 40
    assert result["batch"]["accuracy"] == max(one["test"]["accuracy"] for one in result["versions"])


def test_reports_and_results_are_where_it_says(first: Run) -> None:
    assert len(first.result["reports"]) == 2
    for report in map(Path, first.result["reports"]):
        names = {path.name for path in report.iterdir()}
        assert names >= {"report.html", "confusion.png", "per_class.png", "errors.csv"}
        assert str(report / "report.html") in first.said
    out = Path(first.result["batch"]["out"])
    assert len(out.read_bytes().splitlines()) == 40
    assert list((first.home / "results" / "unfinished").iterdir()) == []


def test_it_prints_a_summary(first: Run) -> None:
    summary = first.said[first.said.index("Summary") :]
    for figure in (
        "documents",
        "accuracy",
        "mean confidence",
        "mean latency",
        "use per model",
        "A/B result",
        "p-value",
    ):
        assert figure in summary


def test_what_it_made_is_served_with_its_page_and_without_torch(
    first: Run, serving: Serving
) -> None:
    with serving(first.home) as server:
        server.ask("A new index for range joins.", "Segmenting images of cells.")
        assert httpx.get(f"{server.url}/ui/").status_code == 200
        maps = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert "onnxruntime" in maps
        assert "libtorch" not in maps
        assert server.stop() == 0
        assert server.told.read_text() == ""


def test_a_second_run_adds_versions_and_breaks_nothing(first: Run, second: Run) -> None:
    assert list(second.versions) == ["v1.0.0", "v2.0.0", "v3.0.0", "v4.0.0"]
    assert len(production(second)) == 1
    assert second.result["production_version"] == production(second)[0]
    link = second.home / "models" / "quickstart" / "production"
    assert str(link.readlink()) == f"quickstart_{production(second)[0]}"
    place = open_home(second.home)
    for name, version in second.versions.items():
        intact = place.registry.verify(ModelReference("quickstart", version.version))
        assert intact.digest == (first.versions.get(name) or version).digest
    assert [event.sequence for event in place.registry.history("quickstart")] == [1, 2, 3, 4, 5, 6]
    place.database.close()
    view = json.loads((second.home / "models/quickstart/version_registry.json").read_bytes())
    assert view["production_version"] == production(second)[0]
    assert len(view["versions"]) == 4


def test_the_same_documents_and_seed_give_the_same_models(first: Run, second: Run) -> None:
    assert first.result["dataset"]["fingerprint"] == second.result["dataset"]["fingerprint"]
    for one, again in zip(first.result["versions"], second.result["versions"], strict=True):
        assert one["test"]["per_class"] == again["test"]["per_class"]


def test_reports_of_the_first_run_are_kept(first: Run, second: Run) -> None:
    reports = {*first.result["reports"], *second.result["reports"]}
    assert len(reports) == 4
    assert all(Path(report, "report.html").is_file() for report in reports)


def test_the_server_that_it_becomes_holds_nothing_of_training(second: Run) -> None:
    assert "onnxruntime" in second.server_maps
    assert "libtorch" not in second.server_maps
