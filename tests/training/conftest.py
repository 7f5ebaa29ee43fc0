"""A small dataset of sample documents."""

from datetime import UTC, datetime

import pytest
from tests.models.conftest import tiny_backbone, tiny_tokenizer
from tests.training.tracking_server import TrackingServer

from classmark.datasets import Dataset, DocumentSource, PreparationRecipe, prepare
from classmark.documents import sample_documents

__all__ = ["tiny_backbone", "tiny_tokenizer"]


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """20 documents of each of ten classes: 16 to learn from, 2 to check, 2 to test."""
    source = DocumentSource(sample_documents(), {"name": "samples"})
    recipe = PreparationRecipe(per_class=20)
    return prepare("samples", source, recipe, now=datetime(2024, 5, 6, tzinfo=UTC))


@pytest.fixture(scope="session")
def server(mlflow_server: TrackingServer) -> TrackingServer:
    """Where runs are kept."""
    return mlflow_server
