"""The log of predictions: each one once, with the labels that came later."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from types import ModuleType
from typing import Any

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from classmark.database import Database
from classmark.errors import FieldError, UnknownPredictionError
from classmark.predictions.prediction import Feedback, Prediction, RequestMark
from classmark.predictions.tables import FeedbackRow, PredictionRow

# Of what is read: in memory, and in one transaction.
_AT_A_TIME = 1000


class PredictionLog:
    """Predictions and feedback in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Log predictions; those that are there already stay as they are.

        Raises:
            DatabaseUnavailableError: Nothing was logged; the same call may be made again.
        """
        if not predictions:
            return
        rows = [asdict(prediction) for prediction in predictions]
        with self._database.write() as session:
            session.execute(_dialect(session).insert(PredictionRow).on_conflict_do_nothing(), rows)

    def find(self, prediction_id: str) -> Prediction:
        """The prediction of that id.

        Raises:
            UnknownPredictionError: None was logged.
        """
        with self._database.read() as session:
            row = session.get(PredictionRow, prediction_id)
        if row is None:
            raise _unknown(prediction_id)
        return _prediction(row)

    def count(self) -> int:
        """How many predictions are logged."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(PredictionRow)) or 0

    def add_feedback(self, feedback: Feedback, mark: RequestMark | None = None) -> None:
        """Keep a late label beside its prediction; of a marked request once, however often it came.

        Raises:
            UnknownPredictionError: No prediction has that id.
            FieldError: Another request has the same key.
        """
        marks = asdict(mark) if mark else {}
        with self._database.write() as session:
            if session.get(PredictionRow, feedback.prediction_id) is None:
                raise _unknown(feedback.prediction_id)
            # Whoever sends the same at the same moment is waited for here.
            insert = _dialect(session).insert(FeedbackRow).on_conflict_do_nothing()
            session.execute(insert, [asdict(feedback) | marks])
            if mark is not None:
                _check_same(session, mark)

    def feedback(self, prediction_id: str) -> list[Feedback]:
        """All late labels of a prediction, the first first."""
        query = select(FeedbackRow).where(FeedbackRow.prediction_id == prediction_id)
        with self._database.read() as session:
            return [_feedback(row) for row in session.scalars(query.order_by(FeedbackRow.id))]

    def told(
        self, model: str, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[Prediction, Feedback | None]]:
        """What a model said from `since` on and before `until`, with the newest label of each.

        In the order of versions, times and ids, a part at a time: neither memory nor a transaction
        grows with them.
        """
        key = (PredictionRow.version, PredictionRow.at, PredictionRow.id)
        query = select(PredictionRow).where(PredictionRow.model == model).order_by(*key)
        if since is not None:
            query = query.where(PredictionRow.at >= since)
        if until is not None:
            query = query.where(PredictionRow.at < until)
        part = self._part(query)
        while part:
            yield from part
            last = part[-1][0]
            part = self._part(query.where(tuple_(*key) > (last.version, last.at, last.id)))

    def _part(self, query: Select[Any]) -> list[tuple[Prediction, Feedback | None]]:
        with self._database.read() as session:
            rows: Sequence[PredictionRow] = session.scalars(query.limit(_AT_A_TIME)).all()
            ids = [row.id for row in rows]
            labels = select(FeedbackRow).where(FeedbackRow.prediction_id.in_(ids))
            # Of several the newest stays.
            ordered = session.scalars(labels.order_by(FeedbackRow.id))
            newest = {row.prediction_id: row for row in ordered}
            return [
                (_prediction(row), _feedback(newest[row.id]) if row.id in newest else None)
                for row in rows
            ]


def _dialect(session: Session) -> ModuleType:
    """What spells the same statement for each database."""
    return postgresql if session.get_bind().dialect.name == "postgresql" else sqlite


def _check_same(session: Session, mark: RequestMark) -> None:
    kept = select(FeedbackRow.request_body).where(FeedbackRow.request_key == mark.request_key)
    if session.scalar(kept) != mark.request_body:
        raise FieldError(
            "Idempotency-Key",
            "another request had this key, with another body",
            remedy="Give each request a key of its own, and the same one only to send it again.",
        )


def _prediction(row: PredictionRow) -> Prediction:
    return Prediction(
        id=row.id,
        model=row.model,
        version=row.version,
        text=row.text,
        label=row.label,
        confidence=row.confidence,
        latency_ms=row.latency_ms,
        user_id=row.user_id,
        at=row.at,
        labels=_read(row.labels),
    )


def _feedback(row: FeedbackRow) -> Feedback:
    return Feedback(row.prediction_id, row.label, row.user_id, row.at, _read(row.labels))


def _read(labels: list[str] | None) -> tuple[str, ...] | None:
    return None if labels is None else tuple(labels)


def _unknown(prediction_id: str) -> UnknownPredictionError:
    return UnknownPredictionError(
        f"No prediction has the id {prediction_id!r}.",
        remedy="Use the id that the answer to /predict gave.",
    )
