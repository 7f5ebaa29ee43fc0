"""The registry: which versions there are, which one is live, and how that came to be."""

import orjson

from classmark.durable import as_json
from classmark.errors import ConflictError
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.following import prepare
from classmark.registry.gate import (
    Beside,
    Status,
    check_promotion,
    check_rollback,
    no_way_back,
)
from classmark.registry.integrity import verify_manifest
from classmark.registry.pulling import VersionPuller
from classmark.registry.records import Action, RegisteredVersion, VersionDraft
from classmark.registry.signing import SigningKey, signed
from classmark.registry.storage import folder_megabytes, written_version
from classmark.registry.version import (
    FIRST_VERSION,
    Bump,
    Lineage,
    ModelReference,
    Version,
    least_bump,
    proposed_bump,
)


class Registry(VersionPuller):
    """All versions of all models of one home; built like `VersionWriter`."""

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
            # As it is read back: the database is to say what the file says.
            metadata = orjson.loads(
                as_json(
                    {
                        **draft.metadata,
                        "name": written_version(draft.model, version),
                        "version": str(version),
                        "created_at": created_at.isoformat(timespec="seconds"),
                        "labels": list(draft.lineage.labels),
                        "architecture": draft.lineage.architecture,
                        "dataset_fingerprint": draft.lineage.dataset_fingerprint,
                        "size_mb": folder_megabytes(draft.artifact),
                    }
                )
            )
            with self._folders.unfinished(draft.model, version):
                digest = self._folders.publish(draft.model, version, draft.artifact, metadata)
                row = ledger.Entry(
                    model=draft.model,
                    version=version,
                    status=Status.TESTING,
                    digest=digest,
                    created_at=created_at,
                    details=metadata,
                )
                self._enter(row, self._signed(Action.REGISTERED, draft.reason))
            self._show(draft.model)
            return self._value(row)

    def promote(
        self, reference: ModelReference, reason: str = "", *, against: Beside | None = None
    ) -> RegisteredVersion:
        """Put a version into production in place of the one that is there.

        Args:
            reference: The version.
            reason: For the history.
            against: What the version was judged beside, which must be as it was, be it that nothing
                was live; None if it was not judged.

        Raises:
            PromotionRefusedError: It is live already or older than production.
            ConflictError: Meanwhile another version went live than that of `against`.
            TamperedVersionError: It is not intact.
        """
        return self._move_production(self.verify(reference), Action.PROMOTED, reason, against)

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

    def note_fallback(self, answering: RegisteredVersion, reason: str) -> None:
        """Let the history tell that a server fell back to a version; what is live stays.

        Args:
            answering: The version that answers in place of the live one.
            reason: Which one can't be loaded, and why.

        Raises:
            UnavailableError: The history could not be written.
        """
        with self._changing(answering.model) as session:
            row = ledger.row_of(session, answering)
            ledger.note(session, row, self._signed(Action.FELL_BACK, reason))

    def adopt(self, version: RegisteredVersion, reason: str = "") -> RegisteredVersion:
        """Put a version into production, forward or back, as it is live elsewhere.

        Raises:
            TamperedVersionError: It is not intact.
        """
        live = self.live(version.model)
        if live is not None and live.version == version.version:
            return live
        if live is not None and version.version < live.version:
            return self.rollback(version.model, version.version, reason)
        return self.promote(ModelReference(version.model, version.version), reason)

    def sign(
        self, reference: ModelReference, key: SigningKey, reason: str = ""
    ) -> tuple[RegisteredVersion, str]:
        """Vouch for a version with a private key; a signature that it has is replaced.

        Returns:
            The version and the key's fingerprint.

        Raises:
            TamperedVersionError: It is not intact.
            SettingError: The key can't be used.
            MissingExtraError: What signs is not installed.
        """
        target = self.resolve(reference)
        verify_manifest(target.folder, target.digest)
        content, fingerprint = signed(target, key)
        told = f"{reason} (key {fingerprint})" if reason else f"key {fingerprint}"
        with self._telling(target.model), self._showing(target.model):
            with self._transaction(target.model) as session:
                row = ledger.row_of(session, target)
                ledger.note(session, row, self._signed(Action.SIGNED, told))
            # Last: there is no signature of which the history does not tell.
            self._folders.keep_signature(target.folder, content)
        return target, fingerprint

    def _next_version(self, draft: VersionDraft, bump: Bump | None) -> Version:
        with self._database.read() as session:
            latest = next(iter(ledger.version_rows(session, draft.model, 1)), None)
            deleted = ledger.deleted_versions(session, draft.model)
        if latest is None and not deleted:
            return FIRST_VERSION
        newest = max([*deleted, *([latest.version] if latest else [])])
        if latest is None:
            # Nothing is known any more of what they were.
            return newest.next(bump or Bump.MAJOR)
        before = Lineage(
            latest.details["architecture"],
            tuple(latest.details["labels"]),
            latest.details["dataset_fingerprint"],
        )
        rises = {proposed_bump(before, draft.lineage), least_bump(newest, latest.version)}
        return newest.next(bump or next(one for one in Bump if one in rises))

    def _live_before(self, model: str) -> Version:
        """The version that was live last before the present one and is older than it."""
        self.versions(model, newest=1)
        with self._database.read() as session:
            live = ledger.live_version(session, model)
            for earlier in ledger.were_live(session, model):
                is_older = live is not None and earlier < live
                if is_older and ledger.version_row(session, model, earlier):
                    return earlier
            known = [row.version for row in ledger.version_rows(session, model)]
        raise no_way_back(model, live, known)

    def _move_production(
        self,
        target: RegisteredVersion,
        action: Action,
        reason: str,
        against: Beside | None = None,
    ) -> RegisteredVersion:
        check = check_promotion if action is Action.PROMOTED else check_rollback
        # Going back is what one does in trouble: no place elsewhere holds it up.
        prepare(self._followers, target, is_emergency=action is Action.ROLLED_BACK)
        with self._changing(target.model) as session:
            row = ledger.row_of(session, target)
            live = ledger.live_version(session, target.model)
            check(target.model, row.version, row.status, live)
            if against is not None and against.live != live:
                raise ConflictError(
                    f"{target.name} was judged {against}; now {live or 'nothing'} is live.",
                    remedy=f"Promote it again: it is judged beside what is live now, as"
                    f" classmark history {target.model} tells.",
                )
            moved = ledger.move_production(session, row, live, self._signed(action, reason))
        return self._value(moved)
