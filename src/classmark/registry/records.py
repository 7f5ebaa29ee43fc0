"""What the registry knows, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from classmark.registry.gate import Status
from classmark.registry.version import Lineage, Version


class Action(StrEnum):
    """What can happen to a version."""

    REGISTERED = "registered"
    PULLED = "pulled"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"
    ARCHIVED = "archived"
    DELETED = "deleted"
    FELL_BACK = "fell_back"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class VersionDraft:
    """A version that is to be registered.

    Attributes:
        model: The model's name.
        artifact: The folder that training wrote.
        lineage: What the bump depends on.
        metadata: What is kept beside the artifact: dataset, parameters, metrics and so on.
        reason: Why it was made, for the history.
    """

    model: str
    artifact: Path
    lineage: Lineage
    metadata: Mapping[str, Any]
    reason: str = "trained"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version that exists.

    Attributes:
        model: The model's name.
        version: Its number.
        status: Where it stands.
        created_at: When it was registered.
        folder: Where its files lie.
        digest: SHA-256 of its manifest.
        metadata: As it was registered.
    """

    model: str
    version: Version
    status: Status
    created_at: datetime
    folder: Path
    digest: str
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As it is written: `arxiv_v1.0.0`."""
        return self.folder.name

    @property
    def is_of_table(self) -> bool:
        """Whether it predicts the rows of tables, and does not classify texts."""
        return bool(self.metadata["dataset"].get("kind") == "table")


@dataclass(frozen=True, slots=True)
class VersionEvent:
    """One line of a model's history.

    Attributes:
        sequence: 1, 2, 3, ... without gaps.
        action: What happened.
        version: To which version.
        production_before: What was live before; None if nothing.
        production_after: What was live from then on.
        actor: Who did it.
        reason: Why.
        at: When; never before the event before it.
        manifest: SHA-256 of the version's manifest.
        digest: SHA-256 over this event and the digest of the one before it.
    """

    sequence: int
    action: Action
    version: str
    production_before: str | None
    production_after: str | None
    actor: str
    reason: str
    at: datetime
    manifest: str
    digest: str


@dataclass(frozen=True, slots=True)
class HistoryCheck:
    """Whether a model's history is the one that was written.

    Attributes:
        events: How many there are.
        digest: That of the last one: it stands for the whole history.
        problems: What is wrong, a sentence each; none where all is well.
    """

    events: int
    digest: str
    problems: tuple[str, ...]
