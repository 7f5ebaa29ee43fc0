"""Places elsewhere that follow what is live here: a storage of versions, another registry."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from classmark.errors import ClassmarkError
from classmark.registry.records import RegisteredVersion
from classmark.registry.version import ModelReference, Version

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model's versions after its last change, all of one moment.

    Attributes:
        model: The model's name.
        versions: Those that are there, the oldest first.
        live: The one in production, if any.
        deleted: The numbers of those that were deleted and are not there again.
        sequence: The number of the last event: of two states the one with the higher is newer.
        history: The digest of the first event: it tells one registry's history from another's.
        deleted_digests: SHA-256 of the manifests of those among `deleted` that were made here: what
            was brought from elsewhere is not ours to remove there.
    """

    model: str
    versions: tuple[RegisteredVersion, ...]
    live: RegisteredVersion | None
    deleted: tuple[Version, ...]
    sequence: int
    history: str = ""
    deleted_digests: frozenset[str] = frozenset()


class Follower(Protocol):
    """A place that follows a registry.

    To follow is to make the place as a state says, whatever it was before: what was missed while
    it was away is made up for by the next state. A state may come late, after a newer one.
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

    def unpublish(self, version: RegisteredVersion) -> None:
        """Take a version away from there; nothing happens if it is not there.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """


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
        except ClassmarkError as error:
            if not is_emergency:
                raise
            logger.warning("%s goes live, though %s", version.name, error)


def tell(followers: Sequence[Follower], state: ModelState) -> None:
    """Let all take over a state; who can't is told to the log, and takes over a later one."""
    for follower in followers:
        try:
            follower.follow(state)
        except ClassmarkError as error:
            logger.warning(
                "%s does not follow the change of %s yet: %s", follower.name, state.model, error
            )
