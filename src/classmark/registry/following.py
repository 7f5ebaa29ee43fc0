"""Places elsewhere that follow what is live here: a storage of versions, another registry."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from classmark.errors import ClassmarkError, UnavailableError
from classmark.registry.records import RegisteredVersion
from classmark.registry.version import ModelReference, Version

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model's versions after its last change, all of one moment.

    Attributes:
        model: The model's name.
        versions: Those that are there, the oldest first; of others than the live one nobody is
            told how they were made.
        live: The one in production, if any.
        deleted: The numbers of those that were deleted and are not there again.
        sequence: The number of the last event: of two states the one with the higher is newer.
        history: The digest of the first event: it tells one registry's history from another's.
        deleted_digests: SHA-256 of the manifests of those among `deleted` that were made here: what
            was brought from elsewhere is not ours to remove there.
        event: The digest of the last event: two histories that begin alike may go on otherwise.
    """

    model: str
    versions: tuple[RegisteredVersion, ...]
    live: RegisteredVersion | None
    deleted: tuple[Version, ...]
    sequence: int
    history: str = ""
    deleted_digests: frozenset[str] = frozenset()
    event: str = ""


# A model's name -> its state as it is when it is asked for.
Look = Callable[[str], ModelState]


class Follower(Protocol):
    """A place that follows a registry.

    To follow is to make the place as a state says, whatever it was before: what was missed while
    it was away is made up for by the next state. A state may come late, after a newer one: it is
    refused, or nothing happens.
    """

    name: str

    def prepare(self, version: RegisteredVersion) -> None:
        """Get ready for a version that is about to go live.

        Raises:
            ClassmarkError: It must not go live as things are.
        """

    def follow(self, state: ModelState) -> None:
        """Take over a state.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """


class Place(Follower, Protocol):
    """A follower that versions can be published to."""

    def publish(self, version: RegisteredVersion) -> None:
        """Bring a version there; nothing happens if it is there already.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """

    def unpublish(self, version: RegisteredVersion) -> bool:
        """Take a version away from there; nothing happens if it is not there.

        Returns:
            Whether it was there.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """


@runtime_checkable
class Watched(Protocol):
    """A follower that can tell at little cost whether it is as a state says."""

    name: str

    def behind(self, state: ModelState) -> list[str]:
        """Where it is not, a sentence each; what is not ours to move there counts as it is.

        Raises:
            ClassmarkError: The place does not answer, or refuses such a state.
        """


@dataclass(frozen=True, slots=True)
class Lag:
    """A place elsewhere that was behind a model, or of which that can't be known.

    Attributes:
        place: Its name.
        model: The model's name.
        behind: Where it is or was not as it should be, a sentence each.
        problem: Why it does not follow; empty where it follows, or was not asked to.
    """

    place: str
    model: str
    behind: tuple[str, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version that can be brought from elsewhere.

    Attributes:
        model: The model's name.
        version: Its number.
        digest: SHA-256 of its manifest.
        history: Of the registry that has it live; empty where production was not asked for.
    """

    model: str
    version: Version
    digest: str
    history: str = ""


@runtime_checkable
class Source(Protocol):
    """A place that versions can be brought from."""

    name: str

    def find(self, reference: ModelReference) -> StoredVersion:
        """What a reference names there.

        Raises:
            UnknownVersionError: Nothing.
            UnavailableError: The place does not answer.
        """

    def pull(self, version: StoredVersion, target: Path) -> None:
        """Bring a version into a folder that is not there yet, every byte checked.

        Raises:
            UnknownVersionError: It is not there.
            TamperedVersionError: It is not what it should be; nothing of it stays.
            UnavailableError: The place does not answer.
        """

    def signature(self, version: StoredVersion) -> bytes | None:
        """Who vouches for a version, unchecked; None if nobody does.

        Raises:
            UnavailableError: The place does not answer.
        """


def prepare(
    followers: Sequence[Follower], version: RegisteredVersion, *, is_emergency: bool
) -> None:
    """Let all get ready for a version that is about to go live.

    Args:
        followers: The places.
        version: The version.
        is_emergency: Whether it goes live in any case; who isn't ready is told to the log.

    Raises:
        ClassmarkError: Somebody is not ready.
    """
    for follower in followers:
        try:
            follower.prepare(version)
        except Exception as error:
            if not is_emergency:
                raise
            logger.warning("%s goes live all the same. %s", version.name, _told(error))


def tell(followers: Sequence[Follower], model: str, look: Look) -> None:
    """Let all take over a model's state; who can't is told to the log, and takes over a later one.

    Args:
        followers: The places.
        model: The model's name.
        look: Its state as it is when it is asked for.
    """
    for follower in followers:
        problem = _follow(follower, model, look)
        if problem is not None:
            message = "%s does not follow the change of %s yet: %s"
            logger.warning(message, follower.name, model, _told(problem))


def catch_up(
    follower: Follower, models: Iterable[str], look: Look, *, dry_run: bool
) -> Iterator[Lag]:
    """Let a place make up for what it missed; one that does not answer is not asked again.

    Args:
        follower: The place.
        models: The names of the models.
        look: A model's state as it is when it is asked for.
        dry_run: Change nothing, and ask only a place that can tell whether it is behind.

    Yields:
        What it was behind, and why it still is, if it is.
    """
    for model in models:
        behind, problem = _caught_up(follower, model, look, dry_run=dry_run)
        if behind or problem is not None:
            yield Lag(follower.name, model, tuple(behind), _told(problem) if problem else "")
        if isinstance(problem, UnavailableError):
            return


def _caught_up(
    follower: Follower, model: str, look: Look, *, dry_run: bool
) -> tuple[Sequence[str], Exception | None]:
    """What a place was behind, and why it still is, if it is for a reason."""
    if not isinstance(follower, Watched):
        return (), None if dry_run else _follow(follower, model, look)
    try:
        behind = follower.behind(look(model))
    except ClassmarkError as error:
        return (), error
    return behind, _follow(follower, model, look) if behind and not dry_run else None


def _follow(follower: Follower, model: str, look: Look) -> Exception | None:
    """Let a place take over the state; why it does not, if it does not."""
    state = look(model)
    while True:
        try:
            follower.follow(state)
        except Exception as error:  # noqa: BLE001 (what is changed here stays so, whatever fails there)
            newer = look(model)
            # Somebody changed the model meanwhile, and told of it first: this state came late.
            if newer.sequence == state.sequence:
                return error
            state = newer
        else:
            return None


def _told(error: Exception) -> str:
    """An error as whoever reads the log needs it."""
    return str(error) if isinstance(error, ClassmarkError) else f"{type(error).__name__}: {error}"
