"""A home with a live linear model, and `classmark serve` as a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import orjson
import pytest

from classmark.documents import sample_documents

CLASSMARK = [sys.executable, "-m", "classmark"]
LABELS = ("cs.AI", "cs.CV", "cs.DB")


@dataclass(frozen=True, slots=True)
class Server:
    """A serving process that answers.

    Attributes:
        process: The one that was started; its workers, if any, are its children.
        url: Where it answers.
        told: What it writes to standard error.
    """

    process: subprocess.Popen[str]
    url: str
    told: Path

    def ask(self, *texts: str) -> list[str]:
        """The ids of the answers, over a connection of their own."""
        answer = httpx.post(f"{self.url}/predict", json={"texts": texts}, timeout=30)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["predictions"]]

    def processes(self) -> list[int]:
        """The process and its children."""
        own = self.process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text()
        return [own, *map(int, children.split())]

    def stop(self) -> int:
        """Its exit code when it is told to end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


# A home and options of `classmark serve` -> the server, which is gone when the block ends.
Serving = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CLASSMARK_")}
    return ours | {"CLASSMARK_TRACKING__ENABLED": "false"}


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """A home that no test changes, with one version of the model `shelf` in production."""
    folder = tmp_path_factory.mktemp("shelf")
    papers, home = folder / "papers.jsonl", folder / "home"
    chosen = [d for d in sample_documents() if d.label in LABELS and int(d.id[-2:]) <= 20]
    papers.write_bytes(b"".join(orjson.dumps(asdict(document)) + b"\n" for document in chosen))
    for command in (
        ("prepare", papers, "--name", "papers"),
        ("train", "papers", "--model", "shelf", "--family", "linear"),
        ("promote", "shelf@latest"),
    ):
        arguments = [*CLASSMARK, *map(str, command), "--home", str(home)]
        subprocess.run(arguments, check=True, env=environment, capture_output=True)
    return home


@pytest.fixture
def home(shelf: Path, tmp_path: Path) -> Path:
    """A copy of that home that may be changed."""
    return Path(shutil.copytree(shelf, tmp_path / "home", symlinks=True))


@pytest.fixture(scope="session")
def serving(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Serving:
    @contextmanager
    def begin(home: Path, *options: str) -> Iterator[Server]:
        told = tmp_path_factory.mktemp("server") / "stderr.txt"
        command = [*CLASSMARK, "serve", "--home", str(home), "--port", "0", *options]
        with (
            told.open("w") as stderr,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
            ) as process,
        ):
            try:
                server = Server(process, _announced(process), told)
                _wait_until_ready(server)
                yield server
            finally:
                process.kill()
        assert "Traceback" not in told.read_text()

    return begin


def _announced(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    for line in process.stdout:
        if "/predict" in line:
            return line.split()[-1].removesuffix("/predict")
    raise AssertionError(f"the server ended with {process.wait()}")


def _wait_until_ready(server: Server) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx.get(f"{server.url}/ready").json()["ready"]:
                return
        except httpx.TransportError:
            assert server.process.poll() is None
            time.sleep(0.05)
    raise AssertionError("the server does not come up")
