"""Answers texts and announces what it said; whoever listens logs and counts."""

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from classmark.errors import ClassmarkError
from classmark.models import Answer, Problem, TimedAnswer
from classmark.predictions import Prediction
from classmark.serving.cache import AnswerCache
from classmark.serving.runtime import ServedModel
from classmark.serving.scheduler import Scheduler, Work

# Larger requests are of new texts mostly, and would push out what is asked again and again.
_MOST_CACHED = 100


class Listener(Protocol):
    """Somebody who wants to know what was served."""

    def on_predictions(self, predictions: Sequence[Prediction]) -> bool | None:
        """These will be answered when all listeners have returned; raising holds them back.

        Called on any thread, several at once.

        Returns:
            False if they could not be recorded and are to be answered all the same.
        """
        ...

    def on_cached(self, count: int) -> None:
        """So many of these texts had been answered before, and were not computed again."""
        ...

    def on_dropped(self, count: int) -> None:
        """So many predictions are answered though they could not be recorded."""
        ...

    def on_error(self, error: ClassmarkError) -> None:
        """A request could not be answered."""
        ...


@dataclass(frozen=True, slots=True)
class ServedPrediction:
    """A prediction with what is not recorded of it.

    Attributes:
        prediction: What is recorded.
        answer: What the model said.
        labels: All classes, in the order of the answer's probabilities.
        is_recorded: Whether it is; else it must not be acknowledged as such.
    """

    prediction: Prediction
    answer: Answer
    labels: tuple[str, ...]
    is_recorded: bool = True

    @property
    def id(self) -> str | None:
        """By which it is found in the log; None if it is not recorded."""
        return self.prediction.id if self.is_recorded else None

    @property
    def probabilities(self) -> Mapping[str, float]:
        """Of all classes."""
        return dict(zip(self.labels, self.answer.probabilities, strict=True))

    @property
    def abstained(self) -> bool:
        """Whether the model is not sure enough; the label is a guess then."""
        return self.answer.abstained


class Predictor:
    """The served model behind the scheduler; each request is answered by one model as a whole.

    Attributes:
        served: What answers whoever asks from now on; it may be replaced at any time.

    Args:
        served: What answers at first.
        scheduler: When it answers.
        listeners: Told in this order, before the answer goes out.
        cache: What was answered before.
        now: The clock.
    """

    def __init__(
        self,
        served: ServedModel,
        scheduler: Scheduler,
        listeners: Sequence[Listener],
        cache: AnswerCache,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self.served = served
        self._scheduler = scheduler
        self._listeners = listeners
        self._cache = cache
        self._now = now

    def check_room(self, by: float, before: int) -> None:
        """Let pass who wants a text answered by then, after so many that are yet to be queued.

        Raises:
            OverloadedError: It would be refused, or come too late.
        """
        try:
            self._scheduler.check_room(1, by, before)
        except ClassmarkError as error:
            self._tell(error)
            raise

    async def predict(
        self, texts: Sequence[str], user_id: str | None = None, by: float = math.inf
    ) -> list[ServedPrediction]:
        """The answers in the order of the texts, each of them recorded.

        Args:
            texts: Each of them.
            user_id: Who asks, if they said.
            by: On the clock of `time.monotonic`; what was not begun then is never computed.

        Raises:
            OverloadedError: Too many texts wait already.
            UnavailableError: The answers could not be recorded.
        """
        served = self.served
        keys = self._keys(served, texts)
        known = [self._cache.get(key) for key in keys] or [None] * len(texts)
        missing = [text for text, answer in zip(texts, known, strict=True) if answer is None]

        def then(computed: list[TimedAnswer]) -> list[ServedPrediction]:
            found = self._recorded(served, texts, _merged(known, computed), user_id)
            if len(computed) < len(texts):
                for listener in self._listeners:
                    listener.on_cached(len(texts) - len(computed))
            return found

        try:
            found = await self._scheduler.run(
                Work(served.classifier, missing, then, served.alone, by)
            )
        except Exception as error:
            self._tell(error if isinstance(error, ClassmarkError) else _unforeseen(error))
            raise
        for key, one in zip(keys, found, strict=False):
            self._cache.put(key, one.answer)
        return found

    async def rehearse(self, served: ServedModel, text: str) -> TimedAnswer:
        """A model's answer to a text that nobody asked: by the same way, and nobody is told.

        Raises:
            OverloadedError: Too many texts wait already.
        """
        (answer,) = await self._scheduler.run(Work(served.classifier, [text], list))
        return answer

    def _keys(self, served: ServedModel, texts: Sequence[str]) -> list[bytes]:
        """What the answer to each text is known by; none where no answers are kept."""
        if len(texts) > _MOST_CACHED:
            return []
        return self._cache.keys(served.version.digest, texts)

    def _recorded(
        self,
        served: ServedModel,
        texts: Sequence[str],
        answers: Sequence[TimedAnswer],
        user_id: str | None,
    ) -> list[ServedPrediction]:
        """The predictions that come of answers, once all listeners have heard of them."""
        at, version = self._now(), served.version
        several = served.classifier.problem is Problem.MULTI_LABEL
        found = [
            ServedPrediction(
                Prediction(
                    id=str(uuid.uuid4()),
                    model=version.model,
                    version=str(version.version),
                    text=text,
                    label=timed.answer.label,
                    confidence=timed.answer.confidence,
                    latency_ms=timed.seconds * 1000,
                    user_id=user_id,
                    at=at,
                    labels=timed.answer.labels if several else None,
                ),
                timed.answer,
                served.classifier.labels,
            )
            for text, timed in zip(texts, answers, strict=True)
        ]
        is_recorded = self._heard([one.prediction for one in found])
        return found if is_recorded else [replace(one, is_recorded=False) for one in found]

    def _heard(self, predictions: Sequence[Prediction]) -> bool:
        """Tell all listeners; whether these predictions are recorded."""
        told = [listener.on_predictions(predictions) for listener in self._listeners]
        is_recorded = False not in told
        if not is_recorded:
            for listener in self._listeners:
                listener.on_dropped(len(predictions))
        return is_recorded

    def _tell(self, error: ClassmarkError) -> None:
        for listener in self._listeners:
            listener.on_error(error)


def _merged(known: Sequence[Answer | None], computed: Sequence[TimedAnswer]) -> list[TimedAnswer]:
    """All answers in the order of the texts; what was known took no time in the model."""
    missing = iter(computed)
    return [next(missing) if answer is None else TimedAnswer(answer, 0.0) for answer in known]


def _unforeseen(error: Exception) -> ClassmarkError:
    """What the listeners hear of an error that is none of ours; who asked gets it as it is."""
    return ClassmarkError(f"{type(error).__name__}: {error}.", remedy="See the server's log.")
