"""Answers texts and announces what it said; whoever listens logs and counts."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from classmark.errors import ClassmarkError
from classmark.models import Problem, TimedAnswer
from classmark.predictions import Prediction
from classmark.serving.runtime import ServedModel
from classmark.serving.scheduler import Scheduler


class Listener(Protocol):
    """Somebody who wants to know what was served."""

    def on_predictions(self, predictions: Sequence[Prediction]) -> None:
        """These will be answered when all listeners have returned; raising holds them back.

        Called on any thread, several at once.
        """
        ...

    def on_error(self, error: ClassmarkError) -> None:
        """A request could not be answered."""
        ...


@dataclass(frozen=True, slots=True)
class ServedPrediction:
    """A prediction with what is not recorded of it.

    Attributes:
        prediction: What is recorded.
        probabilities: Of all classes.
        abstained: Whether the model is not sure enough; the label is a guess then.
    """

    prediction: Prediction
    probabilities: Mapping[str, float]
    abstained: bool


class Predictor:
    """The served model behind the scheduler.

    Args:
        served: What answers.
        scheduler: When it answers.
        listeners: Told in this order, before the answer goes out.
        now: The clock.
    """

    def __init__(
        self,
        served: ServedModel,
        scheduler: Scheduler,
        listeners: Sequence[Listener],
        *,
        now: Callable[[], datetime],
    ) -> None:
        self.served = served
        self._scheduler = scheduler
        self._listeners = listeners
        self._now = now

    async def predict(
        self, texts: Sequence[str], user_id: str | None = None
    ) -> list[ServedPrediction]:
        """The answers in the order of the texts, each of them recorded.

        Raises:
            OverloadedError: Too many texts wait already.
            UnavailableError: The answers could not be recorded.
        """
        try:
            answers = await self._scheduler.classify(self.served.classifier, texts)
            at, version = self._now(), self.served.version
            several = self.served.classifier.problem is Problem.MULTI_LABEL
            predictions = [
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
                )
                for text, timed in zip(texts, answers, strict=True)
            ]
            # Listeners write to disk: a slow one must not hold up every other request.
            await self._scheduler.aside(lambda: self._announce(predictions))
        except Exception as error:
            failure = error if isinstance(error, ClassmarkError) else _unforeseen(error)
            for listener in self._listeners:
                listener.on_error(failure)
            raise
        labels = self.served.classifier.labels
        return [
            ServedPrediction(
                prediction,
                dict(zip(labels, timed.answer.probabilities, strict=True)),
                timed.answer.abstained,
            )
            for prediction, timed in zip(predictions, answers, strict=True)
        ]

    async def rehearse(self, text: str) -> TimedAnswer:
        """The answer to a text that nobody asked: by the same way, and nobody is told.

        Raises:
            OverloadedError: Too many texts wait already.
        """
        (answer,) = await self._scheduler.classify(self.served.classifier, [text])
        return answer

    def _announce(self, predictions: Sequence[Prediction]) -> None:
        for listener in self._listeners:
            listener.on_predictions(predictions)


def _unforeseen(error: Exception) -> ClassmarkError:
    """What the listeners hear of an error that is none of ours; who asked gets it as it is."""
    return ClassmarkError(f"{type(error).__name__}: {error}.", remedy="See the server's log.")
