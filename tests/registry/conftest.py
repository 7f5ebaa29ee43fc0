"""A trained artifact, and a registry in a home of its own."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.documents import sample_documents
from classmark.models import LabelledTexts, TrainingData, family_class
from classmark.progress import Silent
from classmark.registry import Lineage, Registry, VersionDraft

# What differs from the usual draft -> a draft with the trained artifact.
Draft = Callable[..., VersionDraft]

LABELS = ("cs.CL", "cs.CV", "cs.DB")


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What training wrote for 30 sample documents."""
    chosen = [d for d in sample_documents() if d.label in LABELS and int(d.id[-2:]) <= 10][:30]
    texts, labels = [d.text for d in chosen], [d.label or "" for d in chosen]
    data = TrainingData(
        train=LabelledTexts(texts, labels), validation=LabelledTexts(texts[::5], labels[::5])
    )
    folder = tmp_path_factory.mktemp("artifact")
    family_class("linear").with_parameters({}).train(data, folder, Silent())
    return folder


@pytest.fixture(scope="session")
def draft(artifact: Path) -> Draft:
    def make(
        model: str = "shelves",
        architecture: str = "linear",
        labels: tuple[str, ...] = LABELS,
        fingerprint: str = "ab" * 32,
        reason: str = "trained",
    ) -> VersionDraft:
        return VersionDraft(
            model=model,
            artifact=artifact,
            lineage=Lineage(architecture, labels, fingerprint),
            metadata={"dataset": {"name": "shelves", "fingerprint": fingerprint}, "notes": "né"},
            reason=reason,
        )

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{home / 'classmark.db'}")
    yield database
    database.close()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """Each look is a minute later than the one before."""
    start = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    looks = iter(range(10_000))
    return lambda: start + timedelta(minutes=next(looks))


@pytest.fixture
def registry(database: Database, home: Path, clock: Callable[[], datetime]) -> Registry:
    return Registry(database, home / "models", now=clock, actor="ada")
