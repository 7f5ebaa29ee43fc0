"""Our registry beside MLflow's: versions created, listed and put live, on one machine.

Ours keeps the files of each version, with their digests, and a chained history; MLflow's is given
an address and keeps a row, so that creating is also measured with an upload of the files. MLflow is
asked in this process with a SQLite file, and through a server of its own with one worker. The
medians of several runs are compared.

Usage: PYTHONPATH=. python benchmarks/mlflow_registry.py [--versions 200] [--runs 3]
"""

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.training.tracking_server import TrackingServer

from classmark.database import Database
from classmark.registry import Lineage, ModelReference, RegisteredVersion, Registry, VersionDraft

# Of MLflow -> of ours.
_STEPS = {"create": "create", "with files": "create", "list": "list", "promote": "promote"}
# What an artifact has: a few small files.
_FILES = {"model.bin": bytes(100_000), "config.json": b"{}", "label_map.json": b"{}"}


def ours(folder: Path, versions: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The three steps in a home of its own."""
    database = Database(f"sqlite:///{folder / 'classmark.db'}")
    registry = Registry(database, folder / "models", now=lambda: datetime.now(UTC), actor="bench")
    # Tables are made before anything is timed, as MLflow's are.
    assert not registry.models()
    draft = VersionDraft(
        "bench",
        folder / "artifact",
        Lineage("linear", ("a", "b"), "00"),
        {"dataset": {"fingerprint": "00"}},
    )
    made: list[RegisteredVersion] = []
    yield "create", lambda: made.extend(registry.register(draft) for _ in range(versions))
    yield "list", lambda: [registry.versions("bench") for _ in range(10)]
    yield (
        "promote",
        lambda: [registry.promote(ModelReference("bench", one.version)) for one in made],
    )
    assert registry.state("bench").live == registry.versions("bench")[-1]
    database.close()


def theirs(uri: str, folder: Path, versions: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The steps in an MLflow registry."""
    from mlflow import MlflowClient  # noqa: PLC0415 (not timed)

    client = MlflowClient(uri, uri)
    name = f"bench-{time.monotonic_ns()}"
    client.create_registered_model(name)
    client.create_registered_model(f"{name}-files")
    kept = None if uri.startswith("http") else (folder / name).as_uri()
    run_id = client.create_run(client.create_experiment(name, kept)).info.run_id
    made: list[Any] = []

    def create() -> None:
        for number in range(versions):
            tags = {"classmark.version": f"v1.0.{number}"}
            source = f"s3://bucket/{name}/{number}"
            made.append(client.create_model_version(name, source, tags=tags, await_creation_for=0))

    def create_with_files() -> None:
        for number in range(versions):
            client.log_artifacts(run_id, str(folder / "artifact"), str(number))
            source = f"runs:/{run_id}/{number}"
            client.create_model_version(f"{name}-files", source, run_id, await_creation_for=0)

    def listed() -> list[Any]:
        found: list[Any] = []
        token = None
        while token is not None or not found:
            page = client.search_model_versions(f"name='{name}'", page_token=token)
            found += page
            token = page.token
            if not token:
                break
        return found

    def promote() -> None:
        for one in made:
            client.set_registered_model_alias(name, "production", one.version)

    yield "create", create
    yield "with files", create_with_files
    yield "list", lambda: [listed() for _ in range(10)]
    yield "promote", promote
    assert len(listed()) == versions
    assert client.get_model_version_by_alias(name, "production").version == made[-1].version


def seconds_of(steps: Iterator[tuple[str, Callable[[], Any]]]) -> dict[str, float]:
    """How long each step took."""
    taken = {}
    for name, step in steps:
        begin = time.perf_counter()
        step()
        taken[name] = time.perf_counter() - begin
    return taken


def _prepared(folder: Path) -> Path:
    """A folder with an artifact in it."""
    (folder / "artifact").mkdir(parents=True)
    for name, content in _FILES.items():
        (folder / "artifact" / name).write_bytes(content)
    return folder


@contextmanager
def servers(folder: Path) -> Iterator[Mapping[str, str]]:
    """Where MLflow is asked."""
    with TrackingServer(folder) as server:
        yield {
            "MLflow, SQLite": f"sqlite:///{folder / 'embedded.db'}",
            "MLflow, server": server.url,
        }


def main() -> None:
    """Print how many times longer MLflow takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--versions", type=int, default=200)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_LOGGING_LEVEL": "WARNING"}
    logging.getLogger("alembic").setLevel(logging.WARNING)
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as place, servers(Path(place)) as addresses:
        # The first makes tables and imports what it needs.
        for uri in addresses.values():
            seconds_of(theirs(uri, _prepared(Path(place) / f"warm-up {len(uri)}"), 2))
        for run in range(given.runs):
            folder = _prepared(Path(place) / str(run))
            found.setdefault("classmark", []).append(seconds_of(ours(folder, given.versions)))
            for name, uri in addresses.items():
                found.setdefault(name, []).append(seconds_of(theirs(uri, folder, given.versions)))
    middle = {
        name: {step: median(run[step] for run in runs) for step in runs[0]}
        for name, runs in found.items()
    }
    print(f"{given.versions} versions, median of {given.runs}; how many times longer than ours")
    for name, seconds in middle.items():
        ratios = (
            f"{step} {seconds[step] / middle['classmark'][own]:5.1f}"
            for step, own in _STEPS.items()
            if step in seconds
        )
        print(f"{name:<16}{'   '.join(ratios)}")


if __name__ == "__main__":
    main()
