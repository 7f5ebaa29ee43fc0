"""One try of a search: its parameters, and how it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from classmark.models import Value


class TrialState(StrEnum):
    """Where a trial stands.

    `waiting`: its parameters are to be tried. `interrupted`: its process ended before it did, and
    its parameters were put back among those to be tried.
    """

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    PRUNED = "pruned"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a trial ended.

    Attributes:
        state: Any but waiting and running.
        value: What it is worth, where it finished.
        note: Why it did not finish.
    """

    state: TrialState
    value: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """One try.

    Attributes:
        number: In its study, from 0.
        state: Where it stands.
        value: What it is worth, where it finished: higher is better.
        parameters: Those that are searched.
        seconds: That it took; 0 as long as it runs.
        note: Why it did not finish.
    """

    number: int
    state: TrialState
    value: float | None
    parameters: Mapping[str, Value]
    seconds: float = 0.0
    note: str = ""

    @property
    def counts(self) -> bool:
        """Whether it is one of the trials that were asked for; an interrupted one comes again."""
        return self.state not in {TrialState.WAITING, TrialState.INTERRUPTED}


def best_first(trials: Iterable[Trial]) -> list[Trial]:
    """The finished trials, the best first; of equals the earlier."""
    finished = [trial for trial in trials if trial.state is TrialState.FINISHED]
    return sorted(finished, key=lambda trial: (-(trial.value or 0.0), trial.number))


def as_setting(value: Value) -> str:
    """A parameter's value as `--set` takes it."""
    return "none" if value is None else str(value)
