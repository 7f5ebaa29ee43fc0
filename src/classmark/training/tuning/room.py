"""Where a search works, and how it begins."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from classmark.database import Database
from classmark.errors import MissingExtraError
from classmark.models import Announce
from classmark.training.tuning.definition import Limits, StudyDefinition
from classmark.training.tuning.order import Order
from classmark.training.tuning.process import ProcessRunner
from classmark.training.tuning.result import TuningResult
from classmark.training.tuning.trial import Ending, Trial


class Runner(Protocol):
    """What trains and measures one trial."""

    def run(self, order: Order, scratch: Path, announce: Announce, seconds: float) -> Ending:
        """How it ended: see `ProcessRunner.run`."""
        ...


def _unheard(_: Trial) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class SearchRoom:
    """Where a search works, with what, and who watches.

    Attributes:
        database: Of all studies.
        folder: Of all studies' artifacts.
        data: The folder of all datasets.
        threads: Texts that are computed at once in measuring.
        now: The clock.
        runner: What runs trials.
        heard: Hears of each trial that ended here.
    """

    database: Database
    folder: Path
    data: Path
    threads: int
    now: Callable[[], datetime]
    runner: Runner = field(default_factory=ProcessRunner)
    heard: Callable[[Trial], None] = _unheard


def tune(definition: StudyDefinition, limits: Limits, room: SearchRoom) -> TuningResult:
    """Search for the best parameters, and write down what was found.

    The same definition goes on where it was stopped, and several processes with it share the work.

    Raises:
        SettingError: No trial like these can be trained, or the grid is too large.
        ConflictError: The study is there and searches something else.
        SourceError: The dataset is damaged.
        UnknownDatasetError: The dataset is gone.
        MissingExtraError: What searching or training needs is not installed.
    """
    try:
        from classmark.training.tuning.search import search  # noqa: PLC0415 (extra)
    except ModuleNotFoundError as error:
        raise MissingExtraError("Searching parameters", extra="train") from error
    return search(definition, limits, room)
