"""A trained artifact, and a registry in a home of its own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.registry import Lineage, Registry, VersionDraft

# What differs from the usual draft -> a draft with the trained artifact.
Draft = Callable[..., VersionDraft]

LABELS = ("cs.CL", "cs.CV", "cs.DB")


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
def clock() -> Callable[[], datetime]:
    """Each look is a minute later than the one before."""
    start = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    looks = iter(range(10_000))
    return lambda: start + timedelta(minutes=next(looks))


@pytest.fixture
def registry(database: Database, home: Path, clock: Callable[[], datetime]) -> Registry:
    return Registry(database, home / "models", now=clock, actor="ada")
