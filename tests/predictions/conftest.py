"""A log in a home of its own, and predictions to put into it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from classmark.database import Database
from classmark.predictions import Prediction, PredictionLog

# An id, and what differs from the usual prediction -> a prediction.
Make = Callable[..., Prediction]


@pytest.fixture
def database_url(either_url: str) -> str:
    """What the log promises holds on both databases."""
    return either_url


@pytest.fixture
def log(database: Database) -> PredictionLog:
    return PredictionLog(database)


@pytest.fixture(scope="session")
def make_prediction() -> Make:
    def make(name: object, text: str = "An index for range joins.") -> Prediction:
        return Prediction(
            id=str(name),
            model="shelves",
            version="v1.0.0",
            text=text,
            label="cs.DB",
            confidence=0.75,
            latency_ms=1.5,
            user_id=None,
            at=datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC),
        )

    return make
