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
from classmark.models.problem import Problem, decided

# How many texts a thread has in hand at a time: enough to keep it busy, few enough for memory.
_TEXTS_A_THREAD = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says of one text.

    Attributes:
        label: The most probable class.
        confidence: Its probability.
        probabilities: Of all classes, in the order of the classifier's `labels`.
        labels: All that are given: the label alone or, where a text may have several, those whose
            probability reaches their threshold. That may be none.
        abstained: Whether it is less sure than its artifact wants of an answer; the label is a
            guess then.
    """

    label: str
    confidence: float
    probabilities: tuple[float, ...]
    labels: tuple[str, ...]
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
        thresholds: The probability from which on each label is given, where a text may have
            several; else empty.
    """

    labels: tuple[str, ...]
    max_tokens: int | None = None
    steps: tuple[CleaningStep, ...] = ()
    calibration: Calibration = Calibration()
    thresholds: tuple[float, ...] = ()

    @property
    def problem(self) -> Problem:
        """Whether a text has one label or several."""
        return Problem.MULTI_LABEL if self.thresholds else Problem.SINGLE_LABEL

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose artifact lies in a folder."""

    @abstractmethod
    def _uncalibrated(self, text: str) -> NDArray[np.float64]:
        """What the family itself gives as the probabilities of one clean text, shape (classes,)."""

    def probabilities(self, text: str) -> NDArray[np.float64]:
        """The calibrated probabilities of all classes for one clean text, shape (classes,).

        They sum to 1; where a text may have several labels, each is a probability by itself. One
        text at a time on purpose: no answer depends on what else is asked at that moment.
        """
        return self.calibration.applied(self._uncalibrated(text))

    def classify(self, text: str) -> Answer:
        """The answer for one text, as it came."""
        probabilities = self.probabilities(clean(text, self.steps))
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        abstained = self.calibration.abstains(confidence)
        given = self._given(probabilities) if self.thresholds else (self.labels[best],)
        found = tuple(probabilities.tolist())
        return Answer(self.labels[best], confidence, found, given, abstained)

    def _given(self, probabilities: NDArray[np.float64]) -> tuple[str, ...]:
        """The labels whose probability reaches their threshold."""
        is_given = decided(probabilities[np.newaxis], self.thresholds)[0]
        return tuple(label for label, given in zip(self.labels, is_given, strict=True) if given)

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
