"""What is live in a storage: one small object for each model, moved by one registry alone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import orjson

from classmark.durable import JSON_OPTIONS
from classmark.errors import ClassmarkError, ConflictError, TamperedVersionError
from classmark.registry.following import ModelState
from classmark.registry.objects import Objects
from classmark.registry.records import RegisteredVersion
from classmark.registry.version import Version


@dataclass(frozen=True, slots=True)
class StoredProduction:
    """What `production.json` says.

    Attributes:
        version: What is live.
        digest: SHA-256 of its manifest.
        sequence: The number of the last event of the history that it follows.
        history: The digest of that history's first event.
        at: When this was written.
        event: The digest of that history's last event: a history that went on otherwise from the
            same beginning has another one under the same number.
    """

    version: str
    digest: str
    sequence: int
    history: str
    at: str
    event: str = ""


class ProductionPointer:
    """`<model>/production.json` of one storage.

    Args:
        objects: The storage's.
        now: The clock.
    """

    def __init__(self, objects: Objects, now: Callable[[], datetime]) -> None:
        self._objects = objects
        self._now = now

    def find(self, model: str) -> StoredProduction | None:
        """What is live, if anything is.

        Raises:
            TamperedVersionError: What says so was not written by us.
            UnavailableError: The storage does not answer.
        """
        return self._stored(model)[0]

    def is_to_move(
        self, found: StoredProduction | None, state: ModelState, live: RegisteredVersion
    ) -> bool:
        """Whether a state has gone beyond what was found.

        Raises:
            ConflictError: It is not for the registry of the state to move.
        """
        if found is None or (found.history == state.history and found.sequence < state.sequence):
            return True
        if found.history != state.history:
            if found.digest == live.digest:
                return False
            raise self._not_ours(
                state, found, "follows another registry", "that one is gone for good"
            )
        is_same = found.event in {"", state.event} and found.digest == live.digest
        if found.sequence > state.sequence or not is_same:
            told = f"follows {found.sequence} events, of which some are not in this home's history"
            raise self._not_ours(state, found, told, "the database was restored from a backup")
        return False

    def move(self, state: ModelState, live: RegisteredVersion, bring: Callable[[], None]) -> bool:
        """Let production be as a state says, unless it is so; never back.

        Args:
            state: Of the model.
            live: What is live.
            bring: Publishes what is live, before anybody is led to it.

        Returns:
            Whether that is so now; False if somebody else wrote at the same moment.

        Raises:
            ConflictError: It is not for the registry of the state to move.
        """
        found, tag = self._stored(state.model)
        is_to_move = self.is_to_move(found, state, live)
        if is_ours(found, state):
            bring()
        if not is_to_move:
            return True
        content = orjson.dumps(self._wanted(state, live), option=JSON_OPTIONS) + b"\n"
        key = _key(state.model)
        if tag:
            return self._objects.replace(key, content, tag)
        return self._objects.create(key, content)

    def _wanted(self, state: ModelState, live: RegisteredVersion) -> StoredProduction:
        return StoredProduction(
            version=str(live.version),
            digest=live.digest,
            sequence=state.sequence,
            history=state.history,
            at=self._now().isoformat(timespec="seconds"),
            event=state.event,
        )

    def _not_ours(
        self, state: ModelState, found: StoredProduction, told: str, condition: str
    ) -> ConflictError:
        return ConflictError(
            f"Production of {state.model} in the storage {self._objects.where} {told}: it is"
            f" {found.version}.",
            remedy=f"If {condition}, remove {_key(state.model)} there and run"
            f" classmark publish {state.model}@production.",
        )

    def _stored(self, model: str) -> tuple[StoredProduction | None, str]:
        """What is live, with the tag of what says so."""
        stored = self._objects.read(_key(model))
        if stored is None:
            return None, ""
        try:
            found = StoredProduction(**orjson.loads(stored.content))
            Version.parse(found.version)
            _ = found.sequence + 1, found.digest + found.history + found.event
        except (orjson.JSONDecodeError, TypeError, ClassmarkError) as error:
            raise tampered(self._objects, _key(model), "it can't be read") from error
        return found, stored.tag


def is_ours(found: StoredProduction | None, state: ModelState) -> bool:
    """Whether what was found follows the registry of a state, or nobody yet."""
    return found is None or found.history == state.history


def tampered(objects: Objects, key: str, problem: str) -> TamperedVersionError:
    """That an object of a storage is not what was written."""
    return TamperedVersionError(
        f"{key} in the storage {objects.where} is not what was published: {problem}.",
        remedy="Never use it: remove it there, and publish the version again from where it is"
        " intact.",
    )


def _key(model: str) -> str:
    return f"{model}/production.json"
