"""The tables of studies."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from classmark.database import Base, UtcTime


class StudyRow(Base):
    """What is searched; a study's row is also what its writers lock."""

    __tablename__ = "studies"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime)


class StudyLogRow(Base):
    """One record of Optuna's journal."""

    __tablename__ = "study_log"

    study: Mapped[str] = mapped_column(
        ForeignKey("studies.name", name="record_of_a_study"), primary_key=True
    )
    sequence: Mapped[int] = mapped_column(primary_key=True)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
