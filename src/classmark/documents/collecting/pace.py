"""How fast a source may be asked: one rule for all processes of a home, kept through a kill."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from classmark.errors import ConflictError

# Between our clock and the source's lies the way of a request, which is not always as long.
_MARGIN_SECONDS = 0.05
# As which a time is written, so that it covers the one before.
_TIME_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day and how to wait.

    Attributes:
        now: Seconds since 1970.
        sleep: Waits so many seconds.
    """

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep


class Pace:
    """Requests to one source, one at a time and never closer than its rule.

    Args:
        file: In which the time of the last request stands.
        seconds: Between two requests.
        clock: The time.
    """

    def __init__(self, file: IO[bytes], seconds: float, clock: Clock) -> None:
        self._file = file
        self._seconds = seconds + _MARGIN_SECONDS
        self._clock = clock

    def wait(self) -> None:
        """Wait until a request may go out, and note that it does."""
        since = self._clock.now() - self._last()
        # A clock that was set back must not hold us up for longer than the rule.
        if (left := min(self._seconds - since, self._seconds)) > 0:
            self._clock.sleep(left)
        self.note()

    def note(self) -> None:
        """Note that the source is busy with us now."""
        os.pwrite(self._file.fileno(), f"{self._clock.now():0{_TIME_CHARACTERS}.6f}\n".encode(), 0)

    def _last(self) -> float:
        content = os.pread(self._file.fileno(), _TIME_CHARACTERS, 0)
        try:
            return float(content)
        except ValueError:
            return 0.0


@contextmanager
def pace_of(folder: Path, source: str, seconds: float, clock: Clock) -> Iterator[Pace]:
    """The pace of a source; nobody else of this home asks it meanwhile.

    Raises:
        ConflictError: Another process collects from it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f".{source}.pace", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"Another process of this home collects from {source} just now.",
                remedy="Wait until it has ended: a source is asked over one connection.",
            ) from error
        yield Pace(file, seconds, clock)
