"""The record of training runs: what was set, what was reached when, how it ended.

A tracker never fails a training: whatever it can't keep, it tells as the problem of its link.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from classmark.models import Milestone


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"


@dataclass(frozen=True, slots=True)
class RunStart:
    """What is known before anything is learned.

    Attributes:
        experiment: Runs that belong together: the model's name.
        name: Of this run.
        parameters: All of them, the family's name and the seed among them.
        tags: What else tells where the run comes from.
    """

    experiment: str
    name: str
    parameters: Mapping[str, Any]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What is known when all is done.

    Attributes:
        status: Anything but running.
        metrics: The final figures.
        name: What the run is called from then on; None leaves its name.
        files: Small ones, to be kept with it.
    """

    status: RunStatus
    metrics: Mapping[str, float] = field(default_factory=dict)
    name: str | None = None
    files: Sequence[Path] = ()


@dataclass(frozen=True, slots=True)
class RunLink:
    """Where a run is to be found.

    Attributes:
        uri: Of the store, without name and password.
        run_id: None where the run could not be begun.
        problem: What could not be kept, and why; empty where nothing is missing.
    """

    uri: str
    run_id: str | None
    problem: str = ""


class TrackedRun(ABC):
    """One run that is being recorded; none of its methods raises."""

    @abstractmethod
    def record(self, milestone: Milestone) -> None:
        """Keep what is known after a part of training."""

    @abstractmethod
    def link(self) -> RunLink | None:
        """Where the run is to be found; None where nothing is kept. It may be waited for."""

    @abstractmethod
    def end(self, end: RunEnd) -> None:
        """Keep how it ended; the first end counts."""


class Tracker(ABC):
    """Keeps the record of training runs."""

    @abstractmethod
    def start(self, start: RunStart) -> TrackedRun:
        """A run that begins now. It does not raise, and nothing is waited for."""


@contextmanager
def tracked(tracker: Tracker, start: RunStart) -> Iterator[TrackedRun]:
    """A run that ends with the block: failed by an error, killed by an interruption."""
    run = tracker.start(start)
    try:
        yield run
    except Exception:
        run.end(RunEnd(RunStatus.FAILED))
        raise
    except BaseException:
        run.end(RunEnd(RunStatus.KILLED))
        raise
    run.end(RunEnd(RunStatus.FINISHED))


class Untracked(Tracker):
    """Keeps nothing."""

    def start(self, start: RunStart) -> TrackedRun:
        """A run of which nothing is kept."""
        del start
        return _UntrackedRun()


class _UntrackedRun(TrackedRun):
    def record(self, milestone: Milestone) -> None:
        del milestone

    def link(self) -> RunLink | None:
        return None

    def end(self, end: RunEnd) -> None:
        del end


@dataclass(slots=True)
class RecordedRun:
    """What is kept of a run.

    Attributes:
        run_id: Its own.
        start: As it began.
        name: What it is called.
        status: How it stands.
        milestones: In the order they came.
        metrics: The final ones.
        files: Their content, by name.
    """

    run_id: str
    start: RunStart
    name: str
    status: RunStatus = RunStatus.RUNNING
    milestones: list[Milestone] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class InMemoryTracker(Tracker):
    """Keeps runs as long as it lives.

    Args:
        problem: Keep nothing, and tell this of every run.

    Attributes:
        runs: The first one first.
    """

    def __init__(self, problem: str = "") -> None:
        self.runs: list[RecordedRun] = []
        self._problem = problem

    def start(self, start: RunStart) -> TrackedRun:
        """A run that is kept in `runs`."""
        if self._problem:
            return BrokenRun(RunLink("memory:", None, self._problem))
        self.runs.append(RecordedRun(uuid.uuid4().hex, start, start.name))
        return _RunInMemory(self.runs[-1])


class _RunInMemory(TrackedRun):
    def __init__(self, kept: RecordedRun) -> None:
        self._kept = kept
        self._problem = ""

    def record(self, milestone: Milestone) -> None:
        if self._kept.status is RunStatus.RUNNING:
            self._kept.milestones.append(milestone)

    def link(self) -> RunLink | None:
        return RunLink("memory:", self._kept.run_id, self._problem)

    def end(self, end: RunEnd) -> None:
        if self._kept.status is not RunStatus.RUNNING:
            return
        self._kept.status = end.status
        self._kept.name = end.name or self._kept.name
        self._kept.metrics = dict(end.metrics)
        try:
            self._kept.files = {path.name: path.read_bytes() for path in end.files}
        except OSError as error:
            self._problem = f"a file could not be kept ({error})"


class BrokenRun(TrackedRun):
    """A run that could not be begun.

    Args:
        link: With the problem.
    """

    def __init__(self, link: RunLink) -> None:
        self._link = link

    def record(self, milestone: Milestone) -> None:
        """Nothing."""
        del milestone

    def link(self) -> RunLink | None:
        """Where it should have been, and why it is not there."""
        return self._link

    def end(self, end: RunEnd) -> None:
        """Nothing."""
        del end
