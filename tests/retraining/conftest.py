"""A small dataset of sample documents, and an empty registry."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classmark.database import Database
from classmark.datasets import Dataset, DocumentSource, PreparationRecipe, prepare
from classmark.documents import QualityRules, sample_documents
from classmark.registry import Registry

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LABELS = frozenset({"cs.CV", "cs.DB", "cs.RO"})


def prepared(per_class: int) -> Dataset:
    source = DocumentSource(sample_documents(), {"name": "samples"})
    recipe = PreparationRecipe(QualityRules(labels=LABELS), per_class=per_class)
    return prepare("samples", source, recipe, now=NOW)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return prepared(per_class=20)


@pytest.fixture(scope="session")
def more_data() -> Dataset:
    return prepared(per_class=25)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    database = Database(f"sqlite:///{tmp_path / 'classmark.db'}")
    yield Registry(database, tmp_path / "models", now=lambda: NOW, actor="a test")
    database.close()
