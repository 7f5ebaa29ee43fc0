"""Late labels: checked against the version that made the prediction, and kept."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from classmark.errors import FieldError, UnknownPredictionError
from classmark.models import Problem
from classmark.predictions import Feedback, Prediction, PredictionLog, RequestMark, Spool
from classmark.serving.aside import DatabaseCalls
from classmark.serving.predictor import Predictor
from classmark.serving.schemas import FeedbackRequest

# Another worker's prediction reaches the log when that worker drains its spool.
_TRIES = 4

# A prediction -> the labels of the version that made it; None if it is gone.
LabelsOf = Callable[[Prediction], Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class FeedbackDesk:
    """Takes what people say was true.

    Attributes:
        predictor: Knows the labels of what answers now.
        labels_of: Knows those of what answered before.
        log: Where feedback goes.
        spool: Drained before a prediction counts as unknown.
        drain_seconds: Between two drains of another worker's spool.
    """

    predictor: Predictor
    labels_of: LabelsOf
    log: PredictionLog
    spool: Spool
    drain_seconds: float

    async def take(
        self, calls: DatabaseCalls, body: FeedbackRequest, mark: RequestMark | None
    ) -> bool:
        """Keep what was true of a prediction; whether the prediction had said so.

        Args:
            calls: To ask the database with.
            body: What was told.
            mark: Tells this request from others, so that it is kept once however often it is sent;
                None where it bears no name.

        Raises:
            FieldError: The version that made the prediction has no such label, or label and labels
                are mistaken for one another.
            UnknownPredictionError: No prediction has that id.
            DatabaseUnavailableError: It does not answer in time.
        """
        if (body.label is None) == (body.labels is None):
            raise FieldError(
                "label",
                "one of label and labels says what was true",
                remedy="Send label; of a model that may give several, send labels.",
            )
        prediction = await self._found(calls, body.prediction_id)
        told = _checked(prediction, await self._labels(calls, prediction), body)
        await calls.run(self.log.add_feedback, told, mark)
        return set(prediction.given) == set(told.true)

    async def _found(self, calls: DatabaseCalls, prediction_id: str) -> Prediction:
        for attempt in range(_TRIES - 1):
            try:
                return await calls.run(self.log.find, prediction_id)
            except UnknownPredictionError:
                await calls.run(self.spool.drain)
                await asyncio.sleep(self.drain_seconds * attempt / 2)
        return await calls.run(self.log.find, prediction_id)

    async def _labels(self, calls: DatabaseCalls, prediction: Prediction) -> Sequence[str]:
        served = self.predictor.served
        version, now = served.version, served.classifier.labels
        if (prediction.model, prediction.version) == (version.model, str(version.version)):
            return now
        made_by = await calls.run(self.labels_of, prediction)
        return now if made_by is None else made_by


def _checked(prediction: Prediction, known: Sequence[str], body: FeedbackRequest) -> Feedback:
    """What was true, as the prediction's problem has it: one label, or all of several."""
    several = prediction.labels is not None
    wanted, other = ("labels", "label") if several else ("label", "labels")
    if getattr(body, wanted) is None:
        problem = Problem.MULTI_LABEL if several else Problem.SINGLE_LABEL
        raise FieldError(
            other,
            f"the model of this prediction is {problem}",
            remedy=f"Send {wanted}, and not {other}.",
        )
    labels = tuple(body.labels or [body.label or ""])
    for label in labels:
        if label not in known:
            raise FieldError(
                wanted,
                f"{label!r} is no label of {prediction.model} {prediction.version}",
                remedy=f"It knows: {', '.join(known)}.",
            )
    return Feedback(
        prediction.id,
        labels[0],
        body.user_id,
        datetime.now(UTC),
        labels if several else None,
    )
