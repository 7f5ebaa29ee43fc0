"""Harvests in the database: a page and the move of the cursor are one transaction."""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.documents.collecting.paper import Paper
from classmark.documents.collecting.source import Cursor, Page, Query
from classmark.documents.collecting.tables import HarvestPageRow, HarvestPaperRow, HarvestRow
from classmark.errors import ConflictError

_PAPERS_READ = 1000


@dataclass(frozen=True, slots=True)
class HeldHarvest:
    """What is kept of a harvest.

    Attributes:
        name: The harvest's.
        source: The source's name.
        changed_at: When its last page came.
        papers: How many.
        bytes: Of the answers, as they are kept.
    """

    name: str
    source: str
    changed_at: datetime
    papers: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Harvest:
    """One query to one source, and where it stands.

    Attributes:
        id: In the database.
        name: The source and a hash of the query.
        source: The source's name.
        query: What is asked for.
        cursor: What to ask next; None when it is finished.
        pages: Answers that are stored.
        papers: Papers that are stored.
    """

    id: int
    name: str
    source: str
    query: Query
    cursor: Cursor | None
    pages: int
    papers: int


class HarvestStore:
    """All harvests of a home.

    Args:
        database: Where they are kept.
        now: The clock.
    """

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    def begin(self, source: str, query: Query, first: Callable[[Query], Cursor]) -> Harvest:
        """The harvest of a query: the one that was begun before, else a new one.

        A query without a last day gets today's when it is begun, so that its pages do not shift
        while they are fetched.

        Args:
            source: Its name.
            query: As it was asked for.
            first: The source's first cursor of a query.
        """
        name = _name_of(source, query)
        settled = replace(query, until=query.until or self._now().date())
        # Before the database is opened: a query that can't be makes no home.
        cursor = first(settled)
        try:
            return self._begun(name, source, settled, cursor)
        except IntegrityError:
            # Another process was first: now it is there.
            return self._begun(name, source, settled, cursor)

    def _begun(self, name: str, source: str, settled: Query, cursor: Cursor) -> Harvest:
        with self._database.write() as session:
            row = session.scalar(select(HarvestRow).where(HarvestRow.name == name))
            if row is None:
                now = self._now()
                row = HarvestRow(
                    name=name,
                    source=source,
                    query=_as_json(settled),
                    cursor=cursor,
                    pages=0,
                    papers=0,
                    started_at=now,
                    changed_at=now,
                )
                session.add(row)
                session.flush()
            return _harvest(row)

    def keep(self, harvest: Harvest, answer: bytes, page: Page) -> Harvest:
        """Store a page and move the cursor, both or neither.

        Returns:
            The harvest as it stands then.

        Raises:
            ConflictError: Somebody else moved the cursor meanwhile.
        """
        try:
            with self._database.write() as session:
                row = session.get_one(HarvestRow, harvest.id)
                if row.pages != harvest.pages:
                    raise _moved(harvest)
                now = self._now()
                session.add(
                    HarvestPageRow(
                        harvest_id=row.id,
                        number=row.pages,
                        cursor=harvest.cursor,
                        answer=zlib.compress(answer),
                        at=now,
                    )
                )
                _keep_papers(session, row, page.papers)
                row.pages += 1
                row.cursor = page.cursor
                row.changed_at = now
                return _harvest(row)
        except IntegrityError as error:
            raise _moved(harvest) from error

    def harvests(self) -> list[Harvest]:
        """All harvests, the oldest first."""
        with self._database.read() as session:
            return [_harvest(row) for row in session.scalars(select(HarvestRow).order_by("id"))]

    def held(self) -> list[HeldHarvest]:
        """What is kept of each harvest, the oldest first."""
        size = (
            select(func.coalesce(func.sum(func.length(HarvestPageRow.answer)), 0))
            .where(HarvestPageRow.harvest_id == HarvestRow.id)
            .scalar_subquery()
        )
        with self._database.read() as session:
            return [
                HeldHarvest(row.name, row.source, row.changed_at, row.papers, int(total))
                for row, total in session.execute(select(HarvestRow, size).order_by(HarvestRow.id))
            ]

    def forget(self, held: HeldHarvest, told: Callable[[], None]) -> bool:
        """Remove a harvest, its answers and papers, all or nothing.

        Args:
            held: As it was seen.
            told: Called before it is settled: what raises there keeps the harvest.

        Returns:
            Whether it was removed; it stays if a page came meanwhile.
        """
        with self._database.write() as session:
            row = session.scalar(select(HarvestRow).where(HarvestRow.name == held.name))
            if row is None or row.changed_at != held.changed_at:
                return False
            for table in (HarvestPageRow, HarvestPaperRow):
                session.execute(delete(table).where(table.harvest_id == row.id))
            session.delete(row)
            session.flush()
            told()
            return True

    def papers(self, harvest: Harvest | None = None) -> Iterator[Paper]:
        """The papers of a harvest, or of all, in the order they came."""
        wanted = select(HarvestPaperRow.record).order_by(
            HarvestPaperRow.harvest_id, HarvestPaperRow.page, HarvestPaperRow.source_id
        )
        if harvest is not None:
            wanted = wanted.where(HarvestPaperRow.harvest_id == harvest.id)
        with self._database.read() as session:
            for record in session.scalars(wanted.execution_options(yield_per=_PAPERS_READ)):
                yield Paper.from_record(record)

    def answers(self, harvest: Harvest) -> Iterator[bytes]:
        """The answers of a source as they came, in their order."""
        wanted = select(HarvestPageRow.answer).where(HarvestPageRow.harvest_id == harvest.id)
        with self._database.read() as session:
            for answer in session.scalars(wanted.order_by(HarvestPageRow.number)):
                yield zlib.decompress(answer)


def _keep_papers(session: Session, row: HarvestRow, papers: tuple[Paper, ...]) -> None:
    """Add papers; of several versions of one paper the newest stays."""
    newest: dict[str, Paper] = {}
    for paper in papers:
        if paper.source_id not in newest or newest[paper.source_id].version <= paper.version:
            newest[paper.source_id] = paper
    for source_id, paper in newest.items():
        known = session.get(HarvestPaperRow, (row.id, source_id))
        if known is None:
            session.add(
                HarvestPaperRow(
                    harvest_id=row.id,
                    source_id=source_id,
                    page=row.pages,
                    version=paper.version,
                    record=paper.as_record(),
                )
            )
        elif known.version < paper.version:
            known.version, known.record = paper.version, paper.as_record()
    session.flush()
    count = select(func.count()).where(HarvestPaperRow.harvest_id == row.id)
    row.papers = session.scalar(count) or 0


def _name_of(source: str, query: Query) -> str:
    digest = hashlib.sha256(orjson.dumps(_as_json(query), option=orjson.OPT_SORT_KEYS))
    return f"{source}-{digest.hexdigest()[:12]}"


def _as_json(query: Query) -> dict[str, Any]:
    days = {name: day and day.isoformat() for name, day in _days(query).items()}
    return asdict(query) | days | {"categories": list(query.categories)}


def _days(query: Query) -> dict[str, date | None]:
    return {"since": query.since, "until": query.until}


def _query(values: Mapping[str, Any]) -> Query:
    days = {
        name: date.fromisoformat(values[name]) if values[name] else None
        for name in ("since", "until")
    }
    return Query(**{**values, **days, "categories": tuple(values["categories"])})


def _harvest(row: HarvestRow) -> Harvest:
    return Harvest(
        id=row.id,
        name=row.name,
        source=row.source,
        query=_query(row.query),
        cursor=row.cursor,
        pages=row.pages,
        papers=row.papers,
    )


def _moved(harvest: Harvest) -> ConflictError:
    return ConflictError(
        f"Another process goes on with {harvest.name} at the same time.",
        remedy="Wait until it has ended, then run the same command again.",
    )
