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
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from classmark.durable import publishing, write_bytes
from classmark.errors import (
    ClassmarkError,
    ConflictError,
    UnavailableError,
    UnknownVersionError,
    UntrustedVersionError,
)
from classmark.registry.bucket_objects import BucketObjects
from classmark.registry.claims import digest_of
from classmark.registry.folder_objects import FolderObjects
from classmark.registry.following import ModelState, StoredVersion
from classmark.registry.integrity import MANIFEST, checked_files, verify_manifest
from classmark.registry.leftovers import Leftover
from classmark.registry.objects import Objects, StorageSettings, storage_location
from classmark.registry.pointer import (
    ProductionPointer,
    StoredProduction,
    is_ours,
    tampered,
)
from classmark.registry.publication import Publication, folder_key, version_of_key
from classmark.registry.records import RegisteredVersion
from classmark.registry.signing import signature_to_send
from classmark.registry.storage import signature_of, written_version
from classmark.registry.version import LATEST, PRODUCTION, ModelReference, Version

logger = logging.getLogger(__name__)

_TRIES = 8


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

    @cached_property
    def _pointer(self) -> ProductionPointer:
        return ProductionPointer(self._objects, self._now)

    def publish(self, version: RegisteredVersion) -> None:
        """Bring a version there; a publishing that was killed is ended by the next one.

        Raises:
            VersionExistsError: Its number stands for other bytes there.
            TamperedVersionError: It is not intact here.
            UnavailableError: The storage does not answer.
        """
        self._publication.publish(version)
        self._publish_signature(version)

    def unpublish(self, version: RegisteredVersion) -> bool:
        """Take a version away; its number stands for its bytes for ever.

        Returns:
            Whether readers found it there; what a killed upload left goes all the same.

        Raises:
            ConflictError: It is live there, or went live meanwhile, or other bytes have its number.
            UnavailableError: The storage does not answer.
        """
        self._check_is_not_live(version)
        there = self._publication.digest(version.model, version.version)
        if there not in {None, version.digest}:
            raise ConflictError(
                f"{version.name} has other bytes in the storage {self._objects.where}.",
                remedy="Unpublish it from the home that published it.",
            )
        self._withdraw(version.model, version.version, version.digest)
        try:
            self._check_is_not_live(version)
        except ConflictError:
            # It went live while it was taken away: whoever reads must find it.
            self.publish(version)
            raise
        return there is not None

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
        if state.live is None and not state.deleted_digests:
            return
        # Without an answer to this nothing can be done; beyond it one thing waits for no other.
        self.production(state.model)
        problems: list[ClassmarkError] = []
        for step in (self._move_production, self._remove_deleted):
            try:
                step(state)
            except ClassmarkError as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def behind(self, state: ModelState) -> list[str]:
        """Where the storage is not as a state says, a sentence each.

        Raises:
            ConflictError: What is live there follows events that the state does not know of.
            UnavailableError: The storage does not answer.
        """
        found, live = self.production(state.model), state.live
        told: list[str] = []
        if live is not None and is_ours(found, state):
            is_behind = self._pointer.is_to_move(found, state, live)
            if is_behind and (found is None or found.digest != live.digest):
                there = found.version if found else "nothing"
                told.append(f"{there} is live there, and {live.version} here.")
            if self._publication.digest(live.model, live.version) != live.digest:
                told.append(f"{live.version} is live here, and is not there.")
        gone = self._deleted_there(state)
        return [*told, *(f"{version} was deleted here, and is there." for version, _ in gone)]

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
        return self._pointer.find(model)

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
            raise tampered(self._objects, folder, f"{MANIFEST} is not the one that was published")
        try:
            files = checked_files(manifest.content)
        except ValueError as error:
            raise tampered(self._objects, folder, str(error)) from error
        signature = self.signature(version)
        try:
            with publishing(target) as draft:
                for name, digest in files.items():
                    self._bring(folder + name, draft / name, digest)
                (draft / MANIFEST).write_bytes(manifest.content)
                verify_manifest(draft, version.digest)
                if signature is not None:
                    # Before the folder has its name: nobody sees a signed version unsigned.
                    write_bytes(signature_of(target), signature)
        except FileExistsError:
            # Another process was quicker: what it brought is checked by whoever uses it.
            return
        except OSError as error:
            raise UnavailableError(
                f"{target} can't be written ({error}).",
                remedy="Free some disk space or mend its permissions, then try again.",
            ) from error

    def signature(self, version: StoredVersion) -> bytes | None:
        """Who vouches for a version, unchecked; None if nobody does."""
        found = self._objects.read(_signature_key(version.model, version.version))
        return found.content if found else None

    def tidy(self, *, dry_run: bool = False) -> list[Leftover]:
        """Remove what was half uploaded and left alone for longer than the grace period.

        Raises:
            UnavailableError: The storage does not answer.
        """
        return list(self._publication.tidy(dry_run=dry_run))

    def _publish_signature(self, version: RegisteredVersion) -> None:
        """Send the signature of a version, if it has one; nothing takes the place of a good one."""
        try:
            content = signature_to_send(version, signature_of(version.folder))
        except UntrustedVersionError as error:
            logger.warning("The signature is not sent to %s: %s", self.name, error)
            return
        if content is None:
            return
        key = _signature_key(version.model, version.version)
        found = self._objects.read(key)
        if found is None:
            self._objects.create(key, content)
        elif found.content != content:
            self._objects.replace(key, content, found.tag)

    def _check_is_not_live(self, version: RegisteredVersion) -> None:
        live = self.production(version.model)
        if live is not None and live.version == str(version.version):
            raise ConflictError(
                f"{version.name} is in production in the storage {self._objects.where}.",
                remedy="Put another one live first: classmark promote or classmark rollback",
            )

    def _deleted_there(self, state: ModelState) -> list[tuple[Version, str]]:
        """What was made and deleted here and is there, with its digest; never what is live."""
        if not state.deleted_digests:
            return []
        live = self.production(state.model)
        there = [
            (version, self._publication.digest(state.model, version))
            for version in sorted(set(self.versions(state.model)) & set(state.deleted))
        ]
        return [
            (version, digest)
            for version, digest in there
            if digest in state.deleted_digests and (live is None or live.digest != digest)
        ]

    def _remove_deleted(self, state: ModelState) -> None:
        for version, digest in self._deleted_there(state):
            self._withdraw(state.model, version, digest)

    def _withdraw(self, model: str, version: Version, digest: str) -> None:
        self._publication.withdraw(model, version, digest, [_signature_key(model, version)])

    def _bring(self, key: str, target: Path, digest: str) -> None:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._objects.download(key, target):
            raise tampered(self._objects, key, "it is missing")
        with target.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise tampered(self._objects, key, "it was changed")

    def _move_production(self, state: ModelState) -> None:
        live = state.live
        if live is None:
            return
        for _ in range(_TRIES):
            if self._pointer.move(state, live, lambda: self._bring_live(live)):
                # Whoever took it away meanwhile looks there after that, and we here after this.
                self._publish_missing(live)
                return
        raise UnavailableError(
            f"Others move production in the storage {self._objects.where} all the time.",
            remedy=f"Try again: classmark publish {state.model}@production",
        )

    def _bring_live(self, live: RegisteredVersion) -> None:
        self._publish_missing(live)
        self._publish_signature(live)

    def _publish_missing(self, live: RegisteredVersion) -> None:
        """What was rolled back to while the storage was away may not be there."""
        if self._publication.digest(live.model, live.version) != live.digest:
            self._publication.publish(live)

    def _unknown(self, reference: ModelReference) -> UnknownVersionError:
        known = ", ".join(map(str, self.versions(reference.model)[-5:])) or "none"
        return UnknownVersionError(
            f"There is no {reference} in the storage {self._objects.where} (it has {known}).",
            remedy=f"Publish it where it was made: classmark publish {reference}",
        )


def _signature_key(model: str, version: Version) -> str:
    return f"{model}/signatures/{written_version(model, version)}.sig"
