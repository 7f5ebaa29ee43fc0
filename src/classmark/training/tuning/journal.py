"""Optuna's journal in our own database: one row a record, read and written in our transactions."""

from collections.abc import Iterable
from typing import Any

from optuna.storages.journal import BaseJournalBackend
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from classmark.training.tuning.tables import StudyLogRow


class SessionJournal(BaseJournalBackend):  # type: ignore[misc]  # Optuna is untyped
    """The records of one study, as one transaction sees them.

    It lives as long as the transaction. Whoever writes through it holds the lock of the study's
    row, so that no other process's record comes between two of its own.
    """

    def __init__(self, session: Session, study: str) -> None:
        self._session = session
        self._study = study

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        """The records from a number on, in their order."""
        wanted = (
            select(StudyLogRow.record)
            .where(StudyLogRow.study == self._study, StudyLogRow.sequence >= log_number_from)
            .order_by(StudyLogRow.sequence)
        )
        return list(self._session.scalars(wanted))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add records behind the last one."""
        last = select(func.max(StudyLogRow.sequence)).where(StudyLogRow.study == self._study)
        found = self._session.scalar(last)
        first = 0 if found is None else found + 1
        self._session.add_all(
            StudyLogRow(study=self._study, sequence=first + place, record=log)
            for place, log in enumerate(logs)
        )
        self._session.flush()
