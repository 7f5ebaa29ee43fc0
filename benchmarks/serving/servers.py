"""A server as a benchmark sees it: started, asked, watched, and stopped with all its processes."""

import http.client
import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import STDOUT, Popen
from typing import Any

# Processes are known by it, as some servers' own leave their parents.
_MARK = "SERVING_BENCHMARK"
# Nobody tells their makers, asks a hub or looks for a GPU.
_QUIET = {
    "ANONYMIZED_TELEMETRY": "0",
    "BENTOML_DO_NOT_TRACK": "True",
    "CUDA_VISIBLE_DEVICES": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TRANSFORMERS_OFFLINE": "1",
}
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS = 300.0
_SECONDS_BETWEEN_LOOKS = 0.02
_SECONDS_BETWEEN_WEIGHINGS = 1.0
_SECONDS_TO_END = 20.0


class ServerError(Exception):
    """A server does not come up, or answers wrongly; the message says how."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a server is asked, and where the label stands in its answer.

    Attributes:
        path: Of the route.
        body: Of a request for one text.
        label: In the answer, read as JSON.
    """

    path: str
    body: Callable[[str], Any]
    label: Callable[[Any], str]

    def encoded(self, text: str) -> bytes:
        """The body that is sent."""
        return json.dumps(self.body(text)).encode()


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts a server.

    Attributes:
        command: With its port.
        dialect: How it is asked.
        environment: Added to that of this process.
    """

    command: Sequence[str]
    dialect: Dialect
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers.

    Attributes:
        port: On 127.0.0.1.
        dialect: How it is asked.
        mark: Its processes have it in their environment.
        cold_start_seconds: From the start of its process to its first right answer.
    """

    port: int
    dialect: Dialect
    mark: str
    cold_start_seconds: float

    def processes(self) -> list[int]:
        """All of them, wherever they belong."""
        return _marked(self.mark)

    def cpu_seconds(self) -> float:
        """That its processes, as they are now, have used."""
        return sum(map(cpu_seconds, self.processes()))

    def labels(self, texts: Sequence[str]) -> list[str]:
        """Its answers, asked one after the other."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            return [asked(connection, self.dialect, text) for text in texts]
        finally:
            connection.close()


class Scales(threading.Thread):
    """Weighs a server's processes from time to time and keeps the heaviest."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._is_over = threading.Event()
        self.peak_bytes = 0

    def run(self) -> None:
        """Until it is over, and once more then."""
        is_over = False
        while not is_over:
            is_over = self._is_over.wait(_SECONDS_BETWEEN_WEIGHINGS)
            weight = sum(map(_proportional_bytes, self._server.processes()))
            self.peak_bytes = max(self.peak_bytes, weight)

    def stop(self) -> int:
        """The largest weight in bytes: memory that processes share is counted once (PSS)."""
        self._is_over.set()
        self.join()
        return self.peak_bytes


def asked(connection: http.client.HTTPConnection, dialect: Dialect, text: str) -> str:
    """The label of a text.

    Raises:
        ServerError: The answer is not 200, or not what this server answers.
    """
    headers = {"Content-Type": "application/json"}
    connection.request("POST", dialect.path, dialect.encoded(text), headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise ServerError(f"{response.status}: {content[:200]!r}")
    try:
        return dialect.label(json.loads(content))
    except (ValueError, LookupError, TypeError) as error:
        raise ServerError(f"{error!r} of {content[:200]!r}") from error


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(launch: Launch, known: tuple[str, str], port: int, log: Path) -> Iterator[Server]:
    """A server that has answered a known text rightly, until the block ends.

    Args:
        launch: What starts it.
        known: A text and its label.
        port: That its command names.
        log: What it says is written there.

    Raises:
        ServerError: It does not come up, with the end of its log.
    """
    mark = uuid.uuid4().hex
    environment = {**os.environ, **_QUIET, **launch.environment, _MARK: mark}
    began = time.perf_counter()
    with log.open("wb") as told:
        process = Popen(
            launch.command, env=environment, stdout=told, stderr=STDOUT, start_new_session=True
        )
    try:
        _wait_for_answer(process, launch.dialect, port, known)
        yield Server(port, launch.dialect, mark, time.perf_counter() - began)
    except ServerError as error:
        said = log.read_text(errors="replace").strip()[-500:]
        raise ServerError(f"{error}; its log ends: {said}") from error
    finally:
        _end(process, mark)


def _wait_for_answer(
    process: Popen[bytes], dialect: Dialect, port: int, known: tuple[str, str]
) -> None:
    text, label = known
    end = time.perf_counter() + _PATIENCE_SECONDS
    told = "nobody listens"
    while time.perf_counter() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            found = asked(connection, dialect, text)
        except (OSError, http.client.HTTPException, ServerError) as error:
            told = str(error) or repr(error)
        else:
            if found == label:
                return
            told = f"it says {found!r} where {label!r} is right"
        finally:
            connection.close()
        if process.poll() is not None:
            raise ServerError(f"it ended with {process.returncode}")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    raise ServerError(f"no right answer in {_PATIENCE_SECONDS:.0f} s: {told}")


def _end(process: Popen[bytes], mark: str) -> None:
    """Stop a server; what is left after a while of its processes is killed."""
    process.terminate()
    end = time.monotonic() + _SECONDS_TO_END
    while time.monotonic() < end and _marked(mark):
        process.poll()
        time.sleep(0.1)
    for one in _marked(mark):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def _marked(mark: str) -> list[int]:
    wanted = f"{_MARK}={mark}".encode()
    return [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and wanted in _read(folder / "environ").split(b"\0")
    ]


def _proportional_bytes(process: int) -> int:
    lines = _read(Path(f"/proc/{process}/smaps_rollup")).splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(b"Pss:"))


def cpu_seconds(process: int) -> float:
    """That a process and those that it has waited for have used; 0 of one that has ended."""
    _, _, rest = _read(Path(f"/proc/{process}/stat")).rpartition(b")")
    return sum(map(int, rest.split()[11:15])) / _TICKS_A_SECOND


def _read(file: Path) -> bytes:
    """The content; none of a process that has ended or is somebody else's."""
    try:
        return file.read_bytes()
    except OSError:
        return b""
