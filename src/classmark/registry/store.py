"""The registry: which versions there are, which one is live, and how that came to be."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ConflictError, PromotionRefusedError, VersionExistsError
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.following import Follower, tell
from classmark.registry.gate import (
    Status,
    check_archiving,
    check_deletion,
    check_promotion,
    check_rollback,
)
from classmark.registry.ledger import Signature
from classmark.registry.reading import VersionReader
from classmark.registry.records import Action, RegisteredVersion, VersionDraft
from classmark.registry.retention import Disposal, RetentionSettings, disposals
from classmark.registry.storage import Leftover, folder_megabytes, written_version
from classmark.registry.tables import VersionRow
from classmark.registry.version import (
    FIRST_VERSION,
    Bump,
    Lineage,
    ModelReference,
    Version,
    least_bump,
    proposed_bump,
)


class Registry(VersionReader):
    """All versions of all models of one home.

    State and history change in one transaction; link and JSON view follow from the database.

    Args:
        database: Where state and history are kept.
        models: The folder of the versions' files.
        now: The clock.
        actor: Who is written into the history.
        followers: Places elsewhere that follow what is live here.
    """

    def __init__(
        self,
        database: Database,
        models: Path,
        *,
        now: Callable[[], datetime],
        actor: str,
        followers: Sequence[Follower] = (),
    ) -> None:
        super().__init__(database, models)
        self._now = now
        self._actor = actor
        self._followers = followers

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
            self._folders.set_aside(draft.model, version)
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

    def archive(self, reference: ModelReference, reason: str = "") -> RegisteredVersion:
        """Mark a version as done with; its files stay, and it may still go live.

        Raises:
            ConflictError: It is in production, or archived already.
        """
        target = self.resolve(reference)
        with self._changing(target.model) as session:
            row = ledger.row_of(session, target)
            check_archiving(row.version, Status(row.status))
            ledger.retire_version(session, row, self._signed(Action.ARCHIVED, reason))
        return self._value(row)

    def delete(
        self, reference: ModelReference, reason: str = "", *, dry_run: bool = False
    ) -> RegisteredVersion:
        """Remove a version and its files; the history keeps that it was there.

        Its number is never given again.

        Args:
            reference: The version.
            reason: For the history.
            dry_run: Ask only whether it may go.

        Raises:
            ConflictError: It is in production.
        """
        target = self.resolve(reference)
        if dry_run:
            check_deletion(target.version, target.status)
            return target
        with self._changing(target.model) as session:
            row = ledger.row_of(session, target)
            check_deletion(row.version, Status(row.status))
            ledger.retire_version(session, row, self._signed(Action.DELETED, reason))
        self._remove(target)
        return target

    def _remove(self, version: RegisteredVersion) -> None:
        """The files of a version that is gone for everybody; `tidy` removes what a kill leaves."""
        with self._folders.locked(version.model):
            self._folders.remove(version.folder)

    def retire(
        self, model: str, settings: RetentionSettings, *, dry_run: bool = False
    ) -> Iterator[Disposal]:
        """Archive and delete what the rule of retention says, one version after the other.

        Args:
            model: The model's name.
            settings: What is kept.
            dry_run: Change nothing.

        Yields:
            What was done, or would be.

        Raises:
            UnknownModelError: It has no versions.
        """
        self.versions(model)
        if dry_run:
            with self._database.read() as session:
                yield from self._disposals(session, model, settings)
            return
        while (done := self._retire_one(model, settings)) is not None:
            yield done

    def _retire_one(self, model: str, settings: RetentionSettings) -> Disposal | None:
        """Do the first thing that the rule says as things stand now, if there is one."""
        with self._changing(model) as session:
            found = next(iter(self._disposals(session, model, settings)), None)
            if found is None:
                return None
            row = ledger.row_of(session, found.version)
            ledger.retire_version(session, row, self._signed(found.action, found.reason))
        if found.action is Action.DELETED:
            self._remove(found.version)
        return found

    def _disposals(
        self, session: Session, model: str, settings: RetentionSettings
    ) -> list[Disposal]:
        versions = [self._value(row) for row in ledger.version_rows(session, model)]
        return list(disposals(versions, ledger.events(session, model), settings, self._now()))

    def tidy(self, model: str, *, unknown: bool = False, dry_run: bool = False) -> list[Leftover]:
        """Remove what processes left behind that died, and mend link and view.

        Args:
            model: The model's name.
            unknown: Remove also whole versions that the database does not know. They may have been
                made with another database.
            dry_run: Remove nothing.

        Returns:
            What is no part of a version: each thing with what it is and whether it went.

        Raises:
            UnavailableError: Something could not be removed.
        """
        checked_name(model, of="model")
        with self._folders.locked(model):
            with self._database.read() as session:
                present = {row.version for row in ledger.version_rows(session, model)}
                deleted = set(ledger.deleted_versions(session, model))
            found = self._folders.leftovers(model, present, deleted)
            if dry_run:
                return found
            if present or deleted:
                self._show(model)
            return [
                self._folders.cleared(one) if unknown or not one.may_be_wanted else one
                for one in found
            ]

    def _next_version(self, draft: VersionDraft, bump: Bump | None) -> Version:
        with self._database.read() as session:
            rows = ledger.version_rows(session, draft.model)
            deleted = ledger.deleted_versions(session, draft.model)
        if not rows and not deleted:
            return FIRST_VERSION
        newest = max([*deleted, *(row.version for row in rows)])
        if not rows:
            # Nothing is known any more of what they were.
            return newest.next(bump or Bump.MAJOR)
        latest = rows[-1]
        before = Lineage(
            latest.details["architecture"],
            tuple(latest.details["labels"]),
            latest.details["dataset_fingerprint"],
        )
        rises = {proposed_bump(before, draft.lineage), least_bump(newest, latest.version)}
        return newest.next(bump or next(one for one in Bump if one in rises))

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
            self._folders.set_aside(row.model, row.version)
            raise

    def _live_before(self, model: str) -> Version:
        """The version that was live last before the present one and is older than it."""
        present = {version.version for version in self.versions(model)}
        events = self.history(model)
        live = events[-1].production_after
        for event in reversed(events):
            earlier = Version.parse(event.production_before) if event.production_before else None
            if live and earlier in present and earlier < Version.parse(live):
                return earlier
        raise PromotionRefusedError(
            f"No earlier version of {model!r} was in production.",
            remedy="Name the version to go back to with --to.",
        )

    def _move_production(
        self, target: RegisteredVersion, action: Action, reason: str
    ) -> RegisteredVersion:
        check = check_promotion if action is Action.PROMOTED else check_rollback
        for follower in self._followers:
            follower.prepare(target)
        with self._changing(target.model) as session:
            row = ledger.row_of(session, target)
            live = ledger.live_row(session, target.model)
            check(row.version, Status(row.status), live.version if live else None)
            ledger.move_production(session, row, live, self._signed(action, reason))
        return self._value(row)

    @contextmanager
    def _changing(self, model: str) -> Iterator[Session]:
        """A transaction on a model's versions, under its lock; link and view follow it."""
        lost = ConflictError(
            f"Another machine changed the versions of {model!r} at the same moment.",
            remedy=f"See how they are now: classmark versions {model}",
        )
        with self._folders.locked(model):
            try:
                with ledger.changing(self._database, model, lost) as session:
                    yield session
            finally:
                # Refused or not: a process that died here left link and view behind its change.
                self._show(model)
        if self._followers:
            tell(self._followers, self.state(model))

    def _signed(self, action: Action, reason: str) -> Signature:
        return Signature(action, self._actor, reason, self._now())

    def _show(self, model: str) -> None:
        with self._database.read() as session:
            rows = ledger.version_rows(session, model)
            live = ledger.live_row(session, model)
            digest = ledger.last_digest(session, model)
            # What the view knew of and is gone stays told, until somebody has looked at it.
            shown = self._folders.shown_digests(model)
            lost = ledger.unknown_digests(session, model, shown)
        view: dict[str, Any] = {
            "model": model,
            "production_version": str(live.version) if live else None,
            "latest_version": str(rows[-1].version) if rows else None,
            "history_digest": digest,
            **({"lost_digests": lost} if lost else {}),
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
