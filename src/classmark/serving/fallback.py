"""What answers where the live version can't be loaded: the one that was live before it, loudly."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from classmark.errors import ClassmarkError, DatabaseUnavailableError
from classmark.registry import RegisteredVersion, Registry, earlier_live
from classmark.wording import one_line

logger = logging.getLogger(__name__)

# How long a start waits for the history to take the event; it goes on being written meanwhile.
_NOTED_SECONDS = 5.0
_SHOWN_CHARACTERS = 500

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Fallback:
    """That another version answers in place of the live one.

    Attributes:
        wanted: The version that should answer.
        why: Why it does not, and each other that was tried; no paths of this machine.
    """

    wanted: str
    why: str


@dataclass(frozen=True, slots=True)
class _Failure:
    version: RegisteredVersion
    error: ClassmarkError

    def told(self) -> str:
        """What is wrong with the version, in one line that anybody may read."""
        models, text = self.version.folder.parent, self.error.message
        for path in (models, models.resolve()):
            text = text.replace(f"{path}/", "")
        return one_line(text)[:_SHOWN_CHARACTERS]


def fallback_for(wanted: RegisteredVersion, error: ClassmarkError) -> Fallback:
    """That another version answers in place of one that can't be loaded."""
    return Fallback(str(wanted.version), _Failure(wanted, error).told())


def load_or_fall_back(
    registry: Registry, wanted: RegisteredVersion, load: Callable[[RegisteredVersion], Loaded]
) -> tuple[Loaded, Fallback | None]:
    """What `load` gives of the live version, else of the first that was live before and loads.

    Each version is tried once.

    Args:
        registry: Where the history tells what was live before.
        wanted: The version in production.
        load: Gives what a version loads as.

    Returns:
        What was loaded, and what it stands in for; None where it is the live version itself.

    Raises:
        ClassmarkError: Nothing can be loaded: the live version's error, with the reasons of all.
    """
    failures: list[_Failure] = []
    for version in _in_turn(registry, wanted):
        try:
            return load(version), _fallback(failures)
        except DatabaseUnavailableError:
            # No fault of the version: another one would not be found either.
            raise
        except ClassmarkError as error:
            failures.append(_Failure(version, error))
    first = failures[0].error
    if len(failures) > 1:
        tried = " ".join(failure.told() for failure in failures[1:])
        first.message = f"{first.message} No version that was live before can be loaded: {tried}"
    raise first


def tell_fallback(registry: Registry, answering: RegisteredVersion, fallback: Fallback) -> None:
    """Log that an earlier version answers, and let the history tell.

    A history that can't be written, or not soon, keeps nobody from serving.
    """
    log_fallback(answering, fallback)
    reason = f"{fallback.wanted} can't be loaded: {fallback.why}"
    noting = threading.Thread(target=_note, args=(registry, answering, reason), daemon=True)
    noting.start()
    noting.join(_NOTED_SECONDS)
    if noting.is_alive():
        logger.warning("The history of %s does not take the event yet", answering.model)


def log_fallback(
    answering: RegisteredVersion, fallback: Fallback, cause: Exception | None = None
) -> None:
    """Log that another version answers, and the trace of a cause that nobody foresaw."""
    logger.error(
        "%s_%s is in production and can't be loaded: %s answers in its place. %s",
        answering.model,
        fallback.wanted,
        answering.name,
        fallback.why,
        exc_info=cause,
    )


def _note(registry: Registry, answering: RegisteredVersion, reason: str) -> None:
    try:
        registry.note_fallback(answering, reason)
    except (ClassmarkError, OSError) as error:
        logger.warning("The history does not tell of the fallback: %s", error)
    except Exception:
        logger.exception("The history does not tell of the fallback")


def _in_turn(registry: Registry, wanted: RegisteredVersion) -> Iterator[RegisteredVersion]:
    """The live version, and only if that fails what the history knows before it."""
    yield wanted
    model = wanted.model
    yield from earlier_live(registry.versions(model), registry.history(model))


def _fallback(failures: Sequence[_Failure]) -> Fallback | None:
    if not failures:
        return None
    why = " ".join(failure.told() for failure in failures)
    return Fallback(str(failures[0].version.version), why)
