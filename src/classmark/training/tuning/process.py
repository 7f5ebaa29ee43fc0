"""A trial in a process of its own, so that all its memory is free when it ends."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from classmark.errors import (
    MissingExtraError,
    SettingError,
    SourceError,
    UnknownDatasetError,
)
from classmark.models import Announce
from classmark.training.tuning.order import Order, lacks_memory, parsed_milestone
from classmark.training.tuning.trial import Ending, TrialState

_PROGRAM = (sys.executable, "-P", "-m", "classmark.training.tuning")
# What the next trial may well meet again.
_REFUSALS = (SettingError, SourceError, UnknownDatasetError)
_TOLD_BYTES = 4000


@dataclass(frozen=True, slots=True)
class ProcessRunner:
    """What runs trials.

    Attributes:
        memory_bytes: Of address space that a trial may take; None sets no limit.
        program: What is started; it keeps the protocol of `classmark.training.tuning`.
    """

    memory_bytes: int | None = None
    program: Sequence[str] = _PROGRAM

    def run(self, order: Order, scratch: Path, announce: Announce, seconds: float) -> Ending:
        """Train and measure in a new process.

        Args:
            order: What to train.
            scratch: A folder for temporary files and what the process says.
            announce: Hears every milestone, and may raise to end the process.
            seconds: After which the process is ended.

        Returns:
            How it went: finished with its value, pruned for want of memory, failed, or interrupted
            because time was up.

        Raises:
            SettingError: No trial like this one can be trained.
            SourceError: The dataset is damaged.
            UnknownDatasetError: The dataset is gone.
            MissingExtraError: What the family needs is not installed.
        """
        said = scratch / "said.txt"
        told: dict[str, Any] = {}
        limited = replace(order, memory_bytes=self.memory_bytes)
        with self._started(limited, scratch, said) as process, _alarm(process, seconds) as rung:
            for line in process.stdout or ():
                # The last one is cut off where the process was killed while it told it.
                told = orjson.loads(line) if line.endswith(b"\n") else {}
                if "milestone" in told:
                    announce(parsed_milestone(told["milestone"]))
            status = _ended(process)
        if "value" in told:
            return Ending(TrialState.FINISHED, told["value"])
        if rung.is_set():
            return Ending(TrialState.INTERRUPTED, note="time was up")
        return _ending(told) if "error" in told else _death(status, said)

    @contextmanager
    def _started(
        self, order: Order, scratch: Path, said: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The process; whatever ends the block ends it too, with all that it started."""
        with said.open("wb") as stderr:
            process = subprocess.Popen(
                self.program,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=os.environ | {"TMPDIR": str(scratch)},
                # Ctrl+C is ours to hear, and all of the group can be killed at once.
                start_new_session=True,
            )
        try:
            _ask(process, order)
            yield process
        finally:
            _kill(process)
            process.wait()
            _close(process)


def _ask(process: subprocess.Popen[bytes], order: Order) -> None:
    """Hand over the order; standard input stays open as long as the answer is waited for."""
    if process.stdin is not None:
        # One that died already can't read; how it died is told by its exit status.
        with suppress(BrokenPipeError):
            process.stdin.write(order.line())
            process.stdin.flush()


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


@contextmanager
def _alarm(process: subprocess.Popen[bytes], seconds: float) -> Iterator[threading.Event]:
    """An event that is set when the process was killed because its seconds had passed."""
    rung = threading.Event()

    def ring() -> None:
        rung.set()
        _kill(process)

    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), ring)
    timer.daemon = True
    timer.start()
    try:
        yield rung
    finally:
        timer.cancel()


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process that is about to end; what it started ends with it."""
    # Until it is waited for, its number can't become another process's.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    _kill(process)
    return process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was not waited for yet, and those that it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _ending(told: dict[str, Any]) -> Ending:
    """The ending of a trial that told its error."""
    if told["lacks_memory"]:
        return Ending(TrialState.PRUNED, note=f"out of memory: {told['message']}")
    if told["error"] == MissingExtraError.__name__:
        raise MissingExtraError("Training", extra="train")
    for kind in _REFUSALS:
        if told["error"] == kind.__name__:
            raise kind(told["message"], remedy=told["remedy"])
    return Ending(TrialState.FAILED, note=told["message"])


def _death(status: int, said: Path) -> Ending:
    """The ending of a trial that could not tell."""
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _TOLD_BYTES))
        words = file.read().decode(errors="replace").strip()
    last = words.rpartition("\n")[2] or f"exit status {status}"
    if status == -signal.SIGKILL:
        return Ending(TrialState.PRUNED, note="killed, as the system does when memory runs out")
    if lacks_memory(words):
        return Ending(TrialState.PRUNED, note=f"out of memory: {last}")
    return Ending(TrialState.FAILED, note=f"its process ended: {last}")
