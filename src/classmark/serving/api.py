"""The HTTP API over one predictor."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from classmark import __version__
from classmark.errors import InputError, UnknownPredictionError
from classmark.models import Problem as LearnedProblem
from classmark.predictions import Feedback, PredictionLog, Spool
from classmark.serving.aside import DatabaseCalls
from classmark.serving.health import ModelHealth
from classmark.serving.limits import BodyLimit
from classmark.serving.predictor import Predictor
from classmark.serving.problems import answer_errors
from classmark.serving.schemas import (
    FeedbackRequest,
    FeedbackResponse,
    HealthResponse,
    ModelHealthResponse,
    ModelInfoResponse,
    PredictionBody,
    PredictRequest,
    PredictResponse,
    Problem,
    ReadyResponse,
)
from classmark.serving.settings import ServingSettings

# Another worker's prediction reaches the log when that worker drains its spool.
_FEEDBACK_TRIES = 4
# As nginx counts those who hung up; nobody sees it.
_CLIENT_GONE = 499

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}}
    for status in (413, 422, 503)
}


class MetricsView(Protocol):
    """Somebody who has counted."""

    def as_json(self) -> Mapping[str, Any]:
        """For people."""
        ...

    def as_prometheus(self) -> tuple[bytes, str]:
        """For a scraper: the text and its content type."""
        ...


@dataclass(frozen=True, slots=True)
class ApiParts:
    """What the API stands on.

    Attributes:
        predictor: Answers.
        log: Where feedback goes.
        spool: Drained before a prediction counts as unknown.
        metrics: What was counted.
        settings: The limits.
        lifespan: Runs as long as the app does.
        production: Which version is in production now; None if none is. It may raise and hang.
    """

    predictor: Predictor
    log: PredictionLog
    spool: Spool
    metrics: MetricsView
    settings: ServingSettings
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]
    production: Callable[[], str | None]


def create_api(parts: ApiParts) -> FastAPI:
    """The API as an ASGI app."""
    app = FastAPI(
        title="classmark",
        version=__version__,
        description="Classifies documents.",
        lifespan=parts.lifespan,
    )
    answer_errors(app)
    app.add_middleware(BodyLimit, max_bytes=parts.settings.max_body_bytes)
    _add_predictions(app, parts)
    _add_health(app, parts)
    _add_state(app, parts)
    return app


def _add_predictions(app: FastAPI, parts: ApiParts) -> None:
    settings = parts.settings
    calls = DatabaseCalls()

    @app.post("/predict", tags=["predictions"], responses=_PROBLEMS, response_model=PredictResponse)
    async def predict(request: Request, body: PredictRequest) -> Response:
        """Classify a few texts."""
        return await _while_there(request, _answered(parts, body, settings.max_texts))

    @app.post(
        "/predict_batch", tags=["predictions"], responses=_PROBLEMS, response_model=PredictResponse
    )
    async def predict_batch(request: Request, body: PredictRequest) -> Response:
        """Classify a large list of texts."""
        return await _while_there(request, _answered(parts, body, settings.max_batch_texts))

    @app.post(
        "/feedback",
        tags=["predictions"],
        responses={**_PROBLEMS, 404: {"model": Problem}},
        response_model_exclude_none=True,
    )
    async def feedback(body: FeedbackRequest) -> FeedbackResponse:
        """Say what was true of a prediction."""
        told = _checked_feedback(parts, body)
        await _kept_feedback(parts, calls, told)
        prediction = await calls.run(parts.log.find, body.prediction_id)
        return FeedbackResponse(
            prediction_id=body.prediction_id,
            label=body.label,
            labels=body.labels,
            correct=set(prediction.given) == set(told.true),
        )


def _add_health(app: FastAPI, parts: ApiParts) -> None:
    @app.get("/health", tags=["state"])
    async def health() -> HealthResponse:
        """Whether the process lives."""
        return HealthResponse(model_loaded=True, timestamp=datetime.now(UTC))

    model_health = ModelHealth(parts.predictor, parts.spool, parts.production)

    @app.get("/health/ml", tags=["state"], responses={503: {"model": ModelHealthResponse}})
    async def health_of_model(response: Response) -> ModelHealthResponse:
        """Whether the model answers, and whether it is the one in production."""
        found = await model_health.looked_at()
        response.status_code = 503 if found.status == "failing" else 200
        return found

    @app.get("/ready", tags=["state"])
    async def ready() -> ReadyResponse:
        """Whether it answers: a model is loaded and warmed up before the port opens."""
        return ReadyResponse(ready=True)


def _add_state(app: FastAPI, parts: ApiParts) -> None:
    served = parts.predictor.served

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/docs")

    @app.get("/model/info", tags=["state"])
    async def model_info() -> ModelInfoResponse:
        """Which model answers."""
        version = served.version
        return ModelInfoResponse(
            name=version.model,
            version=str(version.version),
            architecture=version.metadata["architecture"],
            problem=served.classifier.problem.value,
            labels=list(served.classifier.labels),
            max_length=served.classifier.max_tokens,
            created_at=version.created_at,
            metrics={
                part: {name: it for name, it in figures.items() if isinstance(it, float | int)}
                for part, figures in version.metadata["metrics"].items()
            },
        )

    @app.get(
        "/metrics",
        tags=["state"],
        response_model=None,
        responses={200: {"content": {"application/json": {}, "text/plain": {}}}},
    )
    async def metrics(request: Request) -> Response:
        """What was counted: JSON for people, Prometheus' text for a scraper, by Accept."""
        # With several workers, their files are read.
        if _wants_prometheus(request.headers.get("accept", "")):
            text, content_type = await asyncio.to_thread(parts.metrics.as_prometheus)
            return Response(text, media_type=content_type)
        return JSONResponse(await asyncio.to_thread(parts.metrics.as_json))


async def _while_there(request: Request, answering: Coroutine[Any, Any, Response]) -> Response:
    """The answer, given up when nobody is there any more to hear it."""
    answer = asyncio.ensure_future(answering)
    departure = asyncio.ensure_future(_departure(request))
    try:
        await asyncio.wait({answer, departure}, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else Response(status_code=_CLIENT_GONE)
    finally:
        answer.cancel()
        departure.cancel()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _answered(parts: ApiParts, body: PredictRequest, max_texts: int) -> Response:
    _check_size(body.texts, max_texts, parts.settings.max_text_characters)
    found = await parts.predictor.predict(body.texts, body.user_id)
    version = parts.predictor.served.version
    response = PredictResponse(
        predictions=[
            PredictionBody(
                id=served.prediction.id,
                label=served.prediction.label,
                labels=list(served.prediction.given),
                confidence=served.prediction.confidence,
                abstained=served.abstained,
                probabilities=dict(served.probabilities) if body.return_probabilities else None,
            )
            for served in found
        ],
        model=version.model,
        model_version=str(version.version),
        timestamp=found[0].prediction.at,
    )
    # Written here, for the framework would check and convert all of it once more.
    return Response(response.model_dump_json(exclude_none=True), media_type="application/json")


def _check_size(texts: Sequence[str], max_texts: int, max_characters: int) -> None:
    if len(texts) > max_texts:
        raise InputError(
            f"texts: {len(texts):,} texts are more than {max_texts:,}.",
            remedy="Send fewer at a time, or use /predict_batch or `classmark predict --file`.",
        )
    for index, text in enumerate(texts):
        if len(text) > max_characters:
            raise InputError(
                f"texts.{index}: {len(text):,} characters are more than {max_characters:,}.",
                remedy="Send the part of the document that says what it is about.",
            )


def _checked_feedback(parts: ApiParts, body: FeedbackRequest) -> Feedback:
    """What was true, as the model's problem has it: one label, or all of several."""
    classifier = parts.predictor.served.classifier
    several = classifier.problem is LearnedProblem.MULTI_LABEL
    wanted, other = ("labels", "label") if several else ("label", "labels")
    if getattr(body, wanted) is None or getattr(body, other) is not None:
        raise InputError(
            f"{other if getattr(body, other) is not None else wanted}: this model is"
            f" {classifier.problem}.",
            remedy=f"Send {wanted}, and not {other}.",
        )
    labels = tuple(body.labels or [body.label or ""])
    for label in labels:
        if label not in classifier.labels:
            raise InputError(
                f"{wanted}: {label!r} is no label of this model.",
                remedy=f"It knows: {', '.join(classifier.labels)}.",
            )
    return Feedback(
        body.prediction_id,
        labels[0],
        body.user_id,
        datetime.now(UTC),
        labels if several else None,
    )


async def _kept_feedback(parts: ApiParts, calls: DatabaseCalls, feedback: Feedback) -> None:
    for attempt in range(_FEEDBACK_TRIES):
        try:
            await calls.run(parts.log.add_feedback, feedback)
        except UnknownPredictionError:
            if attempt == _FEEDBACK_TRIES - 1:
                raise
            await calls.run(parts.spool.drain)
            await asyncio.sleep(parts.settings.drain_seconds * attempt / 2)
        else:
            return


def _wants_prometheus(accept: str) -> bool:
    wanted = accept.lower()
    if "application/json" in wanted:
        # "application/json, text/plain, */*" is what a page's scripts ask for.
        return False
    return "application/openmetrics-text" in wanted or "text/plain" in wanted
