"""Places elsewhere that follow what is live here: a storage of versions, another registry."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from classmark.errors import ClassmarkError
from classmark.registry.records import RegisteredVersion
from classmark.registry.version import Version

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model's versions after its last change, all of one moment.

    Attributes:
        model: The model's name.
        versions: Those that are there, the oldest first.
        live: The one in production, if any.
        deleted: The numbers of those that were deleted.
        sequence: The number of the last event: of two states the one with the higher is newer.
    """

    model: str
    versions: tuple[RegisteredVersion, ...]
    live: RegisteredVersion | None
    deleted: tuple[Version, ...]
    sequence: int


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
    """A place elsewhere that versions can be published to."""

    def publish(self, version: RegisteredVersion) -> None:
        """Let a version be there; if it is already, nothing is done.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """

    def unpublish(self, version: RegisteredVersion) -> None:
        """Let a version be there no more; if it is not, nothing is done.

        Raises:
            ClassmarkError: The place does not answer, or refuses.
        """


def tell(followers: Sequence[Follower], state: ModelState) -> None:
    """Let all take over a state; who can't is told to the log, and takes over a later one."""
    for follower in followers:
        try:
            follower.follow(state)
        except ClassmarkError as error:
            logger.warning(
                "%s does not follow the change of %s yet: %s", follower.name, state.model, error
            )
