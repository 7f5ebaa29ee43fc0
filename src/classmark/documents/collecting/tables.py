"""The tables of harvests."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from classmark.database import Base, UtcTime


class HarvestRow(Base):
    """One query to one source, and where it stands."""

    __tablename__ = "harvests"
    __table_args__ = (UniqueConstraint("name", name="one_harvest_a_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(63))
    source: Mapped[str] = mapped_column(String(32))
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    # The next thing to ask; none when the harvest is finished.
    cursor: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    pages: Mapped[int]
    papers: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


class HarvestPageRow(Base):
    """One answer as it came, compressed with zlib."""

    __tablename__ = "harvest_pages"

    harvest_id: Mapped[int] = mapped_column(
        ForeignKey("harvests.id", name="page_of_a_harvest"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    cursor: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcTime)


class HarvestPaperRow(Base):
    """One paper that a harvest found."""

    __tablename__ = "harvest_papers"

    harvest_id: Mapped[int] = mapped_column(
        ForeignKey("harvests.id", name="paper_of_a_harvest"), primary_key=True
    )
    source_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    page: Mapped[int]
    version: Mapped[int]
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
