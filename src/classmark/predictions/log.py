"""The log of predictions: each one once, with the labels that came later."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from classmark.database import Database
from classmark.errors import UnknownPredictionError
from classmark.predictions.prediction import Feedback, Prediction
from classmark.predictions.tables import FeedbackRow, PredictionRow


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
            # The same statement, spelled once for each dialect.
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            session.execute(dialect.insert(PredictionRow).on_conflict_do_nothing(), rows)

    def find(self, prediction_id: str) -> Prediction:
        """The prediction of that id.

        Raises:
            UnknownPredictionError: None was logged.
        """
        with self._database.read() as session:
            row = session.get(PredictionRow, prediction_id)
        if row is None:
            raise _unknown(prediction_id)
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

    def count(self) -> int:
        """How many predictions are logged."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(PredictionRow)) or 0

    def add_feedback(self, feedback: Feedback) -> None:
        """Keep a late label beside its prediction.

        Raises:
            UnknownPredictionError: No prediction has that id.
        """
        with self._database.write() as session:
            if session.get(PredictionRow, feedback.prediction_id) is None:
                raise _unknown(feedback.prediction_id)
            session.add(FeedbackRow(**asdict(feedback)))

    def feedback(self, prediction_id: str) -> list[Feedback]:
        """All late labels of a prediction, the first first."""
        query = select(FeedbackRow).where(FeedbackRow.prediction_id == prediction_id)
        with self._database.read() as session:
            return [
                Feedback(row.prediction_id, row.label, row.user_id, row.at, _read(row.labels))
                for row in session.scalars(query.order_by(FeedbackRow.id))
            ]


def _read(labels: list[str] | None) -> tuple[str, ...] | None:
    return None if labels is None else tuple(labels)


def _unknown(prediction_id: str) -> UnknownPredictionError:
    return UnknownPredictionError(
        f"No prediction has the id {prediction_id!r}.",
        remedy="Use the id that the answer to /predict gave.",
    )
