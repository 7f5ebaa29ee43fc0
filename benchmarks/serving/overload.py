"""More requests than classmark's server can answer: what does it do, and when is it itself again?

Usage: PYTHONPATH=. python benchmarks/serving/overload.py [--seconds 20] [--times 1 2 5 10]
    [--timeout-ms 1000] [--calm-seconds 10] [--data FILE] [--keep FOLDER]

Needs wrk (`apt-get install wrk`). FILE and FOLDER are as in `compare.py`. Its cache, where it has
one, is off. wrk measures first how many requests a second it answers over 32 connections. Then, for
each number of times, requests come at random (Poisson) whether or not others are answered: half of
that rate, so many times that rate, half of it again. Each carries `X-Timeout-Ms`, and its time
counts from when it was due, so that a late client hides nothing. `/health` is asked every 50 ms all
the while over a connection of its own, and its time counts from when it was due as well.

Told of the seconds of load: good answers a second (200, within the time), p50 and p99 of all 200s,
shares of each status (0 is none at all), how soon 429 and 503 came and how soon 504, the time of
`/health`, the shares of all cores that server and client took, and p99 of how late requests went
out. Recovered: seconds from the end of the load to the first of 20 requests in a row that are all
answered with 200, half of them in no more than twice the median before. Client and server have the
same priority, and the client takes its share of the same cores.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from benchmarks.serving.artifacts import Artifacts
from benchmarks.serving.compare import news
from benchmarks.serving.lineup import ENTRANTS
from benchmarks.serving.load import burst, check_wrk
from benchmarks.serving.open_loop import Asked, Plan
from benchmarks.serving.servers import Server, cpu_seconds, free_port, running

_CONNECTIONS = 32
_WARM_UP_SECONDS = 2.0
_SECONDS_BETWEEN_PROBES = 0.05
_IN_A_ROW = 20
_CLIENT = Path(__file__).with_name("open_loop.py")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment.

    Attributes:
        due: When `/health` should be asked, on the system's monotonic clock.
        seconds: Until it answered; infinite if it did not.
        server_cpu: Seconds that the server had used.
        client_cpu: That the client had.
    """

    due: float
    seconds: float
    server_cpu: float
    client_cpu: float


class Watch(threading.Thread):
    """Asks `/health` every 50 ms, and notes who used the cores."""

    def __init__(self, server: Server, client: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._processes = server.processes()
        self._client = client
        self.is_over = threading.Event()
        self.looks: list[Look] = []

    def run(self) -> None:
        """Until it is over."""
        due = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=10)
        while not self.is_over.wait(max(0.0, due - time.monotonic())):
            is_well = _is_healthy(connection)
            taken = time.monotonic() - due if is_well else float("inf")
            used = sum(map(cpu_seconds, self._processes))
            self.looks.append(Look(due, taken, used, cpu_seconds(self._client)))
            due += _SECONDS_BETWEEN_PROBES
        connection.close()


def _is_healthy(connection: http.client.HTTPConnection) -> bool:
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return False
    return response.status == 200


@dataclass(frozen=True, slots=True)
class Ordeal:
    """All that was seen of one overload.

    Attributes:
        asked: Every request, in the order in which they were due.
        looks: What the watch saw.
        begin: Of the load, on the system's monotonic clock.
        end: Of the load.
    """

    asked: Sequence[Asked]
    looks: Sequence[Look]
    begin: float
    end: float

    def figures(self, timeout_seconds: float) -> dict[str, str]:
        """Of the seconds of load, and of what came after; a cell for each column."""
        seconds = self.end - self.begin
        loaded = [one for one in self.asked if self.begin <= one.due < self.end]
        accepted = _times(loaded, {200})
        good = sum(one <= timeout_seconds for one in accepted)
        looks = [one for one in self.looks if self.begin <= one.due < self.end]
        server, client = (self._share(looks, who) for who in ("server_cpu", "client_cpu"))
        late = [one.sent - one.due for one in loaded if one.sent]
        return {
            "asked a second": f"{len(loaded) / seconds:.0f}",
            "good a second": f"{good / seconds:.1f}",
            "200: p50 / p99 ms": _spread(accepted),
            "shares by status": _shares(loaded),
            "429 and 503: p50 / p99 ms": _spread(_times(loaded, {429, 503})),
            "504: p50 / p99 ms": _spread(_times(loaded, {504})),
            "/health: p50 / p99 ms": _spread([one.seconds for one in looks]),
            "cores: server, client": f"{server:.2f}, {client:.2f}",
            "sent late, p99 ms": f"{1000 * percentile(late, 0.99):.0f}",
            "recovered s": self.recovered(),
        }

    def recovered(self) -> str:
        """How long after the load the server answers as before it."""
        before = _times([one for one in self.asked if one.due < self.begin], {200})
        calm = statistics.median(before) if before else 0.0
        after = [one for one in self.asked if one.due >= self.end]
        for start in range(len(after) - _IN_A_ROW + 1):
            row = after[start : start + _IN_A_ROW]
            times = _times(row, {200})
            if len(times) == _IN_A_ROW and statistics.median(times) <= 2 * calm:
                return f"{row[0].due - self.end:.2f}"
        return "never"

    @staticmethod
    def _share(looks: Sequence[Look], who: str) -> float:
        used: float = getattr(looks[-1], who) - getattr(looks[0], who)
        return used / (looks[-1].due - looks[0].due) / len(os.sched_getaffinity(0))


def _times(asked: Sequence[Asked], statuses: set[int]) -> list[float]:
    return [one.done - one.due for one in asked if one.status in statuses]


def _shares(asked: Sequence[Asked]) -> str:
    counts = sorted(Counter(one.status for one in asked).items())
    return ", ".join(f"{status}: {count / len(asked):.3f}" for status, count in counts)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return " / ".join(f"{1000 * percentile(seconds, share):.0f}" for share in (0.5, 0.99))


def percentile(values: Sequence[float], share: float) -> float:
    """By nearest rank."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def suffered(server: Server, plan: Plan, folder: Path) -> Ordeal:
    """Let a plan of three stages come over a server."""
    told, result = folder / "plan.json", folder / "asked.json"
    plan.write(told)
    client = subprocess.Popen([sys.executable, str(_CLIENT), str(told), str(result)])
    watch = Watch(server, client.pid)
    watch.start()
    try:
        if client.wait():
            raise SystemExit(f"the client ended with {client.returncode}")
    finally:
        client.kill()
        watch.is_over.set()
        watch.join()
    asked = [Asked(*row) for row in json.loads(result.read_text(encoding="utf-8"))]
    # The first request is due at its first random time.
    begin = asked[0].due - next(plan.arrivals()) + plan.stages[0][1]
    return Ordeal(asked, watch.looks, begin, begin + plan.stages[1][1])


def ordeals(given: argparse.Namespace, artifacts: Artifacts) -> Iterator[Mapping[str, str]]:
    """The figures of each number of times, all of one server."""
    port = free_port()
    launch = ENTRANTS["classmark"].launch(artifacts, port)
    bodies = artifacts.bodies("overload", launch.dialect.encoded)
    known = (artifacts.texts[0], artifacts.classifier().classify(artifacts.texts[0]).label)
    with running(launch, known, port, bodies.with_suffix(".log")) as server:
        calm = (_capacity(given, server, bodies) / 2, given.calm_seconds)
        for times in given.times:
            stages = (calm, (2 * times * calm[0], given.seconds), calm)
            plan = Plan(port, launch.dialect.path, str(bodies), given.timeout_ms, stages)
            figures = suffered(server, plan, artifacts.folder).figures(given.timeout_ms / 1000)
            yield {"times": f"{times:g}", **figures}


def _capacity(given: argparse.Namespace, server: Server, bodies: Path) -> float:
    burst(server, bodies, _CONNECTIONS, _WARM_UP_SECONDS)
    found = burst(server, bodies, _CONNECTIONS, given.seconds)
    print(f"{found.a_second:.1f} requests a second over {_CONNECTIONS} connections", flush=True)
    return found.a_second


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--calm-seconds", type=float, default=10)
    parser.add_argument("--times", type=float, nargs="+", default=[1, 2, 5, 10])
    parser.add_argument("--timeout-ms", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=news())
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def main() -> None:
    """Print a row of figures for each number of times."""
    given = parsed()
    check_wrk()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    place = nullcontext(given.keep) if given.keep else tempfile.TemporaryDirectory()
    with place as folder:
        artifacts = Artifacts.made(Path(folder).absolute(), given.data)
        for number, figures in enumerate(ordeals(given, artifacts)):
            if not number:
                print(f"\n| {' | '.join(figures)} |\n|{'---|' * len(figures)}")
            print(f"| {' | '.join(figures.values())} |", flush=True)


if __name__ == "__main__":
    main()
