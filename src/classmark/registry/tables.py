"""The registry's tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from classmark.database import Base, UtcTime
from classmark.registry.version import Version


class VersionRow(Base):
    """One version of a model."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("model", "major", "minor", "patch", name="one_row_a_version"),
        # The database itself sees to it that no race ends with two versions live.
        Index(
            "one_production_a_model",
            "model",
            unique=True,
            sqlite_where=text("status = 'production'"),
            postgresql_where=text("status = 'production'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(63))
    major: Mapped[int]
    minor: Mapped[int]
    patch: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)

    @property
    def version(self) -> Version:
        """Its number."""
        return Version(self.major, self.minor, self.patch)


class EventRow(Base):
    """One change of a model's versions, never altered."""

    __tablename__ = "version_events"
    __table_args__ = (UniqueConstraint("model", "sequence", name="one_line_of_history"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(63))
    sequence: Mapped[int]
    action: Mapped[str] = mapped_column(String(16))
    version: Mapped[str] = mapped_column(String(32))
    production_before: Mapped[str | None] = mapped_column(String(32))
    production_after: Mapped[str | None] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(255))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    manifest: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
