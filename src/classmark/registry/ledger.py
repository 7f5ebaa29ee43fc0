"""State and history of versions in the database, always changed together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ConflictError, UnknownVersionError
from classmark.registry.chain import GENESIS, link
from classmark.registry.gate import Status
from classmark.registry.records import Action, RegisteredVersion, VersionEvent
from classmark.registry.tables import EventRow, VersionRow
from classmark.registry.version import Version

_NUMBER = (VersionRow.major, VersionRow.minor, VersionRow.patch)
_STANDING = ("status", "created_at", "digest")
_NEWEST_FIRST = tuple(column.desc() for column in _NUMBER)


@dataclass(frozen=True, slots=True)
class Signature:
    """What happens, who does it, why and when."""

    action: Action
    actor: str
    reason: str
    at: datetime


@contextmanager
def changing(database: Database, model: str, lost: ConflictError) -> Iterator[Session]:
    """A transaction that changes one model's versions.

    The lock file keeps the processes of one machine apart. Machines that share a PostgreSQL are
    kept apart by its row locks and, where there is no row yet, by the unique constraints.

    Raises:
        ConflictError: `lost`, where another machine was first.
    """
    try:
        with database.write() as session:
            rows = select(VersionRow.id).where(VersionRow.model == model).order_by(VersionRow.id)
            # All changes of a model wait for the same row: its first.
            session.execute(rows.limit(1).with_for_update())
            yield session
    except IntegrityError as error:
        raise lost from error


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a version stands, without the details of how it was made."""

    version: Version
    status: str
    created_at: datetime
    digest: str


def version_rows(session: Session, model: str, newest: int | None = None) -> list[VersionRow]:
    """Versions of a model, the oldest first: all of them, or so many of the newest."""
    query = select(VersionRow).where(VersionRow.model == model)
    newest_first = session.scalars(query.order_by(*_NEWEST_FIRST).limit(newest)).all()
    return list(reversed(newest_first))


def standings(session: Session, model: str) -> list[Standing]:
    """Where all versions of a model stand, the oldest first: of many, it is cheap to ask."""
    columns = VersionRow.__table__.columns
    wanted = (columns[name] for name in ("major", "minor", "patch", *_STANDING))
    rows = session.execute(select(*wanted).where(VersionRow.model == model).order_by(*_NUMBER))
    return [Standing(Version(*row[:3]), *row[3:]) for row in rows]


def version_count(session: Session, model: str) -> int:
    """How many versions of a model there are."""
    query = select(func.count()).select_from(VersionRow).where(VersionRow.model == model)
    return session.scalar(query) or 0


def live_row(session: Session, model: str) -> VersionRow | None:
    """The version that is in production, if any."""
    query = select(VersionRow).where(
        VersionRow.model == model, VersionRow.status == Status.PRODUCTION.value
    )
    return session.scalar(query)


def version_row(session: Session, model: str, number: Version) -> VersionRow | None:
    """The version of a number, if it is there."""
    query = select(VersionRow).where(
        VersionRow.model == model,
        VersionRow.major == number.major,
        VersionRow.minor == number.minor,
        VersionRow.patch == number.patch,
    )
    return session.scalar(query)


def row_of(session: Session, version: RegisteredVersion) -> VersionRow:
    """The present row of a version that was there a moment ago.

    Raises:
        UnknownVersionError: Meanwhile somebody deleted it.
    """
    row = version_row(session, version.model, version.version)
    if row is None:
        raise UnknownVersionError(
            f"{version.name} was deleted meanwhile.",
            remedy=f"See what is there: classmark versions {version.model}",
        )
    return row


def add_version(session: Session, row: VersionRow, signature: Signature) -> None:
    """Add a version; what is live stays."""
    session.add(row)
    note(session, row, signature)


def move_production(
    session: Session, row: VersionRow, live: VersionRow | None, signature: Signature
) -> None:
    """Put `row` into production in place of `live`."""
    if live is not None:
        live.status = Status.ARCHIVED.value
        # The old one must be gone before the new one comes: the index allows one.
        session.flush()
    row.status = Status.PRODUCTION.value
    _append(session, row, (live, row), signature)


def retire_version(session: Session, row: VersionRow, signature: Signature) -> None:
    """Archive or delete a version that is not live, as is signed; its events stay in any case."""
    note(session, row, signature)
    if signature.action is Action.DELETED:
        session.delete(row)
    else:
        row.status = Status.ARCHIVED.value


def note(session: Session, row: VersionRow, signature: Signature) -> None:
    """Add what happened with a version that changed neither it nor what is live."""
    live = live_row(session, row.model)
    _append(session, row, (live, live), signature)


def deleted_versions(session: Session, model: str) -> list[Version]:
    """The numbers of versions that were deleted."""
    query = select(EventRow.version).where(
        EventRow.model == model, EventRow.action == Action.DELETED.value
    )
    return [Version.parse(written) for written in session.scalars(query)]


def first_digest(session: Session, model: str) -> str:
    """The digest of a model's first event: no other registry has a history that begins so."""
    query = select(EventRow.digest).where(EventRow.model == model, EventRow.sequence == 1)
    return session.scalar(query) or ""


def deleted_digests(session: Session, model: str) -> set[str]:
    """The manifests of versions that were made here and are gone."""
    of_model = select(EventRow.manifest).where(EventRow.model == model)
    made = of_model.where(EventRow.action == Action.REGISTERED.value)
    gone = of_model.where(EventRow.action == Action.DELETED.value)
    there = select(VersionRow.digest).where(VersionRow.model == model)
    found = [set(session.scalars(query)) for query in (made, gone, there)]
    return (found[0] & found[1]) - found[2]


def deletion(session: Session, model: str, version: Version) -> VersionEvent | None:
    """What is known of a version's deletion; None if it was never deleted."""
    query = _events(model).where(
        EventRow.action == Action.DELETED.value, EventRow.version == str(version)
    )
    found = session.execute(query.limit(1)).first()
    return _event(found) if found else None


def were_live(session: Session, model: str) -> list[Version]:
    """The versions that others took the place of, the last one first."""
    query = select(EventRow.production_before).where(
        EventRow.model == model, EventRow.production_before != EventRow.production_after
    )
    written = session.scalars(query.order_by(EventRow.sequence.desc()))
    return [Version.parse(number) for number in dict.fromkeys(written) if number]


def last_digest(session: Session, model: str) -> str:
    """The digest of a model's last event: it stands for the whole history."""
    last = _last_event(session, model)
    return last.digest if last else GENESIS


def last_sequence(session: Session, model: str) -> int:
    """The number of a model's last event; 0 if there is none."""
    last = _last_event(session, model)
    return last.sequence if last else 0


def unknown_digests(session: Session, model: str, digests: Sequence[str]) -> list[str]:
    """Those of the digests that no event of a model has."""
    query = select(EventRow.digest).where(EventRow.model == model, EventRow.digest.in_(digests))
    known = set(session.scalars(query))
    return [digest for digest in digests if digest not in known]


def events(session: Session, model: str, newest: int | None = None) -> list[VersionEvent]:
    """A model's history, the first event first: all of it, or so many of the newest events."""
    query = _events(model).order_by(EventRow.sequence.desc()).limit(newest)
    return [_event(row) for row in reversed(session.execute(query).all())]


def events_of(session: Session, model: str, version: Version) -> list[VersionEvent]:
    """What happened to one version, and when it went live or others took its place."""
    before, after = EventRow.production_before, EventRow.production_after
    moved = and_(or_(before == str(version), after == str(version)), before.is_distinct_from(after))
    query = _events(model).where(or_(EventRow.version == str(version), moved))
    return [_event(row) for row in session.execute(query.order_by(EventRow.sequence))]


def touched_since(session: Session, model: str, digest: str) -> set[Version]:
    """The versions that events concern which came after the one of a digest.

    Args:
        session: To read with.
        model: The model's name.
        digest: Of an event, or `GENESIS`; of another history, the last event alone counts.
    """
    known = select(EventRow.sequence).where(EventRow.model == model, EventRow.digest == digest)
    found = 0 if digest == GENESIS else session.scalar(known)
    since = last_sequence(session, model) - 1 if found is None else found
    query = select(EventRow.version, EventRow.production_before, EventRow.production_after).where(
        EventRow.model == model, EventRow.sequence > since
    )
    numbers: set[str | None] = set()
    for version, before, after in session.execute(query):
        numbers |= {version} if before == after else {version, before, after}
    return {Version.parse(number) for number in numbers if number}


def _events(model: str) -> Select[Any]:
    """Events as plain rows: there may be many, and none is ever changed."""
    return select(*EventRow.__table__.columns).where(EventRow.model == model)


def _event(row: EventRow | Row[Any]) -> VersionEvent:
    return VersionEvent(
        sequence=row.sequence,
        action=Action(row.action),
        version=row.version,
        production_before=row.production_before,
        production_after=row.production_after,
        actor=row.actor,
        reason=row.reason,
        at=row.at,
        manifest=row.manifest,
        digest=row.digest,
    )


def _last_event(session: Session, model: str) -> EventRow | None:
    query = select(EventRow).where(EventRow.model == model)
    return session.scalar(query.order_by(EventRow.sequence.desc()).limit(1))


def _append(
    session: Session,
    row: VersionRow,
    production: tuple[VersionRow | None, VersionRow | None],
    signature: Signature,
) -> None:
    last = _last_event(session, row.model)
    before, after = (str(live.version) if live else None for live in production)
    new = EventRow(
        model=row.model,
        sequence=last.sequence + 1 if last else 1,
        action=signature.action.value,
        version=str(row.version),
        production_before=before,
        production_after=after,
        actor=signature.actor,
        reason=signature.reason,
        # A clock that was set back must not tell that something was live before it was there.
        at=max(signature.at, last.at) if last else signature.at,
        manifest=row.digest,
        digest="",
    )
    new.digest = link(row.model, last.digest if last else GENESIS, _event(new))
    session.add(new)
