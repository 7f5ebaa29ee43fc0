"""The same with what MLflow has in earnest: PostgreSQL for its rows, S3 for its files."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.registry.model_registry import ModelRegistry
from tests.registry.test_mlflow_mirror import check_loading
from tests.training.tracking_server import TrackingServer

from classmark.database import Database
from classmark.registry import MirrorSettings, MlflowMirror, ModelReference, Registry, VersionDraft

Draft = Callable[..., VersionDraft]
PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nowhere"))
BUCKET = "models"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], port: int, user: str | None = None) -> Iterator[None]:
    """A process as long as the block lasts; it is there when it listens."""
    process = subprocess.Popen(
        command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 120
        while time.monotonic() < end and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a database in a cluster of its own."""
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("PostgreSQL is not installed")
    # It refuses to be root, and the folders of tests are closed to others.
    user = "postgres" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        if user:
            shutil.chown(folder, user)
        data, port = folder / "data", free_port()
        subprocess.run(
            [PROGRAMS / "initdb", "-D", data, "-U", "postgres", "-A", "trust"],
            user=user,
            check=True,
            capture_output=True,
        )
        command = [str(PROGRAMS / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
        with running([*command, "-h", "127.0.0.1"], port, user):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket, over HTTP; boto finds it by environment."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for name, value in {
        "MLFLOW_S3_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "ada",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with running(command, port):
        ask(f"{url}/{BUCKET}", "PUT")
        yield f"{url}/{BUCKET}"


def ask(url: str, method: str = "GET") -> str:
    with urlopen(Request(url, method=method), timeout=60) as answer:  # noqa: S310 (ours)
        return str(answer.read().decode())


@pytest.fixture
def mirrored_at(
    database: Database, home: Path, clock: Callable[[], datetime]
) -> Callable[[str], Registry]:
    """A server's address -> the registry that it follows."""

    def make(url: str) -> Registry:
        mirror = MlflowMirror(MirrorSettings(url, timeout_seconds=60))
        return Registry(database, home / "models", now=clock, actor="ada", followers=[mirror])

    return make


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_what_was_missed_while_the_server_was_gone_is_made_up_for(
    mirrored_at: Callable[[str], Registry], home: Path, draft: Draft, postgres: str, bucket: str
) -> None:
    def server() -> TrackingServer:
        return TrackingServer(home, backend=postgres, destination=f"s3://{BUCKET}")

    home.mkdir(exist_ok=True)
    with server() as first:
        here = mirrored_at(first.url)
        versions = [here.register(draft()) for _ in range(2)]
        here.promote(ModelReference("shelves", versions[0].version))
        assert ModelRegistry(first.url).live("shelves") == "v1.0.0"
        assert f"{versions[0].name}-" in ask(bucket)
    gone = mirrored_at(first.url)
    live = gone.promote(ModelReference("shelves", versions[1].version))
    with server() as second:
        there = ModelRegistry(second.url)
        assert there.live("shelves") == "v1.0.0"
        mirrored_at(second.url).delete(ModelReference("shelves", versions[0].version))
        assert list(there.versions("shelves")) == ["v1.0.1"]
        assert there.live("shelves") == "v1.0.1"
        assert f"{versions[0].name}-" not in ask(bucket)
        check_loading(second.url, live, home)
