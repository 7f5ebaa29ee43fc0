"""The HTTP API over one predictor."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Protocol

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from classmark import __version__
from classmark.errors import FieldError
from classmark.predictions import PredictionLog, RequestMark, Spool
from classmark.serving.access import caller
from classmark.serving.admission import STATE as ADMISSION
from classmark.serving.admission import Admission
from classmark.serving.aside import DatabaseCalls
from classmark.serving.deadlines import HEADER as TIMEOUT
from classmark.serving.deadlines import deadline
from classmark.serving.description import add_description
from classmark.serving.feedback import FeedbackDesk, LabelsOf
from classmark.serving.gates import describe_keys, put_gates
from classmark.serving.health import ModelHealth
from classmark.serving.keyring import Keyring
from classmark.serving.predictor import Predictor
from classmark.serving.problems import answer_errors, describe_problems, problems_of
from classmark.serving.schemas import (
    FeedbackRequest,
    FeedbackResponse,
    HealthResponse,
    IdempotencyKey,
    ModelHealthResponse,
    ModelInfoResponse,
    PredictionBody,
    PredictRequest,
    PredictResponse,
    ReadyResponse,
)
from classmark.serving.settings import ServingSettings

# As nginx counts those who hung up; nobody sees it.
_CLIENT_GONE = 499
# Who is answered before is not watched: to do so costs as much as a small model.
_SOON_SECONDS = 0.05

# What can be done with an answer, as OpenAPI's links have it.
_FIRST = "$response.body#/predictions/0"
_TOLD_LATER = {
    "links": {
        "feedback": {
            "operationId": "feedback",
            "description": "Say what was true of the first prediction.",
            "requestBody": {"prediction_id": f"{_FIRST}/id", "label": f"{_FIRST}/label"},
        }
    }
}
_PREDICTS: dict[str, Any] = {
    "tags": ["predictions"],
    "responses": {**problems_of(400, 401, 403, 413, 422, 429, 503, 504), 200: _TOLD_LATER},
    "response_model": PredictResponse,
    # It is obeyed before a route is looked for.
    "openapi_extra": {
        "parameters": [
            {
                "name": TIMEOUT,
                "in": "header",
                "description": "After so many milliseconds the answer is given up.",
                "schema": {"type": "integer", "minimum": 1, "maximum": 999_999_999},
            }
        ]
    },
}


class MetricsView(Protocol):
    """Somebody who counts."""

    def on_answer(self, route: str, status: int) -> None:
        """A request to a route was answered so."""
        ...

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
        labels_of: The labels of the version that made a prediction; it may raise and hang, too.
        keyring: Knows the keys of those who may ask; None where nobody needs one.
        front: Where `/` leads.
    """

    predictor: Predictor
    log: PredictionLog
    spool: Spool
    metrics: MetricsView
    settings: ServingSettings
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]
    production: Callable[[], str | None]
    labels_of: LabelsOf
    keyring: Keyring | None = None
    front: Literal["/docs", "/ui"] = "/docs"


def create_api(parts: ApiParts) -> FastAPI:
    """The API as an ASGI app."""
    seconds, told = parts.settings.timeout_seconds, parts.metrics.on_answer
    admission = Admission(parts.predictor.check_room, seconds, told)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with parts.lifespan(app):
            yield {ADMISSION: admission}

    app = FastAPI(
        title="classmark",
        version=__version__,
        description="Classifies documents.",
        lifespan=lifespan,
        # Both would let a browser fetch scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    answer_errors(app)
    add_description(app)
    put_gates(app, parts.settings, parts.keyring, parts.metrics.on_answer)
    _add_predictions(app, parts)
    _add_health(app, parts)
    _add_state(app, parts)
    if parts.keyring is not None:
        describe_keys(app)
    describe_problems(app)
    return app


def _add_predictions(app: FastAPI, parts: ApiParts) -> None:
    settings = parts.settings
    calls = DatabaseCalls()
    desk = FeedbackDesk(
        parts.predictor, parts.labels_of, parts.log, parts.spool, settings.drain_seconds
    )

    @app.post("/predict", **_PREDICTS)
    async def predict(request: Request, body: PredictRequest) -> Response:
        """Classify a few texts."""
        return await _while_there(request, _answered(parts, request, body, settings.max_texts))

    @app.post("/predict_batch", **_PREDICTS)
    async def predict_batch(request: Request, body: PredictRequest) -> Response:
        """Classify a large list of texts."""
        most = settings.max_batch_texts
        return await _while_there(request, _answered(parts, request, body, most))

    @app.post(
        "/feedback",
        tags=["predictions"],
        operation_id="feedback",
        responses=problems_of(400, 401, 403, 404, 413, 422, 429, 503),
        response_model_exclude_none=True,
    )
    async def feedback(
        request: Request,
        body: FeedbackRequest,
        idempotency_key: Annotated[IdempotencyKey | None, Header()] = None,
    ) -> FeedbackResponse:
        """Say what was true of a prediction."""
        mark = None
        if idempotency_key is not None:
            mark = RequestMark.of(caller(request.scope), idempotency_key, body.model_dump_json())
        is_correct = await desk.take(calls, body, mark)
        return FeedbackResponse(
            prediction_id=body.prediction_id,
            label=body.label,
            labels=body.labels,
            correct=is_correct,
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
    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse(parts.front)

    @app.get("/model/info", tags=["state"])
    async def model_info() -> ModelInfoResponse:
        """Which model answers."""
        served = parts.predictor.served
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
    try:
        await asyncio.wait({answer}, timeout=_SOON_SECONDS)
        if not answer.done():
            await _first_of(answer, _departure(request))
        return answer.result() if answer.done() else Response(status_code=_CLIENT_GONE)
    finally:
        answer.cancel()


async def _first_of(answer: asyncio.Future[Any], departing: Coroutine[Any, Any, None]) -> None:
    departure: asyncio.Future[Any] = asyncio.ensure_future(departing)
    try:
        await asyncio.wait({answer, departure}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        departure.cancel()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _answered(
    parts: ApiParts, request: Request, body: PredictRequest, max_texts: int
) -> Response:
    _check_size(body.texts, max_texts, parts.settings.max_text_characters)
    found = await parts.predictor.predict(body.texts, body.user_id, deadline(request.scope))
    # Another version may have come to answer meanwhile.
    first = found[0].prediction
    response = PredictResponse(
        predictions=[
            PredictionBody(
                id=served.id,
                label=served.prediction.label,
                labels=list(served.prediction.given),
                confidence=served.prediction.confidence,
                abstained=served.abstained,
                probabilities=dict(served.probabilities) if body.return_probabilities else None,
            )
            for served in found
        ],
        model=first.model,
        model_version=first.version,
        timestamp=first.at,
    )
    # Written here, for the framework would check and convert all of it once more.
    return Response(response.model_dump_json(exclude_none=True), media_type="application/json")


def _check_size(texts: Sequence[str], max_texts: int, max_characters: int) -> None:
    if len(texts) > max_texts:
        raise FieldError(
            "texts",
            f"{len(texts):,} texts are more than {max_texts:,}",
            remedy="Send fewer at a time, or use /predict_batch or `classmark predict --file`.",
        )
    for index, text in enumerate(texts):
        if len(text) > max_characters:
            raise FieldError(
                f"texts.{index}",
                f"{len(text):,} characters are more than {max_characters:,}",
                remedy="Send the part of the document that says what it is about.",
            )


def _wants_prometheus(accept: str) -> bool:
    wanted = accept.lower()
    if "application/json" in wanted:
        # "application/json, text/plain, */*" is what a page's scripts ask for.
        return False
    return "application/openmetrics-text" in wanted or "text/plain" in wanted
