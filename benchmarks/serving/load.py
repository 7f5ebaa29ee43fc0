"""Load on a server: by wrk over HTTP and, as a yardstick, on the classifier in this process."""

import json
import math
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from benchmarks.serving.servers import Server

from classmark.models import Classifier

_SCRIPT = Path(__file__).with_name("requests.lua")
# wrk takes what lasts longer for a failure.
_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of some seconds of load.

    Attributes:
        requests: Answered.
        seconds: It took.
        p50_ms: Half of the answers took no longer.
        p95_ms: 95 of 100.
        p99_ms: 99 of 100.
        refused: Answers with another status than 2xx or 3xx.
        broken: Connections that failed, and requests without an answer in 30 s.
    """

    requests: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    refused: int
    broken: int

    @property
    def a_second(self) -> float:
        """Requests that were answered well."""
        return (self.requests - self.refused) / self.seconds

    @property
    def failures(self) -> int:
        """All that was not answered well."""
        return self.refused + self.broken


def check_wrk() -> None:
    """Let it pass where wrk is installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is not installed: apt-get install wrk")


def burst(server: Server, bodies: Path, connections: int, seconds: float) -> Burst:
    """Ask over so many connections, each of them as soon as it has its answer.

    Args:
        server: Asked.
        bodies: A file with a request's body in each line.
        connections: At once, kept open.
        seconds: Rounded up to whole ones.
    """
    threads = min(2, connections)
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{math.ceil(seconds)}s"]
    command += [f"--timeout={_PATIENCE_SECONDS}s", "--script", str(_SCRIPT)]
    command += [f"http://127.0.0.1:{server.port}", "--", str(bodies), server.dialect.path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Burst(**json.loads(done.stdout.strip().rpartition("\n")[2]))


def in_process(classifier: Classifier, texts: Sequence[str], seconds: float) -> float:
    """Texts a second of a classifier without a server, called by a thread on each core."""
    end = time.perf_counter() + seconds
    numbers = count()

    def work() -> None:
        while time.perf_counter() < end:
            classifier.classify(texts[next(numbers) % len(texts)])

    began = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in os.sched_getaffinity(0)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return next(numbers) / (time.perf_counter() - began)
