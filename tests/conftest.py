"""What all tests share: how hypothesis looks, a home, a trained artifact, an MLflow server."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.training.tracking_server import TrackingServer

from classmark.database import Database
from classmark.documents import sample_documents
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent

# The same examples in every run, and no clock: a slow machine fails nothing.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", settings.get_profile("house"), derandomize=False, max_examples=3000
)
settings.load_profile("house")


def pytest_configure() -> None:
    # A shell's background job ignores Ctrl+C, and so would every process that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    yield database
    database.close()


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training wrote for 30 sample documents of cs.CL, cs.CV and cs.DB."""
    labels_kept = ("cs.CL", "cs.CV", "cs.DB")
    chosen = [d for d in sample_documents() if d.label in labels_kept and int(d.id[-2:]) <= 10]
    texts, labels = [d.text for d in chosen], [d.label or "" for d in chosen]
    data = TrainingData(
        train=LabelledTexts(texts, labels), validation=LabelledTexts(texts[::5], labels[::5])
    )
    folder = tmp_path_factory.mktemp("artifact")
    family_class("linear").with_parameters({}).train(data, folder, Silent())
    return folder


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrackingServer]:
    """An MLflow server that answers; whoever stops it lets it go on."""
    with TrackingServer(tmp_path_factory.mktemp("server")) as server:
        yield server
