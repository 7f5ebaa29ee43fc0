"""The cascade that serves: a cheap model is asked first, a strong one only if need be."""

from pathlib import Path
from typing import Self

import numpy as np
import orjson
from numpy.typing import NDArray

from classmark.models.artifact import ArtifactConfig, damaged
from classmark.models.classifier import Classifier
from classmark.models.members import load_members

CASCADE = "cascade.json"


class CascadeClassifier(Classifier):
    """A cheap model that answers where it is sure enough, and a strong one for the rest.

    Args:
        cheap: Is asked first.
        strong: Answers what the cheap one is less sure of.
        threshold: The confidence from which on the cheap one's answer counts; None lets the strong
            one answer everything.
    """

    def __init__(self, cheap: Classifier, strong: Classifier, threshold: float | None) -> None:
        self.labels = strong.labels
        self.max_tokens = strong.max_tokens
        self._cheap = cheap
        self._strong = strong
        self._threshold = threshold

    @classmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose two members and threshold lie in a folder."""
        families = [config.parameters[role] for role in ("cheap", "strong")]
        cheap, strong = load_members(folder, families, config)
        return cls(cheap, strong, _read_threshold(folder))

    def _widen(self, cores: int) -> bool:
        """The strong member, if it can; a cheap one has nothing to share out."""
        strong = self._strong.widened(cores)
        self._strong = strong or self._strong
        return strong is not None

    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """The probabilities of whichever member answers, shape (classes,)."""
        if self._threshold is not None:
            found = self._cheap.probabilities(text)
            if found.max() >= self._threshold:
                return found
        return self._strong.probabilities(text)


def _read_threshold(folder: Path) -> float | None:
    found = orjson.loads((folder / CASCADE).read_bytes())["threshold"]
    if found is None or (isinstance(found, float) and 0 <= found <= 1):
        return found
    raise damaged(folder, f"{CASCADE} has a threshold that can't be: {found}")
