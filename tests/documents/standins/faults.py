"""What goes wrong on demand, and what was asked."""

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with some requests.

    Attributes:
        service: Which of the three: arxiv, pubmed or semantic-scholar.
        kind: status, cut, slow, empty, malformed, short, garbled, duplicate, totals or
            expired.
        path: How the path ends, where only some of a service's requests are meant.
        on_request: From which such request on, from 1; those before the fault was asked for
            don't count.
        times: How many requests it meets.
        status: What is answered, of the kind status.
        retry_after: The header, of the kind status.
        seconds: How late the answer comes, of the kind slow.
        by: How many more papers there are said to be, of the kind totals.
        body: What is answered, of the kind status.
    """

    service: str
    kind: str
    path: str = ""
    on_request: int = 1
    times: int = 1
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    by: int = 0
    body: str = ""
    seen: int = field(default=0, init=False)

    def meets(self, service: str, path: str) -> bool:
        """Whether it meets this request; called once for each."""
        if service != self.service or not path.endswith(self.path):
            return False
        self.seen += 1
        return self.on_request <= self.seen < self.on_request + self.times


@dataclass(slots=True)
class Asked:
    """One request.

    Attributes:
        at_seconds: When it came, by the machine's monotonic clock.
        beside: How many other requests to the service were being answered then.
        answered: The status; 0 where the connection was cut.
        fault: What went wrong with it on purpose, if anything.
    """

    service: str
    path: str
    parameters: dict[str, str]
    headers: dict[str, str]
    at_seconds: float
    beside: int = 0
    answered: int = -1
    fault: str | None = None


class Book:
    """All requests since the last reset, and the faults that are still to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._faults: list[Fault] = []

    def demand(self, faults: list[Mapping[str, Any]]) -> None:
        """Let these faults happen, and no longer those that were asked for before."""
        with self._lock:
            self._faults = [Fault(**fault) for fault in faults]

    def begin(self, asked: Asked) -> Fault | None:
        """Note a request; what shall go wrong with it."""
        with self._lock:
            asked.beside = sum(
                one.answered == -1 and one.service == asked.service for one in self._asked
            )
            self._asked.append(asked)
            met = [fault for fault in self._faults if fault.meets(asked.service, asked.path)]
            asked.fault = met[0].kind if met else None
            return met[0] if met else None

    def forget(self) -> None:
        """Neither requests nor faults."""
        with self._lock:
            self._asked, self._faults = [], []

    def told(self) -> list[dict[str, Any]]:
        """All requests, in the order in which they came."""
        with self._lock:
            return [asdict(one) for one in self._asked]
