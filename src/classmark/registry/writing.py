"""How a change of versions is made: under a lock, in one transaction, then shown and told."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ClassmarkError, ConflictError, VersionExistsError
from classmark.naming import checked_name
from classmark.registry import ledger
from classmark.registry.chain import GENESIS
from classmark.registry.following import Follower, Lag, Source, catch_up, tell
from classmark.registry.gate import Status
from classmark.registry.ledger import Entry, Signature
from classmark.registry.reading import VersionReader, written_card
from classmark.registry.records import Action
from classmark.registry.version import Version
from classmark.wording import one_line


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
        """A transaction on a model's versions, under its lock; all that follows it does so."""
        with self._telling(model), self._showing(model), self._transaction(model) as session:
            yield session

    @contextmanager
    def _showing(self, model: str) -> Iterator[None]:
        """Hold a model's lock; link and view follow when the block ends."""
        with self._folders.locked(model):
            try:
                yield
            finally:
                # Refused or not: a process that died here left link and view behind its change.
                self._show(model)

    @contextmanager
    def _telling(self, model: str) -> Iterator[None]:
        """Tell the places elsewhere when the block ends."""
        try:
            yield
        except ClassmarkError:
            # As above: what is refused may have been done by a process that died before it told.
            self._tell(model)
            raise
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

    def _enter(self, row: Entry, signature: Signature) -> None:
        """Add a version whose files are in their place; to be called under the lock."""
        lost = VersionExistsError(
            f"Another machine registered {row.model} {row.version} at the same moment.",
            remedy="Register yours again; it gets the next number.",
        )
        try:
            with ledger.changing(self._database, row.model, lost) as session:
                ledger.add_version(session, row, signature)
        except VersionExistsError:
            # Here lie bytes under a name that belongs to others.
            self._folders.set_aside(row.model, row.version)
            raise

    def _signed(self, action: Action, reason: str) -> Signature:
        return Signature(action, one_line(self._actor), one_line(reason), self._now())

    def behind(self, model: str) -> list[str]:
        """Where link and JSON view do not say what the database says, a sentence each.

        The next change of the model mends them, and so does `tidy`.
        """
        checked_name(model, of="model")
        found = self._behind(model)
        if not found:
            return found
        # A change may be under way: who has the lock after it sees its end.
        with self._folders.locked(model):
            return self._behind(model)

    def _behind(self, model: str) -> list[str]:
        shown = self._folders.shown_digests(model)
        with self._database.read() as session:
            return self._folders.behind(model, *_view(session, model, shown))

    def _tell(self, model: str) -> None:
        tell(self._followers, model, self.state)

    def catch_up(self, *, dry_run: bool = False) -> list[Lag]:
        """Let places elsewhere make up for changes of all models that they missed.

        Args:
            dry_run: Only ask where they are behind those that can tell at little cost.

        Returns:
            What was behind, and what still is.
        """
        models = self.histories() if self._followers else []
        return [
            lag
            for follower in self._followers
            for lag in catch_up(follower, models, self.state, dry_run=dry_run)
        ]

    def _show(self, model: str, cardless: Collection[Version] = ()) -> None:
        """Let cards, link and view follow the database; to be called under the lock.

        Args:
            model: The model's name.
            cardless: Versions that get a card beside those that something happened to.
        """
        shown = self._folders.shown_digests(model)
        with self._database.read() as session:
            touched = ledger.touched_since(session, model, next(iter(shown), GENESIS))
            cards = _cards(session, model, touched.union(cardless))
            live, view = _view(session, model, shown)
        # Before the view, which tells up to which event the cards were written.
        for version, card in cards.items():
            self._folders.keep_card(model, version, card)
        self._folders.show(model, live, view)


def _cards(
    session: Session, model: str, versions: Collection[Version]
) -> dict[Version, str | None]:
    """The cards of versions as things stand; None where one is gone."""
    events = ledger.events_of(session, model, versions)
    rows = ledger.some_rows(session, model, versions)
    return dict.fromkeys(versions) | {row.version: written_card(row, events) for row in rows}


def _view(
    session: Session, model: str, shown: Sequence[str]
) -> tuple[Version | None, dict[str, Any]]:
    """Which version is live, and what the JSON view has to say.

    Args:
        session: To read with.
        model: The model's name.
        shown: The digests that the view told of. What it knew of and is gone stays told, until
            somebody has looked at it.
    """
    standings = ledger.standings(session, model)
    lost = ledger.unknown_digests(session, model, shown)
    live = next((one.version for one in standings if one.status == Status.PRODUCTION), None)
    return live, {
        "model": model,
        "production_version": str(live) if live else None,
        "latest_version": str(standings[-1].version) if standings else None,
        "history_digest": ledger.last_digest(session, model),
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
