"""What the registry knows of versions: read, and never changed here."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import (
    ClassmarkError,
    NotFoundError,
    UnknownModelError,
    UnknownVersionError,
)
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.agreement import check_told
from classmark.registry.card import model_card
from classmark.registry.card_history import card_state
from classmark.registry.chain import GENESIS, breaks, disagreements
from classmark.registry.following import ModelState, Source, StoredVersion
from classmark.registry.gate import Status
from classmark.registry.integrity import verify_manifest
from classmark.registry.ledger import Entry
from classmark.registry.records import HistoryCheck, RegisteredVersion, VersionEvent
from classmark.registry.signing import SignatureCheck, Trust
from classmark.registry.storage import VersionFolders, signature_of
from classmark.registry.tables import EventRow, VersionRow
from classmark.registry.version import LATEST, ModelReference, Version
from classmark.wording import absent

logger = logging.getLogger(__name__)


class VersionReader:
    """The versions of all models of one home, as they are.

    Args:
        database: Where state and history are kept.
        models: The folder of the versions' files.
        source: Where files come from that are not there.
    """

    def __init__(self, database: Database, models: Path, source: Source | None = None) -> None:
        self._database = database
        self._folders = VersionFolders(models)
        self._source = source
        self._trust = Trust()

    def trusting(self, trust: Trust) -> Self:
        """The same versions, their signatures checked by `trust` whenever one is verified."""
        self._trust = trust
        return self

    def models(self) -> list[str]:
        """The names of all models, sorted."""
        with self._database.read() as session:
            return list(session.scalars(select(VersionRow.model).distinct().order_by("model")))

    def histories(self) -> list[str]:
        """The names of all models that have a history, sorted: of those that are gone too."""
        with self._database.read() as session:
            return list(session.scalars(select(EventRow.model).distinct().order_by("model")))

    def folders(self) -> list[str]:
        """The names of all models that have a folder, sorted; the database may not know some."""
        return self._folders.models()

    def versions(self, model: str, newest: int | None = None) -> list[RegisteredVersion]:
        """The versions of a model, the oldest first.

        Args:
            model: The model's name.
            newest: So many of the newest; None for all.

        Raises:
            UnknownModelError: It has none.
        """
        checked_name(model, of="model")
        with self._database.read() as session:
            rows = ledger.version_rows(session, model, newest)
        if not rows:
            raise self._unknown(model)
        return [self._value(row) for row in rows]

    def version_count(self, model: str) -> int:
        """How many versions a model has; 0 where there is no such model."""
        with self._database.read() as session:
            return ledger.version_count(session, model)

    def resolve(self, reference: ModelReference) -> RegisteredVersion:
        """The version that a reference names.

        Raises:
            UnknownModelError: The model has no versions.
            UnknownVersionError: It has no such version, or nothing is in production.
        """
        checked_name(reference.model, of="model")
        with self._database.read() as session:
            row = _row(session, reference)
            # All of one moment: what is told of a version that is not there must not contradict it.
            newest = ledger.version_rows(session, reference.model, 5) if row is None else []
            gone = _deletion(session, reference) if row is None else None
        if row is not None:
            return self._value(row)
        if gone is not None:
            raise _deleted(reference, gone)
        if not newest:
            raise self._unknown(reference.model)
        known = ", ".join(str(one.version) for one in newest)
        if reference.version is None:
            raise UnknownVersionError(
                f"No version of {reference.model!r} is in production (it has {known}).",
                remedy=f"Promote one: classmark promote {reference.model}@{newest[-1].version}",
            )
        raise UnknownVersionError(
            f"{reference.model!r} has no version {reference.version} (it has {known}).",
            remedy=f"See them all: classmark versions {reference.model}",
        )

    def live(self, model: str) -> RegisteredVersion | None:
        """The version of a model that is in production, if any."""
        with self._database.read() as session:
            row = ledger.live_row(session, model)
        return self._value(row) if row else None

    def verify(self, reference: ModelReference) -> RegisteredVersion:
        """The version that a reference names, every byte of it and its signature checked.

        Files that were never here, as another machine registered them, come from the storage.

        Raises:
            TamperedVersionError: A file is missing, changed or extra; it is named.
            UntrustedVersionError: Its signature is refused.
        """
        return self.checked(reference)[0]

    def checked(self, reference: ModelReference) -> tuple[RegisteredVersion, SignatureCheck]:
        """What `verify` gives, and what is known of the version's signature.

        Raises:
            TamperedVersionError: A file is missing, changed or extra; it is named.
            UntrustedVersionError: Its signature is refused.
            UnavailableError: The files are not here, and the storage does not answer.
        """
        found = self.resolve(reference)
        if self._source is not None and not os.path.lexists(found.folder):
            with self._folders.locked(found.model):
                self._bring(self._source, found)
        verify_manifest(found.folder, found.digest)
        check_told(found)
        if self._trust.keys is not None:
            self._fetch_signature(found)
        return found, self._trust.check(found, signature_of(found.folder))

    def card(self, reference: ModelReference) -> tuple[RegisteredVersion, str]:
        """The version that a reference names, and its model card as things stand, as Markdown."""
        found = self.resolve(reference)
        with self._database.read() as session:
            row = ledger.row_of(session, found)
            return found, written_card(row, ledger.events_of(session, row.model, [row.version]))

    def state(self, model: str) -> ModelState:
        """All versions of a model and which one is live, as of one moment."""
        with self._database.read() as session:
            standings = ledger.standings(session, model)
            row = ledger.live_row(session, model)
            deleted = ledger.deleted_versions(session, model)
            sequence = ledger.last_sequence(session, model)
            history = ledger.first_digest(session, model)
            digests = frozenset(ledger.deleted_digests(session, model))
            event = ledger.last_digest(session, model)
        live = self._value(row) if row else None
        # One that was deleted may have been brought back from elsewhere.
        there = {one.version for one in standings}
        gone = tuple(number for number in deleted if number not in there)
        versions = tuple(
            live if live and one.version == live.version else self._standing(model, one)
            for one in standings
        )
        return ModelState(model, versions, live, gone, sequence, history, digests, event)

    def once(self, reference: ModelReference) -> RegisteredVersion:
        """The version that a reference names, or that had this number until it was deleted.

        Raises:
            UnknownModelError: The model has no versions, and never had this one.
            UnknownVersionError: It never had such a version, or nothing is in production.
        """
        try:
            return self.resolve(reference)
        except NotFoundError:
            number = reference.version
            gone = self.deletion(reference.model, number) if number else None
            if number is None or gone is None:
                raise
        return self._standing(
            reference.model, ledger.Standing(number, Status.ARCHIVED, gone.at, gone.manifest)
        )

    def history(self, model: str, newest: int | None = None) -> list[VersionEvent]:
        """What happened to a model's versions, the first first.

        Args:
            model: The model's name.
            newest: So many of the newest events; None for all.

        Raises:
            UnknownModelError: It has none.
        """
        checked_name(model, of="model")
        with self._database.read() as session:
            events = ledger.events(session, model, newest)
        if not events:
            raise self._unknown(model)
        return events

    def deletion(self, model: str, version: Version) -> VersionEvent | None:
        """The receipt of a version that was deleted; None if it never was."""
        with self._database.read() as session:
            return ledger.deletion(session, model, version)

    def check_history(self, model: str, noted: str | None = None) -> HistoryCheck:
        """Whether the history is what was written, and the versions what it made of them.

        Args:
            model: The model's name.
            noted: The digest of an event, as an earlier check gave it and somebody kept it.

        Raises:
            UnknownModelError: It has none.
        """
        checked_name(model, of="model")
        # Before the database, which may only grow meanwhile.
        witnesses = [("The JSON view", digest) for digest in self._folders.shown_digests(model)]
        witnesses += [("What was noted", noted)] if noted else []
        try:
            with self._database.read() as session:
                versions = [self._standing(model, one) for one in ledger.standings(session, model)]
                events = ledger.events(session, model)
                digest = ledger.last_digest(session, model)
        except ValueError as error:
            return HistoryCheck(0, GENESIS, (f"A row holds what nobody wrote: {error}.",))
        if not versions and not events:
            raise self._unknown(model)
        problems = [*breaks(model, events), *disagreements(events, versions)]
        known = {event.digest for event in events}
        problems += [
            f"{witness} has a digest that no event has: events were removed or made anew."
            for witness, digest in witnesses
            if digest not in known
        ]
        return HistoryCheck(len(events), digest, tuple(problems))

    def _bring(self, source: Source, version: RegisteredVersion) -> None:
        """Fetch a version's files, unless another process has; to be called under the lock."""
        if not os.path.lexists(version.folder):
            wanted = StoredVersion(version.model, version.version, version.digest)
            source.pull(wanted, version.folder)

    def _fetch_signature(self, version: RegisteredVersion) -> None:
        """Bring the signature of a version that has none here: it may have been signed since."""
        if self._source is None or os.path.lexists(signature_of(version.folder)):
            return
        wanted = StoredVersion(version.model, version.version, version.digest)
        try:
            content = self._source.signature(wanted)
            if content is None:
                return
            with self._folders.locked(version.model):
                is_wanted = version.folder.exists()
                if is_wanted and not os.path.lexists(signature_of(version.folder)):
                    self._folders.keep_signature(version.folder, content)
        except ClassmarkError as error:
            # Whether it may do without is another's question.
            logger.warning("No signature of %s could be brought: %s", version.name, error)

    def _standing(self, model: str, standing: ledger.Standing) -> RegisteredVersion:
        """A version of which nobody asks how it was made."""
        return RegisteredVersion(
            model=model,
            version=standing.version,
            status=Status(standing.status),
            created_at=standing.created_at,
            folder=self._folders.folder(model, standing.version),
            digest=standing.digest,
            metadata={},
        )

    def _unknown(self, model: str) -> UnknownModelError:
        known = self.models()
        train = f"classmark train DATASET --model {model} --family linear"
        return UnknownModelError(
            absent("model", model, known),
            remedy=f"Name one of these, or train it: {train}" if known else f"Train it: {train}",
        )

    def _value(self, row: Entry) -> RegisteredVersion:
        return RegisteredVersion(
            model=row.model,
            version=row.version,
            status=row.status,
            created_at=row.created_at,
            folder=self._folders.folder(row.model, row.version),
            digest=row.digest,
            metadata=row.details,
        )


def written_card(row: Entry, events: Sequence[VersionEvent]) -> str:
    """The model card of a version as things stand.

    Args:
        row: The version.
        events: Of its model, the first first; those that don't concern it may be left out.
    """
    return model_card(row.details, card_state(str(row.version), row.status, events))


def _row(session: Session, reference: ModelReference) -> Entry | None:
    """The version that a reference names, if it is there."""
    if reference.version is not None:
        return ledger.version_row(session, reference.model, reference.version)
    if reference.role == LATEST:
        return next(iter(ledger.version_rows(session, reference.model, 1)), None)
    return ledger.live_row(session, reference.model)


def _deletion(session: Session, reference: ModelReference) -> VersionEvent | None:
    """What is known of the deletion of the version that a reference names."""
    if reference.version is None:
        return None
    return ledger.deletion(session, reference.model, reference.version)


def _deleted(reference: ModelReference, gone: VersionEvent) -> UnknownVersionError:
    why = f", {gone.reason}" if gone.reason else ""
    return UnknownVersionError(
        f"{reference.model!r} has no version {reference.version} (deleted on "
        f"{gone.at:%Y-%m-%d} by {gone.actor}{why}).",
        remedy=f"See what happened: classmark history {reference.model}",
    )
