"""The registry: which versions there are, which one is live, and how that came to be."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from classmark.database import Database
from classmark.errors import (
    PromotionRefusedError,
    UnknownModelError,
    UnknownVersionError,
    VersionExistsError,
)
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.gate import Status, check_promotion, check_rollback
from classmark.registry.integrity import verify_manifest
from classmark.registry.ledger import Signature
from classmark.registry.records import Action, RegisteredVersion, VersionDraft, VersionEvent
from classmark.registry.storage import VersionFolders, folder_megabytes, written_version
from classmark.registry.tables import VersionRow
from classmark.registry.version import (
    FIRST_VERSION,
    LATEST,
    Bump,
    Lineage,
    ModelReference,
    Version,
    proposed_bump,
)


class Registry:
    """All versions of all models of one home.

    State and history change in one transaction; link and JSON view follow from the database.

    Args:
        database: Where state and history are kept.
        models: The folder of the versions' files.
        now: The clock.
        actor: Who is written into the history.
    """

    def __init__(
        self, database: Database, models: Path, *, now: Callable[[], datetime], actor: str
    ) -> None:
        self._database = database
        self._folders = VersionFolders(models)
        self._now = now
        self._actor = actor

    def register(self, draft: VersionDraft, bump: Bump | None = None) -> RegisteredVersion:
        """Give a trained artifact its version and keep it.

        Args:
            draft: What was trained.
            bump: Which number rises; None takes what differs from the latest version.

        Raises:
            VersionExistsError: Another machine took the number at the same moment.
            UnavailableError: The files could not be written.
        """
        checked_name(draft.model, of="model")
        with self._folders.locked(draft.model):
            version = self._next_version(draft, bump)
            self._folders.tidy(draft.model, version)
            created_at = self._now()
            metadata = {
                **draft.metadata,
                "name": written_version(draft.model, version),
                "version": str(version),
                "created_at": created_at.isoformat(timespec="seconds"),
                "labels": list(draft.lineage.labels),
                "architecture": draft.lineage.architecture,
                "dataset_fingerprint": draft.lineage.dataset_fingerprint,
                "size_mb": folder_megabytes(draft.artifact),
            }
            digest = self._folders.publish(draft.model, version, draft.artifact, metadata)
            row = VersionRow(
                model=draft.model,
                major=version.major,
                minor=version.minor,
                patch=version.patch,
                status=Status.TESTING.value,
                digest=digest,
                created_at=created_at,
                details=metadata,
            )
            self._enter(row, self._signed(Action.REGISTERED, draft.reason))
            self._show(draft.model)
            return self._value(row)

    def models(self) -> list[str]:
        """The names of all models, sorted."""
        with self._database.read() as session:
            return list(session.scalars(select(VersionRow.model).distinct().order_by("model")))

    def versions(self, model: str) -> list[RegisteredVersion]:
        """All versions of a model, the oldest first.

        Raises:
            UnknownModelError: It has none.
        """
        checked_name(model, of="model")
        with self._database.read() as session:
            rows = ledger.version_rows(session, model)
        if not rows:
            known = ", ".join(self.models()) or "none yet"
            raise UnknownModelError(
                f"There is no model {model!r} (known: {known}).",
                remedy=f"Train it: classmark train DATASET --model {model} --family linear",
            )
        return [self._value(row) for row in rows]

    def resolve(self, reference: ModelReference) -> RegisteredVersion:
        """The version that a reference names.

        Raises:
            UnknownModelError: The model has no versions.
            UnknownVersionError: It has no such version, or nothing is in production.
        """
        versions = self.versions(reference.model)
        if reference.role == LATEST:
            return versions[-1]
        for version in versions:
            if reference.version in {version.version, None} and (
                reference.version or version.status is Status.PRODUCTION
            ):
                return version
        known = ", ".join(str(version.version) for version in versions[-5:])
        if reference.version is None:
            raise UnknownVersionError(
                f"No version of {reference.model!r} is in production (it has {known}).",
                remedy=f"Promote one: classmark promote {reference.model}@{versions[-1].version}",
            )
        raise UnknownVersionError(
            f"{reference.model!r} has no version {reference.version} (it has {known}).",
            remedy=f"See them all: classmark versions {reference.model}",
        )

    def verify(self, reference: ModelReference) -> RegisteredVersion:
        """The version that a reference names, every byte of it checked.

        Raises:
            TamperedVersionError: A file is missing, changed or extra; it is named.
        """
        found = self.resolve(reference)
        verify_manifest(found.folder, found.digest)
        return found

    def promote(self, reference: ModelReference, reason: str = "") -> RegisteredVersion:
        """Put a version into production in place of the one that is there.

        Raises:
            PromotionRefusedError: It is live already or older than production.
            TamperedVersionError: It is not intact.
        """
        return self._move_production(self.verify(reference), Action.PROMOTED, reason)

    def rollback(
        self, model: str, to: Version | None = None, reason: str = ""
    ) -> RegisteredVersion:
        """Put an earlier version back into production.

        Args:
            model: The model's name.
            to: The version; None takes the one that was live last before the present one and is
                older than it.
            reason: For the history.

        Raises:
            PromotionRefusedError: There is nothing to go back to, or `to` is newer.
            TamperedVersionError: It is not intact.
        """
        target = self.verify(ModelReference(model, to or self._live_before(model)))
        return self._move_production(target, Action.ROLLED_BACK, reason)

    def history(self, model: str) -> list[VersionEvent]:
        """Everything that happened to a model's versions, the first first.

        Raises:
            UnknownModelError: It has none.
        """
        self.versions(model)
        with self._database.read() as session:
            return ledger.events(session, model)

    def _next_version(self, draft: VersionDraft, bump: Bump | None) -> Version:
        with self._database.read() as session:
            rows = ledger.version_rows(session, draft.model)
        if not rows:
            return FIRST_VERSION
        latest = rows[-1]
        before = Lineage(
            latest.details["architecture"],
            tuple(latest.details["labels"]),
            latest.details["dataset_fingerprint"],
        )
        return latest.version.next(bump or proposed_bump(before, draft.lineage))

    def _enter(self, row: VersionRow, signature: Signature) -> None:
        lost = VersionExistsError(
            f"Another machine registered {row.model} {row.version} at the same moment.",
            remedy="Its bytes were kept apart from yours; register yours again.",
        )
        try:
            with ledger.changing(self._database, row.model, lost) as session:
                ledger.add_version(session, row, signature)
        except VersionExistsError:
            # Here lie bytes under a name that belongs to others.
            self._folders.tidy(row.model, row.version)
            raise

    def _live_before(self, model: str) -> Version:
        """The version that was live last before the present one and is older than it."""
        events = self.history(model)
        live = events[-1].production_after
        for event in reversed(events):
            earlier = event.production_before
            if live and earlier and Version.parse(earlier) < Version.parse(live):
                return Version.parse(earlier)
        raise PromotionRefusedError(
            f"No earlier version of {model!r} was in production.",
            remedy="Name the version to go back to with --to.",
        )

    def _move_production(
        self, target: RegisteredVersion, action: Action, reason: str
    ) -> RegisteredVersion:
        check = check_promotion if action is Action.PROMOTED else check_rollback
        lost = PromotionRefusedError(
            f"Another machine moved the production of {target.model!r} at the same moment.",
            remedy=f"See what is live now: classmark versions {target.model}",
        )
        with self._folders.locked(target.model):
            try:
                with ledger.changing(self._database, target.model, lost) as session:
                    row = ledger.row_of(session, target)
                    live = ledger.live_row(session, target.model)
                    check(row.version, Status(row.status), live.version if live else None)
                    ledger.move_production(session, row, live, self._signed(action, reason))
            finally:
                # Refused or not: a process that died here left link and view behind its change.
                self._show(target.model)
        return self._value(row)

    def _signed(self, action: Action, reason: str) -> Signature:
        return Signature(action, self._actor, reason, self._now())

    def _show(self, model: str) -> None:
        with self._database.read() as session:
            rows = ledger.version_rows(session, model)
            live = ledger.live_row(session, model)
        view: dict[str, Any] = {
            "model": model,
            "production_version": str(live.version) if live else None,
            "latest_version": str(rows[-1].version),
            "versions": [
                {
                    "version": str(row.version),
                    "path": written_version(model, row.version),
                    "created_at": row.created_at.isoformat(timespec="seconds"),
                    "status": row.status,
                }
                for row in rows
            ],
        }
        self._folders.show(model, live.version if live else None, view)

    def _value(self, row: VersionRow) -> RegisteredVersion:
        return RegisteredVersion(
            model=row.model,
            version=row.version,
            status=Status(row.status),
            created_at=row.created_at,
            folder=self._folders.folder(row.model, row.version),
            digest=row.digest,
            metadata=row.details,
        )
