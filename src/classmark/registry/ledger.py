"""State and history of versions in the database, always changed together."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import ConflictError
from classmark.registry.gate import Status
from classmark.registry.records import Action, RegisteredVersion, VersionEvent
from classmark.registry.tables import EventRow, VersionRow


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
            session.execute(rows.with_for_update())
            yield session
    except IntegrityError as error:
        raise lost from error


def version_rows(session: Session, model: str) -> list[VersionRow]:
    """All versions of a model, the oldest first."""
    query = select(VersionRow).where(VersionRow.model == model)
    return list(
        session.scalars(query.order_by(VersionRow.major, VersionRow.minor, VersionRow.patch))
    )


def live_row(session: Session, model: str) -> VersionRow | None:
    """The version that is in production, if any."""
    query = select(VersionRow).where(
        VersionRow.model == model, VersionRow.status == Status.PRODUCTION.value
    )
    return session.scalar(query)


def row_of(session: Session, version: RegisteredVersion) -> VersionRow:
    """The present row of a version that is known to exist."""
    number = version.version
    query = select(VersionRow).where(
        VersionRow.model == version.model,
        VersionRow.major == number.major,
        VersionRow.minor == number.minor,
        VersionRow.patch == number.patch,
    )
    return session.scalars(query).one()


def add_version(session: Session, row: VersionRow, signature: Signature) -> None:
    """Add a version; what is live stays."""
    session.add(row)
    live = live_row(session, row.model)
    _append(session, row, (live, live), signature)


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


def events(session: Session, model: str) -> list[VersionEvent]:
    """A model's history, the first event first."""
    query = select(EventRow).where(EventRow.model == model).order_by(EventRow.sequence)
    return [
        VersionEvent(
            sequence=row.sequence,
            action=Action(row.action),
            version=row.version,
            production_before=row.production_before,
            production_after=row.production_after,
            actor=row.actor,
            reason=row.reason,
            at=row.at,
        )
        for row in session.scalars(query)
    ]


def _append(
    session: Session,
    row: VersionRow,
    production: tuple[VersionRow | None, VersionRow | None],
    signature: Signature,
) -> None:
    last = session.scalar(select(func.max(EventRow.sequence)).where(EventRow.model == row.model))
    before, after = (str(live.version) if live else None for live in production)
    session.add(
        EventRow(
            model=row.model,
            sequence=(last or 0) + 1,
            action=signature.action.value,
            version=str(row.version),
            production_before=before,
            production_after=after,
            actor=signature.actor,
            reason=signature.reason,
            at=signature.at,
        )
    )
