"""What answers: a loaded artifact, whatever family it is of."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from classmark.documents import CleaningStep, clean
from classmark.models.artifact import ArtifactConfig
from classmark.models.calibration import Calibration

# How many texts a thread has in hand at a time: enough to keep it busy, few enough for memory.
_TEXTS_A_THREAD = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one text.

    Attributes:
        label: The most probable class.
        confidence: Its probability.
        probabilities: Of all classes, in the order of the classifier's `labels`.
        abstained: Whether it is less sure than its artifact wants of an answer; the label is a
            guess then.
    """

    label: str
    confidence: float
    probabilities: tuple[float, ...]
    abstained: bool = False


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """An answer and the seconds that it took to compute."""

    answer: Answer
    seconds: float


class Classifier(ABC):
    """A loaded model. Safe to use from several threads at once.

    Attributes:
        labels: The classes, in the order of every vector of probabilities.
        max_tokens: How much of a text is read; None where there is no limit.
        steps: The cleaning that training texts went through, and so every text that is asked.
        calibration: What is done to the family's probabilities, and below what it abstains.
    """

    labels: tuple[str, ...]
    max_tokens: int | None = None
    steps: tuple[CleaningStep, ...] = ()
    calibration: Calibration = Calibration()

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose artifact lies in a folder."""

    @abstractmethod
    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """What the family itself gives as the probabilities of one clean text, shape (classes,)."""

    def probabilities(self, text: str) -> NDArray[np.float64]:
        """The calibrated probabilities of all classes for one clean text, shape (classes,), sum 1.

        One text at a time on purpose: no answer depends on what else is asked at that moment.
        """
        return self.calibration.applied(self._uncalibrated(text))

    def classify(self, text: str) -> Answer:
        """The answer for one text, as it came."""
        probabilities = self.probabilities(clean(text, self.steps))
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        abstained = self.calibration.abstains(confidence)
        return Answer(self.labels[best], confidence, tuple(probabilities.tolist()), abstained)

    def classify_timed(self, text: str) -> TimedAnswer:
        """The answer for one text, and how long it took."""
        start = time.perf_counter()
        answer = self.classify(text)
        return TimedAnswer(answer, time.perf_counter() - start)

    def classify_all(self, texts: Iterable[str], *, threads: int = 1) -> Iterator[TimedAnswer]:
        """The answers in the order of the texts, a few texts ahead of the reader."""
        pending = iter(texts)
        with ThreadPoolExecutor(threads, thread_name_prefix="classify") as pool:
            while block := list(islice(pending, threads * _TEXTS_A_THREAD)):
                yield from pool.map(self.classify_timed, block)
