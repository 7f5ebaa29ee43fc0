"""Which version should answer next: a pure rule over what is loaded, live and was refused."""

from dataclasses import dataclass
from enum import Enum, auto

# Between two tries to load a version that could not be loaded; each pause is twice the last one.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


class Step(Enum):
    """What to do next.

    Attributes:
        KEEP: Nothing; what answers is live, or nothing is.
        SWAP: Let the other version that is loaded answer.
        LOAD: Load the live version beside the one that answers.
        WAIT: Nothing yet; the live version could not be loaded a moment ago.
    """

    KEEP = auto()
    SWAP = auto()
    LOAD = auto()
    WAIT = auto()


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells one version from all others of its model, down to its bytes.

    Attributes:
        version: As `v1.2.0`.
        digest: SHA-256 of its manifest.
    """

    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in memory.

    Attributes:
        served: What answers.
        kept: The other one, if there is one.
    """

    served: Mark
    kept: Mark | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a version could not be loaded.

    Attributes:
        mark: Which one.
        at_seconds: When it was tried last, on a clock that only goes forward.
        pause_seconds: How long it is left alone from then on.
    """

    mark: Mark
    at_seconds: float
    pause_seconds: float


def next_step(
    loaded: Loaded, live: Mark | None, refusal: Refusal | None, now_seconds: float
) -> Step:
    """What follows from what is live."""
    if live is None or live == loaded.served:
        return Step.KEEP
    if live == loaded.kept:
        return Step.SWAP
    if refusal is None or refusal.mark != live:
        return Step.LOAD
    is_over = now_seconds - refusal.at_seconds >= refusal.pause_seconds
    return Step.LOAD if is_over else Step.WAIT


def refused(mark: Mark, before: Refusal | None, now_seconds: float) -> Refusal:
    """What is remembered of a version that was just tried in vain.

    Args:
        mark: The version.
        before: What was remembered until now.
        now_seconds: The time.
    """
    if before is None or before.mark != mark:
        return Refusal(mark, now_seconds, FIRST_PAUSE_SECONDS)
    pause = min(2 * before.pause_seconds, LONGEST_PAUSE_SECONDS)
    return Refusal(mark, now_seconds, pause)


def refused_at_start(mark: Mark, now_seconds: float) -> Refusal:
    """What is remembered of a version that another one stands in for from the start on.

    It may have ended the process that loaded it, so that it is left alone as long as may be.
    """
    return Refusal(mark, now_seconds, LONGEST_PAUSE_SECONDS)
