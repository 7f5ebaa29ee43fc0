"""The tables of predictions and feedback."""

from datetime import datetime

from sqlalchemy import JSON, Double, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from classmark.database import Base, UtcTime


class PredictionRow(Base):
    """One answer that was given."""

    __tablename__ = "predictions"
    __table_args__ = (Index("predictions_of_a_version", "model", "version", "at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    model: Mapped[str] = mapped_column(String(63))
    version: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float] = mapped_column(Double)
    latency_ms: Mapped[float] = mapped_column(Double)
    user_id: Mapped[str | None] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(UtcTime)
    labels: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))


class FeedbackRow(Base):
    """One late label."""

    __tablename__ = "feedback"
    __table_args__ = (
        Index("feedback_of_a_prediction", "prediction_id"),
        Index("feedback_once_a_request", "request_key", unique=True),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    prediction_id: Mapped[str] = mapped_column(ForeignKey("predictions.id", name="of_a_prediction"))
    label: Mapped[str] = mapped_column(Text)
    user_id: Mapped[str | None] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(UtcTime)
    labels: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    request_key: Mapped[str | None] = mapped_column(String(64))
    request_body: Mapped[str | None] = mapped_column(String(64))
