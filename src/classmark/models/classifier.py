"""What answers: a loaded artifact, whatever family it is of."""

import copy
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from classmark.documents import CleaningStep, clean
from classmark.models.ahead import in_order
from classmark.models.artifact import ArtifactConfig
from classmark.models.calibration import Calibration
from classmark.models.examples import Examples
from classmark.models.problem import Problem, decided

# A thread takes a few texts at a time, as giving them out one by one costs more than the smallest
# model; and so many lots are ahead of the reader that a few long texts keep nobody waiting.
_TEXTS_AT_ONCE = 4
_LOTS_A_THREAD = 15


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
        computes_in_python: Whether it holds Python's lock while it computes, so that the threads of
            a process take turns: all cores are used by several processes only.
        labels: The classes, in the order of every vector of probabilities.
        max_tokens: How much of a text is read; None where there is no limit.
        steps: The cleaning that training texts went through, and so every text that is asked.
        calibration: What is done to the family's probabilities, and below what it abstains.
        thresholds: The probability from which on each label is given, where a text may have
            several; else empty.
        examples: What it answered where it was made; None where that was not kept.
    """

    computes_in_python: ClassVar[bool] = False

    labels: tuple[str, ...]
    max_tokens: int | None = None
    steps: tuple[CleaningStep, ...] = ()
    calibration: Calibration = Calibration()
    thresholds: tuple[float, ...] = ()
    examples: Examples | None = None

    @property
    def problem(self) -> Problem:
        """Whether a text has one label or several."""
        return Problem.MULTI_LABEL if self.thresholds else Problem.SINGLE_LABEL

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: ArtifactConfig) -> Self:
        """The classifier whose artifact lies in a folder."""

    def widened(self, cores: int) -> Self | None:
        """The same classifier for when one text is asked alone; None where there is none faster.

        It gives the same answers to the last digit, each computed on several cores.

        Args:
            cores: That may be used.
        """
        wide = copy.copy(self)
        is_wide = cores > 1 and wide._widen(cores)  # noqa: SLF001 (of the same class)
        return wide if is_wide else None

    def _widen(self, cores: int) -> bool:
        """Compute one text on several cores from now on; whether the family can."""
        del cores
        return False

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

    def example_gap(self) -> float:
        """How far any probability of a known example is from what it was where it was made.

        NaN where one is no number; 0 where there are no examples.
        """
        if self.examples is None:
            return 0.0
        found = np.array([self._uncalibrated(text) for text in self.examples.texts])
        return float(np.abs(found - self.examples.probabilities).max())

    def classify_timed(self, text: str) -> TimedAnswer:
        """The answer for one text, and how long it took."""
        start = time.perf_counter()
        answer = self.classify(text)
        return TimedAnswer(answer, time.perf_counter() - start)

    def classify_all(self, texts: Iterable[str], *, threads: int = 1) -> Iterator[TimedAnswer]:
        """The answers in the order of the texts, a few texts ahead of the reader."""
        with ThreadPoolExecutor(threads, thread_name_prefix="classify") as pool:
            ahead = threads * _LOTS_A_THREAD
            try:
                yield from in_order(
                    pool, self._classify_timed_each, texts, at_once=_TEXTS_AT_ONCE, ahead=ahead
                )
            finally:
                pool.shutdown(cancel_futures=True)

    def _classify_timed_each(self, texts: Sequence[str]) -> list[TimedAnswer]:
        return [self.classify_timed(text) for text in texts]
