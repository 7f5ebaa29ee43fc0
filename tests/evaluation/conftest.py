"""A classifier that answers by heart, and documents for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from classmark.documents import Document
from classmark.models import Classifier
from classmark.models.artifact import ArtifactConfig

LABELS = ("db", "ml", "ro")
# (id, true label, the probabilities of db, ml and ro)
Row = tuple[str, str, tuple[float, float, float]]
MakeDocuments = Callable[[list[Row]], list[Document]]


class Parrot(Classifier):
    """Answers with the probabilities that stand in the text itself."""

    labels = LABELS

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """There is nothing to load."""
        del folder, config
        return cls()

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The numbers behind the title."""
        return np.array([float(number) for number in text.rpartition("\n")[2].split()])


@pytest.fixture(scope="session")
def parrot() -> Classifier:
    return Parrot()


@pytest.fixture(scope="session")
def make_documents() -> MakeDocuments:
    def make(rows: list[Row]) -> list[Document]:
        return [
            Document(name, f"About {name}.\n{' '.join(map(str, numbers))}", label, f"About {name}")
            for name, label, numbers in rows
        ]

    return make
