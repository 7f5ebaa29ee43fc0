"""Versions in a storage elsewhere.

::

    <model>/<model>_vX.Y.Z/...              a version's files; its manifest.json comes last
    <model>/claims/<model>_vX.Y.Z.json      for which bytes the number stands
    <model>/production.json                 what is live
    <model>/signatures/<model>_vX.Y.Z.sig   who vouches for a version, if somebody does

Published bytes never change: every object is written where none is, and `production.json` and
signatures only in place of the one that was read.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import orjson

from classmark.durable import JSON_OPTIONS, publishing, write_bytes
from classmark.errors import (
    ClassmarkError,
    ConflictError,
    TamperedVersionError,
    UnavailableError,
    UnknownVersionError,
)
from classmark.registry.bucket_objects import BucketObjects
from classmark.registry.claims import digest_of
from classmark.registry.folder_objects import FolderObjects
from classmark.registry.following import ModelState, StoredVersion
from classmark.registry.integrity import MANIFEST, checked_files, verify_manifest
from classmark.registry.objects import Objects, StorageSettings, storage_location
from classmark.registry.publication import Publication, folder_key, version_of_key
from classmark.registry.records import RegisteredVersion
from classmark.registry.storage import Leftover, signature_of, written_version
from classmark.registry.version import LATEST, PRODUCTION, ModelReference, Version

_TRIES = 8


@dataclass(frozen=True, slots=True)
class StoredProduction:
    """What `production.json` says.

    Attributes:
        version: What is live.
        digest: SHA-256 of its manifest.
        sequence: The number of the last event of the history that it follows.
        history: The digest of that history's first event.
        at: When this was written.
    """

    version: str
    digest: str
    sequence: int
    history: str
    at: str


class VersionStorage:
    """A place for versions, and a source of them; it is asked for nothing before it must be.

    Args:
        settings: Where it is.
        now: The clock.
    """

    def __init__(self, settings: StorageSettings, *, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self.name = f"the storage {settings.uri}"

    @cached_property
    def _objects(self) -> Objects:
        location = storage_location(self._settings.uri)
        if location.bucket:
            return BucketObjects(location, self._settings)
        return FolderObjects(Path(location.path))

    @cached_property
    def _publication(self) -> Publication:
        grace = timedelta(hours=self._settings.grace_hours)
        return Publication(self._objects, self._now, grace)

    def publish(self, version: RegisteredVersion) -> None:
        """Bring a version there; a publishing that was killed is ended by the next one.

        Raises:
            VersionExistsError: Its number stands for other bytes there.
            TamperedVersionError: It is not intact here.
            UnavailableError: The storage does not answer.
        """
        self._publication.publish(version)
        self._publish_signature(version)

    def unpublish(self, version: RegisteredVersion) -> None:
        """Take a version away; its number stands for its bytes for ever.

        Raises:
            ConflictError: It is live there, or other bytes have its number.
            UnavailableError: The storage does not answer.
        """
        live = self.production(version.model)
        if live is not None and live.version == str(version.version):
            raise ConflictError(
                f"{version.name} is in production in the storage {self._objects.where}.",
                remedy="Put another one live first: classmark promote or classmark rollback",
            )
        there = self._publication.digest(version.model, version.version)
        if there not in {None, version.digest}:
            raise ConflictError(
                f"{version.name} has other bytes in the storage {self._objects.where}.",
                remedy="Unpublish it from the home that published it.",
            )
        self._withdraw(version.model, version.version, version.digest)

    def prepare(self, version: RegisteredVersion) -> None:
        """Publish a version that is about to go live.

        Raises:
            ClassmarkError: It can't be published.
        """
        self.publish(version)

    def follow(self, state: ModelState) -> None:
        """Let production be as a state says, and take away what was deleted.

        Nothing moves back to an earlier state, and nothing is moved for another registry than the
        one whose version went live here first.

        Raises:
            ClassmarkError: The storage does not answer, or refuses.
        """
        if state.live is not None:
            self._move_production(state, state.live)
        if not state.deleted_digests:
            return
        live = self.production(state.model)
        for version in set(self.versions(state.model)) & set(state.deleted):
            digest = self._publication.digest(state.model, version)
            if digest in state.deleted_digests and (live is None or live.digest != digest):
                self._withdraw(state.model, version, digest)

    def versions(self, model: str) -> list[Version]:
        """The numbers that are published, the oldest first."""
        return sorted(
            named[1]
            for one in self._objects.listed(f"{model}/")
            if (named := version_of_key(one.key)) is not None
            and one.key == folder_key(*named) + MANIFEST
        )

    def production(self, model: str) -> StoredProduction | None:
        """What is live, if anything is."""
        return self._pointer(model)[0]

    def find(self, reference: ModelReference) -> StoredVersion:
        """What a reference names there.

        Raises:
            UnknownVersionError: Nothing.
            TamperedVersionError: What says so was not written by us.
            UnavailableError: The storage does not answer.
        """
        model = reference.model
        if reference.role == PRODUCTION:
            live = self.production(model)
            if live is None:
                raise self._unknown(reference)
            return StoredVersion(model, Version.parse(live.version), live.digest, live.history)
        version = reference.version
        if reference.role == LATEST:
            version = max(self.versions(model), default=None)
        digest = self._publication.digest(model, version) if version else None
        if version is None or digest is None:
            raise self._unknown(reference)
        return StoredVersion(model, version, digest)

    def pull(self, version: StoredVersion, target: Path) -> None:
        """Bring a version into a folder that is not there yet, every byte checked.

        Raises:
            UnknownVersionError: It is not there.
            TamperedVersionError: It is not what it should be; nothing of it stays.
            UnavailableError: The storage does not answer, or the folder can't be written.
        """
        folder = folder_key(version.model, version.version)
        manifest = self._objects.read(folder + MANIFEST)
        if manifest is None:
            raise self._unknown(ModelReference(version.model, version.version))
        if digest_of(manifest.content) != version.digest:
            raise self._tampered(folder, f"{MANIFEST} is not the one that was published")
        try:
            files = checked_files(manifest.content)
        except ValueError as error:
            raise self._tampered(folder, str(error)) from error
        signature = self._objects.read(_signature_key(version.model, version.version))
        try:
            with publishing(target) as draft:
                for name, digest in files.items():
                    self._bring(folder + name, draft / name, digest)
                (draft / MANIFEST).write_bytes(manifest.content)
                verify_manifest(draft, version.digest)
            if signature is not None:
                write_bytes(signature_of(target), signature.content)
        except FileExistsError:
            # Another process was quicker: what it brought is checked by whoever uses it.
            return
        except OSError as error:
            raise UnavailableError(
                f"{target} can't be written ({error}).",
                remedy="Free some disk space or mend its permissions, then try again.",
            ) from error

    def tidy(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what was half uploaded and left alone for longer than the grace period.

        Raises:
            UnavailableError: The storage does not answer.
        """
        return list(self._publication.tidy(dry_run=dry_run))

    def _publish_signature(self, version: RegisteredVersion) -> None:
        path, key = signature_of(version.folder), _signature_key(version.model, version.version)
        if not path.is_file():
            return
        content, found = path.read_bytes(), self._objects.read(key)
        if found is None:
            self._objects.create(key, content)
        elif found.content != content:
            self._objects.replace(key, content, found.tag)

    def _withdraw(self, model: str, version: Version, digest: str) -> None:
        self._objects.remove([_signature_key(model, version)])
        self._publication.withdraw(model, version, digest)

    def _bring(self, key: str, target: Path, digest: str) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._objects.download(key, target):
            raise self._tampered(key, "it is missing")
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise self._tampered(key, "it was changed")

    def _move_production(self, state: ModelState, live: RegisteredVersion) -> None:
        wanted = StoredProduction(
            version=str(live.version),
            digest=live.digest,
            sequence=state.sequence,
            history=state.history,
            at=self._now().isoformat(timespec="seconds"),
        )
        content = orjson.dumps(wanted, option=JSON_OPTIONS) + b"\n"
        key = _pointer_key(state.model)
        for _ in range(_TRIES):
            found, tag = self._pointer(state.model)
            if found is not None and not self._is_ahead(wanted, found, state.model):
                return
            # What was rolled back to while the storage was away may not be there yet.
            self.publish(live)
            if (
                self._objects.replace(key, content, tag)
                if tag
                else self._objects.create(key, content)
            ):
                return
        raise UnavailableError(
            f"Others move production in the storage {self._objects.where} all the time.",
            remedy=f"Try again: classmark publish {state.model}@production",
        )

    def _is_ahead(self, wanted: StoredProduction, found: StoredProduction, model: str) -> bool:
        """Whether production is to be moved to what is wanted.

        Raises:
            ConflictError: It is not ours to move.
        """
        if wanted.history == found.history:
            return wanted.sequence > found.sequence
        if wanted.digest != found.digest:
            raise ConflictError(
                f"Production of {model} in the storage {self._objects.where} follows another"
                f" registry: it is {found.version}.",
                remedy=f"If that one is gone for good, remove {_pointer_key(model)} there and run"
                f" classmark publish {model}@production.",
            )
        return False

    def _pointer(self, model: str) -> tuple[StoredProduction | None, str]:
        """What is live, with the tag of what says so."""
        stored = self._objects.read(_pointer_key(model))
        if stored is None:
            return None, ""
        try:
            found = StoredProduction(**orjson.loads(stored.content))
            Version.parse(found.version)
            _ = found.sequence + 1, found.digest + found.history
        except (orjson.JSONDecodeError, TypeError, ClassmarkError) as error:
            raise self._tampered(_pointer_key(model), "it can't be read") from error
        return found, stored.tag

    def _unknown(self, reference: ModelReference) -> UnknownVersionError:
        known = ", ".join(map(str, self.versions(reference.model)[-5:])) or "none"
        return UnknownVersionError(
            f"There is no {reference} in the storage {self._objects.where} (it has {known}).",
            remedy=f"Publish it where it was made: classmark publish {reference}",
        )

    def _tampered(self, key: str, problem: str) -> TamperedVersionError:
        return TamperedVersionError(
            f"{key} in the storage {self._objects.where} is not what was published: {problem}.",
            remedy="Never use it: remove it there, and publish the version again from where it is"
            " intact.",
        )


def _pointer_key(model: str) -> str:
    return f"{model}/production.json"


def _signature_key(model: str, version: Version) -> str:
    return f"{model}/signatures/{written_version(model, version)}.sig"
