"""State and history of versions in the database, always changed together."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Row, Update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from classmark.database import Database
from classmark.errors import ConflictError, UnknownVersionError
from classmark.registry import statements
from classmark.registry.chain import GENESIS, link
from classmark.registry.gate import Status
from classmark.registry.records import Action, RegisteredVersion, VersionEvent
from classmark.registry.version import Version


@dataclass(frozen=True, slots=True)
class Signature:
    """What happens, who does it, why and when."""

    action: Action
    actor: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a version stands, without the details of how it was made."""

    version: Version
    status: str
    created_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A version as the database keeps it.

    Attributes:
        model: The model's name.
        version: Its number.
        status: Where it stands.
        digest: SHA-256 of its manifest.
        created_at: When it was registered.
        details: Its metadata.
    """

    model: str
    version: Version
    status: Status
    digest: str
    created_at: datetime
    details: Mapping[str, Any]


@contextmanager
def changing(database: Database, model: str, lost: ConflictError) -> Iterator[Session]:
    """A transaction that changes one model's versions.

    The lock file keeps the processes of one machine apart, and SQLite's transaction all that write.
    Machines that share a PostgreSQL are kept apart by its row locks and, where there is no row yet,
    by the unique constraints.

    Raises:
        ConflictError: `lost`, where another machine was first.
    """
    try:
        with database.write() as session:
            if session.get_bind().dialect.name != "sqlite":
                # All changes of a model wait for the same row: its first.
                session.execute(statements.FIRST_TO_WAIT_FOR, {"of_model": model})
            yield session
    except (IntegrityError, StaleDataError) as error:
        raise lost from error


def version_rows(session: Session, model: str, newest: int | None = None) -> list[Entry]:
    """Versions of a model, the oldest first: all of them, or so many of the newest."""
    query = statements.NEWEST_FIRST if newest is None else statements.NEWEST
    rows = session.execute(query, {"of_model": model, "newest": newest}).all()
    return [_entry(row) for row in reversed(rows)]


def some_rows(session: Session, model: str, numbers: Collection[Version]) -> list[Entry]:
    """Those of the numbers that are there, in no order."""
    wanted = [(one.major, one.minor, one.patch) for one in numbers]
    return [
        _entry(row)
        for row in session.execute(statements.SOME, {"of_model": model, "numbers": wanted})
    ]


def standings(session: Session, model: str) -> list[Standing]:
    """Where all versions of a model stand, the oldest first: of many, it is cheap to ask."""
    rows = session.execute(statements.STANDINGS, {"of_model": model})
    return [Standing(Version(*row[:3]), *row[3:]) for row in rows]


def version_count(session: Session, model: str) -> int:
    """How many versions of a model there are."""
    return session.scalar(statements.COUNT, {"of_model": model}) or 0


def live_row(session: Session, model: str) -> Entry | None:
    """The version that is in production, if any."""
    row = session.execute(statements.LIVE, {"of_model": model}).first()
    return _entry(row) if row else None


def live_version(session: Session, model: str) -> Version | None:
    """The number of the version that is in production, if any."""
    row = session.execute(statements.LIVE_NUMBER, {"of_model": model}).first()
    return Version(*row) if row else None


def version_row(session: Session, model: str, number: Version) -> Entry | None:
    """The version of a number, if it is there."""
    row = session.execute(statements.VERSION, _named(model, number)).first()
    return _entry(row) if row else None


def row_of(session: Session, version: RegisteredVersion) -> Entry:
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


def add_version(session: Session, row: Entry, signature: Signature) -> None:
    """Add a version; what is live stays."""
    values = {
        "model": row.model,
        **asdict(row.version),
        "status": row.status.value,
        "digest": row.digest,
        "created_at": row.created_at,
        "details": row.details,
    }
    session.execute(statements.ADD, values)
    note(session, row, signature)


def move_production(
    session: Session, row: Entry, live: Version | None, signature: Signature
) -> Entry:
    """Put `row` into production in place of `live`; as it is then."""
    if live is not None:
        # The old one must be gone before the new one comes: the index allows one.
        was = {**_named(row.model, live), "was": Status.PRODUCTION.value}
        _change_one(session, statements.MOVE, {**was, "becomes": Status.ARCHIVED.value})
    _append(session, row, (live, row.version), signature)
    return _moved(session, row, Status.PRODUCTION)


def retire_version(session: Session, row: Entry, signature: Signature) -> Entry:
    """Archive or delete a version that is not live, as is signed; its events stay in any case."""
    note(session, row, signature)
    if signature.action is not Action.DELETED:
        return _moved(session, row, Status.ARCHIVED)
    was = {**_named(row.model, row.version), "was": row.status.value}
    _change_one(session, statements.REMOVE, was)
    return row


def note(session: Session, row: Entry, signature: Signature) -> None:
    """Add what happened with a version that changed neither it nor what is live."""
    live = live_version(session, row.model)
    _append(session, row, (live, live), signature)


def deleted_versions(session: Session, model: str) -> list[Version]:
    """The numbers of versions that were deleted."""
    return [
        Version.parse(number) for number in session.scalars(statements.DELETED, {"of_model": model})
    ]


def first_digest(session: Session, model: str) -> str:
    """The digest of a model's first event: no other registry has a history that begins so."""
    return session.scalar(statements.FIRST_DIGEST, {"of_model": model}) or ""


def deleted_digests(session: Session, model: str) -> set[str]:
    """The manifests of versions that were made here and are gone."""
    return set(session.scalars(statements.DELETED_MANIFESTS, {"of_model": model}))


def manifests(session: Session, model: str, version: Version) -> set[str]:
    """What a number has ever stood for."""
    return set(
        session.scalars(statements.MANIFESTS, {"of_model": model, "of_version": str(version)})
    )


def deletion(session: Session, model: str, version: Version) -> VersionEvent | None:
    """What is known of a version's deletion; None if it was never deleted."""
    found = session.execute(
        statements.DELETION, {"of_model": model, "of_version": str(version)}
    ).first()
    return _event(found) if found else None


def were_live(session: Session, model: str) -> list[Version]:
    """The versions that others took the place of, the last one first."""
    written = session.scalars(statements.REPLACED, {"of_model": model})
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
    return [digest for digest in digests if _sequence_of(session, model, digest) is None]


def events(session: Session, model: str, newest: int | None = None) -> list[VersionEvent]:
    """A model's history, the first event first: all of it, or so many of the newest events."""
    query = statements.LAST_EVENTS if newest is None else statements.NEWEST_EVENTS
    rows = session.execute(query, {"of_model": model, "newest": newest}).all()
    return [_event(row) for row in reversed(rows)]


def events_of(session: Session, model: str, versions: Collection[Version]) -> list[VersionEvent]:
    """What happened to some versions, and when they went live or others took their place."""
    wanted = {"of_model": model, "numbers": [str(version) for version in versions]}
    return [_event(row) for row in session.execute(statements.CONCERNING, wanted)]


def touched_since(session: Session, model: str, digest: str) -> set[Version]:
    """The versions that events concern which came after the one of a digest.

    Args:
        session: To read with.
        model: The model's name.
        digest: Of an event, or `GENESIS`; of another history, the last event alone counts.
    """
    found = 0 if digest == GENESIS else _sequence_of(session, model, digest)
    since = last_sequence(session, model) - 1 if found is None else found
    numbers: set[str | None] = set()
    after = {"of_model": model, "since": since}
    for version, before, afterwards in session.execute(statements.NUMBERS_AFTER, after):
        numbers |= {version} if before == afterwards else {version, before, afterwards}
    return {Version.parse(number) for number in numbers if number}


def _sequence_of(session: Session, model: str, digest: str) -> int | None:
    """The number of the event of a digest, if there is one."""
    return session.scalar(statements.SEQUENCE_OF, {"of_model": model, "of_digest": digest})


def _named(model: str, number: Version) -> dict[str, Any]:
    """What tells one version from all others."""
    parts = {"of_major": number.major, "of_minor": number.minor, "of_patch": number.patch}
    return {"of_model": model, **parts}


def _entry(row: Sequence[Any]) -> Entry:
    return Entry(row[0], Version(*row[1:4]), Status(row[4]), *row[5:])


def _event(row: Sequence[Any]) -> VersionEvent:
    return VersionEvent(row[0], Action(row[1]), *row[2:])


def _last_event(session: Session, model: str) -> Row[Any, Any, Any] | None:
    return session.execute(statements.LAST, {"of_model": model}).first()


def _moved(session: Session, row: Entry, status: Status) -> Entry:
    """A version as it is after its status was changed."""
    was = {**_named(row.model, row.version), "was": row.status.value}
    _change_one(session, statements.MOVE, {**was, "becomes": status.value})
    return replace(row, status=status)


def _change_one(session: Session, change: Update | Delete, wanted: dict[str, Any]) -> None:
    """Change a row that is as it was read; on PostgreSQL another machine may have been first."""
    if session.connection().execute(change, wanted).rowcount != 1:
        raise StaleDataError("the row is not as it was read")


def _append(
    session: Session,
    row: Entry,
    production: tuple[Version | None, Version | None],
    signature: Signature,
) -> None:
    last = _last_event(session, row.model)
    before, after = (str(live) if live else None for live in production)
    new = VersionEvent(
        sequence=last.sequence + 1 if last else 1,
        action=signature.action,
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
    digest = link(row.model, last.digest if last else GENESIS, new)
    told = {"model": row.model, "action": signature.action.value, "digest": digest}
    session.execute(statements.APPEND, asdict(new) | told)
