"""A model that is asked about a text with words left out."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classmark.evaluation.explanation.pieces import CutText
from classmark.models import Classifier
from classmark.progress import Progress


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """What a method finds.

    Attributes:
        weights: Of each piece, shape (pieces,).
        base: The value that they add to; None where there is none.
        r2: As `Fidelity` has it.
        on_words: As `Fidelity` has it.
    """

    weights: NDArray[np.float64]
    base: float | None = None
    r2: float | None = None
    on_words: float | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked.

    Attributes:
        threads: In which.
        progress: Is told of it.
    """

    threads: int
    progress: Progress


class ShortenedTexts:
    """The value that is explained, for any choice of a text's pieces.

    Args:
        classifier: Is asked.
        text: In pieces.
        signs: What each class's probability is multiplied by before they are added, shape
            (classes,).
        asking: How it is asked.

    Attributes:
        pieces: How many there are.
        asked: Texts that the model was asked about so far.
    """

    def __init__(
        self, classifier: Classifier, text: CutText, signs: NDArray[np.float64], asking: Asking
    ) -> None:
        self.pieces = len(text.segments)
        self.asked = 0
        self._classifier = classifier
        self._text = text
        self._signs = signs
        self._asking = asking

    def values(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The value of each shortened text, shape (texts,).

        Args:
            kept: Which pieces each has, shape (texts, pieces).
        """
        self.asked += len(kept)
        with ThreadPoolExecutor(self._asking.threads, thread_name_prefix="explain") as pool:
            found = pool.map(self._value, kept)
            return np.array(list(self._asking.progress.track(found, "Asking", len(kept))))

    def _value(self, kept: NDArray[np.bool_]) -> float:
        return float(self._signs @ self._classifier.probabilities(self._text.shortened(kept)))
