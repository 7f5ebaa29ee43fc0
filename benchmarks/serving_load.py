"""A server under load, for the scripts beside this one: `classmark serve` and clients that ask.

A client tells apart what is known of a request: answered with 200, answered otherwise, or broken
off before a byte of an answer came. Whether the server had accepted one of the last kind, the log
tells: every text is asked once only.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from sqlalchemy import create_engine, text

CLASSMARK = [sys.executable, "-m", "classmark"]


def make_home(home: Path, family: str) -> None:
    """A home with one version of a model in production."""
    source = home / "samples.jsonl"
    source.parent.mkdir(parents=True, exist_ok=True)
    code = (
        "import json; from classmark.documents import sample_documents as s\n"
        "for d in s(): print(json.dumps({'id': d.id, 'text': d.text, 'label': d.label}))"
    )
    source.write_bytes(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )
    for command in (
        ["prepare", str(source), "--name", "samples"],
        ["train", "samples", "--model", "m", "--family", family],
        ["promote", "m@latest"],
    ):
        subprocess.run([*CLASSMARK, *command, "--home", str(home)], check=True, capture_output=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_server(home: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """A server that answers."""
    command = [*CLASSMARK, "serve", "--home", str(home), "--port", str(port), "--no-ui", *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return server
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not come up")


@dataclass(slots=True)
class Heard:
    """What one client was told.

    Attributes:
        answered: The ids of predictions that were answered with 200.
        refused: How often which other status came.
        cut_short: Texts of requests whose answer began and did not end.
        unanswered: Texts of requests of which not a byte of an answer came.
        times: When each answer with 200 came, and how many seconds it took.
    """

    answered: list[str] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)
    cut_short: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    times: list[tuple[float, float]] = field(default_factory=list)


class Client(threading.Thread):
    """Asks as fast as answers come, over one connection, until that breaks or it is over."""

    def __init__(self, port: int, name: str, pause_seconds: float = 0.0) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._prefix = name
        self._pause_seconds = pause_seconds
        self.is_over = threading.Event()
        self.heard = Heard()

    def run(self) -> None:
        """Ask."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.connect()
            number = 0
            while not self.is_over.is_set() and self._ask(connection, number):
                number += 1
                time.sleep(self._pause_seconds)
        except OSError:
            return
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> bool:
        """Whether the connection holds."""
        asked = [f"{self._prefix} asks {number} {part}" for part in range(number % 4 + 1)]
        body = json.dumps({"texts": asked})
        began = time.monotonic()
        response = None
        try:
            connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            (self.heard.unanswered if response is None else self.heard.cut_short).extend(asked)
            return False
        if response.status == 200:
            self.heard.answered += [one["id"] for one in json.loads(content)["predictions"]]
            self.heard.times.append((time.monotonic(), time.monotonic() - began))
        else:
            self.heard.refused[response.status] += 1
        return not response.will_close


def begun(port: int, name: str, count: int, pause_seconds: float = 0.0) -> list[Client]:
    """So many clients, asking."""
    clients = [Client(port, f"{name} client {number}", pause_seconds) for number in range(count)]
    for client in clients:
        client.start()
    return clients


def ended(clients: Sequence[Client]) -> list[Heard]:
    """What clients were told, once each of them has its last answer."""
    for client in clients:
        client.is_over.set()
    for client in clients:
        client.join()
    return [client.heard for client in clients]


def counted(heard: Sequence[Heard], database_url: str) -> dict[str, int]:
    """Each prediction that was answered against the log; all but the first two should be 0.

    A request without an answer that is in the log was accepted, and so it failed in flight.
    """
    with create_engine(database_url).connect() as connection:
        rows = connection.execute(text("SELECT id, text FROM predictions")).all()
    logged, texts = Counter(row.id for row in rows), Counter(row.text for row in rows)
    answered = [one for client in heard for one in client.answered]
    return {
        "answered_with_200": len(answered),
        "logged": len(rows),
        "lost": sum(logged[one] == 0 for one in answered),
        "doubled": sum(count > 1 for count in texts.values()),
        "refused": sum(sum(client.refused.values()) for client in heard),
        "cut_short": sum(len(client.cut_short) for client in heard),
        "accepted_and_unanswered": sum(
            one in texts for client in heard for one in client.unanswered
        ),
        "not_accepted": sum(one not in texts for client in heard for one in client.unanswered),
    }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest, by nearest rank."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[ceil(share * len(ordered)) - 1], 4) for name, share in shares.items()
    }
