"""Versions that are done with: archived, deleted, retired by a rule; and what kills leave."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.gate import check_archiving, check_deletion
from classmark.registry.leftovers import Leftover
from classmark.registry.records import Action, RegisteredVersion
from classmark.registry.retention import Disposal, RetentionSettings, disposals
from classmark.registry.version import ModelReference
from classmark.registry.writing import VersionWriter


@dataclass(slots=True)
class _Plan:
    """What the rule of retention said, for as long as nobody else changes the model.

    Attributes:
        left: What is still to be done.
        sequence: The number of the last event when that was so.
    """

    left: deque[Disposal] = field(default_factory=deque)
    sequence: int = -1


class VersionKeeper(VersionWriter):
    """Takes versions out of use; built like `VersionWriter`."""

    def archive(self, reference: ModelReference, reason: str = "") -> RegisteredVersion:
        """Mark a version as done with; its files stay, and it may still go live.

        Raises:
            ConflictError: It is in production, or archived already.
        """
        target = self.resolve(reference)
        with self._changing(target.model) as session:
            row = ledger.row_of(session, target)
            check_archiving(row.version, row.status)
            retired = ledger.retire_version(session, row, self._signed(Action.ARCHIVED, reason))
        return self._value(retired)

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
        with self._telling(target.model):
            with self._showing(target.model), self._transaction(target.model) as session:
                row = ledger.row_of(session, target)
                check_deletion(row.version, row.status)
                ledger.retire_version(session, row, self._signed(Action.DELETED, reason))
            # First here: whoever is told may take long, or not be there.
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

        Link and view follow when all is done: of many versions, that is most of the work.

        Args:
            model: The model's name.
            settings: What is kept.
            dry_run: Change nothing.

        Yields:
            What was done, or would be.

        Raises:
            UnknownModelError: It has no versions.
        """
        self.versions(model, newest=1)
        if dry_run:
            with self._database.read() as session:
                yield from self._disposals(session, model, settings)
            return
        plan = _Plan()
        try:
            while (done := self._retire_one(model, settings, plan)) is not None:
                yield done
        finally:
            with self._folders.locked(model):
                self._show(model)
            self._tell(model)

    def _retire_one(self, model: str, settings: RetentionSettings, plan: _Plan) -> Disposal | None:
        """Do the first thing that the rule says as things stand now, if there is one."""
        with self._folders.locked(model), self._transaction(model) as session:
            if ledger.last_sequence(session, model) != plan.sequence:
                plan.left = deque(self._disposals(session, model, settings))
            if not plan.left:
                return None
            found = plan.left.popleft()
            row = ledger.row_of(session, found.version)
            ledger.retire_version(session, row, self._signed(found.action, found.reason))
            plan.sequence = ledger.last_sequence(session, model)
        if found.action is Action.DELETED:
            self._remove(found.version)
        return found

    def _disposals(
        self, session: Session, model: str, settings: RetentionSettings
    ) -> list[Disposal]:
        versions = [self._value(row) for row in ledger.version_rows(session, model)]
        return list(disposals(versions, ledger.events(session, model), settings, self._now()))

    def tidy(self, model: str, *, unknown: bool = False, dry_run: bool = False) -> list[Leftover]:
        """Remove what processes left behind that died, and mend link, view and cards.

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
                present = {one.version for one in ledger.standings(session, model)}
                deleted = set(ledger.deleted_versions(session, model))
            found = self._folders.leftovers(model, present, deleted)
            if dry_run:
                return found
            if present or deleted:
                self._show(model, self._folders.cardless(model, present))
            return [
                self._folders.cleared(one) if unknown or not one.may_be_wanted else one
                for one in found
            ]
