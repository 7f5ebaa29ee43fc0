"""Versions that were made elsewhere and are brought here."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from classmark.durable import plain_file
from classmark.errors import SettingError, TamperedVersionError, VersionExistsError
from classmark.registry import ledger
from classmark.registry.card import model_card
from classmark.registry.disposal import VersionKeeper
from classmark.registry.following import Source, StoredVersion
from classmark.registry.gate import Status
from classmark.registry.integrity import verify_manifest
from classmark.registry.ledger import Entry
from classmark.registry.records import Action, RegisteredVersion
from classmark.registry.storage import METADATA, signature_of, written_version
from classmark.registry.version import ModelReference

# What this registry asks of a version's metadata, with its kind.
_NEEDED = {
    "architecture": str,
    "dataset": dict,
    "dataset_fingerprint": str,
    "labels": list,
    "size_mb": int | float,
}


@dataclass(frozen=True, slots=True)
class Pulled:
    """A version that was asked for from elsewhere.

    Attributes:
        version: As it is here now.
        is_new: Whether it was not here before.
        leads: Whether production there is what this registry made it: nothing is to be taken over.
    """

    version: RegisteredVersion
    is_new: bool
    leads: bool


class VersionPuller(VersionKeeper):
    """Brings versions from the source; built like `VersionWriter`."""

    def look(self, reference: ModelReference) -> StoredVersion:
        """What a reference names in the source, after a look whether it may be brought here.

        Raises:
            SettingError: There is no source.
            UnknownVersionError: The source has no such version.
            VersionExistsError: Its number stands for other bytes here.
            UnavailableError: The source does not answer.
        """
        found = self._configured_source().find(reference)
        with self._database.read() as session:
            known = ledger.manifests(session, found.model, found.version)
        if known - {found.digest}:
            raise VersionExistsError(
                f"{written_version(found.model, found.version)} has other bytes here than in"
                f" {self._configured_source().name}.",
                remedy="Pull it into another home: a number never stands for other bytes.",
            )
        return found

    def pull(self, reference: ModelReference, reason: str = "") -> Pulled:
        """Bring a version here under its own number, every byte checked.

        What is not known yet is entered as `testing`, with an event of its own.

        Args:
            reference: The version, as the source names it.
            reason: For the history.

        Raises:
            SettingError: There is no source.
            UnknownVersionError: The source has no such version.
            VersionExistsError: Its number stands for other bytes here.
            TamperedVersionError: It is not intact, there or here.
            UnavailableError: The source does not answer.
        """
        found = self.look(reference)
        with self._folders.locked(found.model):
            is_new = self._settle(found, reason)
        named = ModelReference(found.model, found.version)
        self._fetch_signature(self.resolve(named))
        version = self.verify(named)
        with self._database.read() as session:
            history = ledger.first_digest(session, found.model)
        return Pulled(version, is_new, leads=bool(history) and history == found.history)

    def _settle(self, found: StoredVersion, reason: str) -> bool:
        """Let a version's files and row be here; whether something was missing."""
        source = self._configured_source()
        folder = self._folders.folder(found.model, found.version)
        with self._database.read() as session:
            is_known = ledger.version_row(session, found.model, found.version) is not None
        if is_known and os.path.lexists(folder):
            return False
        if not is_known and not self._is_intact(found):
            self._folders.set_aside(found.model, found.version)
        if not os.path.lexists(folder):
            source.pull(found, folder)
        if not is_known:
            verify_manifest(folder, found.digest)
            row = self._row(found)
            self._enter(row, self._signed(Action.PULLED, reason or f"from {source.name}"))
        self._show(found.model)
        return True

    def _is_intact(self, found: StoredVersion) -> bool:
        """Whether it lies here already: a process died before the database knew of it."""
        folder = self._folders.folder(found.model, found.version)
        if not os.path.lexists(folder):
            return self._has_signature(found, signature_of(folder))
        try:
            verify_manifest(folder, found.digest)
        except TamperedVersionError:
            return False
        return True

    def _has_signature(self, found: StoredVersion, signature: Path) -> bool:
        """Whether the signature that comes before the files lies here."""
        content = self._configured_source().signature(found)
        try:
            with plain_file(signature) as file:
                return content is not None and file.read(len(content) + 1) == content
        except OSError:
            return False

    def _row(self, found: StoredVersion) -> Entry:
        """What the metadata of a version that lies here make of it."""
        folder = self._folders.folder(found.model, found.version)
        try:
            details = orjson.loads((folder / METADATA).read_bytes())
            created_at = datetime.fromisoformat(details["created_at"])
            problems = _problems(details, found) or _card_problems(details)
        except (OSError, ValueError, LookupError, TypeError) as error:
            problems = [f"{METADATA} can't be read ({error})"]
        if problems:
            self._folders.remove(folder)
            raise TamperedVersionError(
                f"{folder.name} in {self._configured_source().name} is no version: {problems[0]}.",
                remedy="Never use it: publish another one from where it was made.",
            )
        return Entry(
            model=found.model,
            version=found.version,
            status=Status.TESTING,
            digest=found.digest,
            created_at=created_at,
            details=details,
        )

    def _configured_source(self) -> Source:
        if self._source is None:
            raise SettingError(
                "No storage of versions is set.",
                remedy="Set storage.uri, as s3://bucket/prefix, in classmark.yaml, or"
                " CLASSMARK_STORAGE__URI.",
            )
        return self._source


def _card_problems(details: dict[str, Any]) -> list[str]:
    """Why no card can be made of metadata; each change of a version makes its card anew."""
    try:
        model_card(details)
    except Exception as error:  # noqa: BLE001 (they may hold anything, and fail anywhere)
        return [f"no card can be made of its metadata ({type(error).__name__}: {error})"]
    return []


def _problems(details: dict[str, Any], found: StoredVersion) -> list[str]:
    """Why metadata are not those of a version; nothing where they are."""
    if details["version"] != str(found.version):
        return [f"its metadata are those of {details['version']!r}"]
    if details["name"] != written_version(found.model, found.version):
        return [f"its metadata are those of {details['name']!r}"]
    return [
        f"its metadata lack {key}"
        for key, kind in _NEEDED.items()
        if not isinstance(details.get(key), kind)
    ]
