"""A study over a made-up space, and a runner that trains nothing."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.models import Announce, Choices, Range, SearchSpace
from classmark.training import Sampler, SearchRoom, StudyDefinition, TrainingRecipe, TrialState
from classmark.training.tuning.order import Order
from classmark.training.tuning.trial import Ending

SPACE: SearchSpace = {
    "strength": Range(0.1, 10.0, is_log=True),
    "words": Choices((1, 2, 3)),
}
# What a trial is made to do, by its parameters.
Play = Callable[[Mapping[str, str], Announce], Ending]


def worth(parameters: Mapping[str, str], announce: Announce) -> Ending:
    """More words are better."""
    del announce
    return Ending(TrialState.FINISHED, int(parameters["words"]) / 10)


@dataclass
class ScriptedRunner:
    """The in-memory twin of `ProcessRunner`: it does what it is told, and trains nothing.

    Attributes:
        play: What becomes of a trial.
        orders: All that were asked.
        seconds: That a trial takes.
    """

    play: Play = worth
    orders: list[Order] = field(default_factory=list)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, order: Order, scratch: Path, announce: Announce, seconds: float) -> Ending:
        """Play a trial that leaves an artifact."""
        with self._lock:
            self.orders.append(order)
        assert scratch.is_dir()
        if self.seconds > seconds:
            return Ending(TrialState.INTERRUPTED, note="time was up")
        time.sleep(self.seconds)
        Path(order.artifact, "weights").write_text(str(order.parameters), "utf-8")
        return self.play(order.parameters, announce)


Define = Callable[..., StudyDefinition]


@pytest.fixture
def define() -> Define:
    def make(
        sampler: Sampler = Sampler.TPE,
        seed: int = 42,
        name: str = "study",
        space: SearchSpace = SPACE,
    ) -> StudyDefinition:
        recipe = TrainingRecipe("linear", {"max_terms": "100"}, seed)
        return StudyDefinition(name, "papers", "0123456789ab", recipe, space, sampler)

    return make


@pytest.fixture
def runner() -> ScriptedRunner:
    return ScriptedRunner()


@pytest.fixture
def room(database: Database, home: Path, runner: ScriptedRunner) -> SearchRoom:
    return SearchRoom(
        database=database,
        folder=home / "tuning",
        data=home / "data",
        threads=1,
        now=lambda: datetime(2024, 5, 6, tzinfo=UTC),
        runner=runner,
    )
