"""Requests that come when they come, whether or not those before them are answered.

Usage: PYTHONPATH=. python benchmarks/serving/open_loop.py PLAN RESULT

PLAN is a JSON file: where to ask, what, and how many requests a second for how long. Arrivals are
Poisson's. Each request takes an idle connection or a new one, so that none waits for another's
answer. `overload.py` starts it, as a process of its own that does little else than wait.
"""

import argparse
import asyncio
import json
import random
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self, cast

import uvloop

# After the last request; by then everything is answered or lost.
_SECONDS_TO_END = 10.0
_END_OF_HEADERS = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked.

    Attributes:
        port: On 127.0.0.1.
        path: Of the route.
        bodies: A file with a body in each line; asked in turn.
        timeout_ms: Told to the server with each request.
        stages: Requests a second on average, and for how many seconds.
        seed: Of the arrivals.
    """

    port: int
    path: str
    bodies: str
    timeout_ms: int
    stages: Sequence[tuple[float, float]]
    seed: int = 0

    @classmethod
    def read(cls, file: Path) -> Self:
        """As it was written."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))

    def write(self, file: Path) -> None:
        """For the process that asks."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    def arrivals(self) -> Iterator[float]:
        """Seconds from the start."""
        chance = random.Random(self.seed)
        begin = 0.0
        for rate, seconds in self.stages:
            at = begin + chance.expovariate(rate)
            while at < begin + seconds:
                yield at
                at += chance.expovariate(rate)
            begin += seconds

    def requests(self) -> list[bytes]:
        """As they go over the wire."""
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Timeout-Ms: {self.timeout_ms}\r\nContent-Length: "
        )
        lines = Path(self.bodies).read_bytes().splitlines()
        return [head.encode() + b"%d\r\n\r\n%s" % (len(line), line) for line in lines]


@dataclass(slots=True)
class Asked:
    """One request, in seconds of the system's monotonic clock.

    Attributes:
        due: When it should go out.
        sent: When it did; 0 if it did not.
        done: When the answer was there; 0 if it never was.
        status: Of the answer; 0 without one.
    """

    due: float
    sent: float = 0.0
    done: float = 0.0
    status: int = 0


@dataclass(frozen=True, slots=True)
class Pool:
    """The open connections.

    Attributes:
        idle: The one that was busy last is taken first.
        busy: Their requests are not answered yet.
    """

    idle: "list[Connection]" = field(default_factory=list)
    busy: "set[Connection]" = field(default_factory=set)


class Connection(asyncio.Protocol):
    """Carries one request at a time."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._answer = b""
        self._asked: Asked | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to write."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def ask(self, request: bytes, asked: Asked) -> None:
        """Send a request."""
        assert self._transport is not None
        self._asked, self._answer = asked, b""
        self._pool.busy.add(self)
        asked.sent = time.monotonic()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer once it is whole."""
        self._answer += data
        head, found, body = self._answer.partition(_END_OF_HEADERS)
        if self._asked is None or not found or len(body) < _length(head):
            return
        self._asked.done = time.monotonic()
        self._asked.status = int(head[9:12])
        self._asked = None
        self._pool.busy.discard(self)
        self._pool.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it; its request stays without an answer if it has none."""
        del exc
        self._pool.busy.discard(self)
        if self in self._pool.idle:
            self._pool.idle.remove(self)


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length:")
    return int(rest.split(b"\r\n", 1)[0])


async def _ask(plan: Plan, pool: Pool, request: bytes, asked: Asked) -> None:
    """Ask over a new connection; one that can't be made leaves the request unanswered."""
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            lambda: Connection(pool), "127.0.0.1", plan.port
        )
    except OSError:
        return
    connection.ask(request, asked)


async def ask_all(plan: Plan) -> list[Asked]:
    """Ask by plan, and wait for the answers."""
    requests, pool, all_asked = plan.requests(), Pool(), list[Asked]()
    opening: set[asyncio.Task[None]] = set()
    begin = time.monotonic()
    for number, at in enumerate(plan.arrivals()):
        asked = Asked(begin + at)
        all_asked.append(asked)
        # Also where it is late: answers must be read meanwhile.
        await asyncio.sleep(max(0.0, asked.due - time.monotonic()))
        request = requests[number % len(requests)]
        if pool.idle:
            pool.idle.pop().ask(request, asked)
        else:
            task = asyncio.ensure_future(_ask(plan, pool, request, asked))
            opening.add(task)
            task.add_done_callback(opening.discard)
    end = time.monotonic() + _SECONDS_TO_END
    while (opening or pool.busy) and time.monotonic() < end:  # noqa: ASYNC110 (nobody waits for us)
        await asyncio.sleep(0.1)
    return all_asked


def main() -> None:
    """Ask, and write down what came of each request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    parser.add_argument("result", type=Path)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found = uvloop.run(ask_all(Plan.read(given.plan)))
    rows = [(one.due, one.sent, one.done, one.status) for one in found]
    given.result.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
