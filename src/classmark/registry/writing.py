"""How a change of versions is made: under a lock, in one transaction, then shown and told."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ConflictError, VersionExistsError
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.chain import GENESIS
from classmark.registry.following import Follower, Source, tell
from classmark.registry.gate import Status
from classmark.registry.ledger import Signature
from classmark.registry.reading import VersionReader
from classmark.registry.records import Action
from classmark.registry.tables import VersionRow
from classmark.registry.version import Version


class VersionWriter(VersionReader):
    """What every change of a home's versions needs.

    State and history change in one transaction; link and JSON view follow from the database.

    Args:
        database: Where state and history are kept.
        models: The folder of the versions' files.
        now: The clock.
        actor: Who is written into the history.
        followers: Places elsewhere that follow what is live here. If one of them is a source too,
            files come from it that are not here.
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
        sources = (place for place in followers if isinstance(place, Source))
        super().__init__(database, models, next(sources, None))
        self._now = now
        self._actor = actor
        self._followers = followers

    @contextmanager
    def _changing(self, model: str) -> Iterator[Session]:
        """A transaction on a model's versions, under its lock; link and view follow it."""
        with self._folders.locked(model):
            try:
                with self._transaction(model) as session:
                    yield session
            finally:
                # Refused or not: a process that died here left link and view behind its change.
                self._show(model)
        self._tell(model)

    @contextmanager
    def _transaction(self, model: str) -> Iterator[Session]:
        """A transaction on a model's versions, to be made under its lock."""
        lost = ConflictError(
            f"Another machine changed the versions of {model!r} at the same moment.",
            remedy=f"See how they are now: classmark versions {model}",
        )
        with ledger.changing(self._database, model, lost) as session:
            yield session

    def _enter(self, row: VersionRow, signature: Signature) -> None:
        """Add a version whose files are in their place; to be called under the lock."""
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

    def _signed(self, action: Action, reason: str) -> Signature:
        return Signature(action, self._actor, reason, self._now())

    def behind(self, model: str) -> list[str]:
        """Where link and JSON view do not say what the database says, a sentence each.

        The next change of the model mends them, and so does `tidy`.
        """
        checked_name(model, of="model")
        found = self._folders.behind(model, *self._view(model))
        if not found:
            return found
        # A change may be under way: who has the lock after it sees its end.
        with self._folders.locked(model):
            return self._folders.behind(model, *self._view(model))

    def _tell(self, model: str) -> None:
        if self._followers:
            tell(self._followers, self.state(model))

    def _show(self, model: str) -> None:
        """Let cards, link and view follow the database; to be called under the lock."""
        # Before the view, which tells up to which event the cards were written.
        shown = self._folders.shown_digests(model)
        with self._database.read() as session:
            for version in ledger.touched_since(session, model, next(iter(shown), GENESIS)):
                row = ledger.version_row(session, model, version)
                card = self._card(session, row) if row else None
                self._folders.keep_card(model, version, card)
        self._folders.show(model, *self._view(model))

    def _view(self, model: str) -> tuple[Version | None, dict[str, Any]]:
        """Which version is live, and what the JSON view has to say."""
        with self._database.read() as session:
            standings = ledger.standings(session, model)
            digest = ledger.last_digest(session, model)
            # What the view knew of and is gone stays told, until somebody has looked at it.
            shown = self._folders.shown_digests(model)
            lost = ledger.unknown_digests(session, model, shown)
        live = next((one.version for one in standings if one.status == Status.PRODUCTION), None)
        return live, {
            "model": model,
            "production_version": str(live) if live else None,
            "latest_version": str(standings[-1].version) if standings else None,
            "history_digest": digest,
            **({"lost_digests": lost} if lost else {}),
            "versions": [
                {
                    "version": number,
                    "path": f"{model}_{number}",
                    "created_at": one.created_at.isoformat(timespec="seconds"),
                    "status": one.status,
                }
                for one in standings
                for number in [str(one.version)]
            ],
        }
