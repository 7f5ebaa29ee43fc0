"""The bodies of the API."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, StrictBool
from pydantic.config import JsonDict

# Of any route; each has a limit of its own below this.
_MOST_TEXTS = 1_000_000


def _readable(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    if "\x00" in text:
        raise ValueError("the text holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("the text holds half a surrogate pair, which is no character") from error
    return text


# What of it a schema can say: something to read in it, and no NUL.
_TO_READ = Field(json_schema_extra={"pattern": r"^[^\x00]*[^\s\x00][^\x00]*$"})
ReadableText = Annotated[str, AfterValidator(_readable), _TO_READ]
ShortText = Annotated[str, Field(max_length=255), AfterValidator(_readable), _TO_READ]


def _visible(key: str) -> str:
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("it must be 1 to 255 visible ASCII characters")
    return key


def _distinct(labels: list[str]) -> list[str]:
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    return labels


# As for texts, the first at fault is named.
TrueLabels = Annotated[
    list[ShortText], Field(min_length=1, max_length=1000, fail_fast=True), AfterValidator(_distinct)
]
IdempotencyKey = Annotated[
    str, AfterValidator(_visible), Field(json_schema_extra={"pattern": "^[!-~]{1,255}$"})
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PredictRequest(_Body):
    """Texts to classify."""

    # The first text at fault is named; to name a million of them would cost a gigabyte.
    texts: Annotated[list[ReadableText], FailFast()] = Field(
        min_length=1, max_length=_MOST_TEXTS, examples=[["A new index for range joins."]]
    )
    return_probabilities: StrictBool = False
    user_id: ShortText | None = None


class PredictionBody(BaseModel):
    """One answer."""

    id: str | None = Field(
        None, description="Name it in /feedback. Not there if the answer could not be recorded."
    )
    label: str = Field(description="The most probable one.")
    labels: list[str] = Field(
        description="All that are given: the label alone or, of a model of several labels, those"
        " whose probability reaches their threshold."
    )
    confidence: float = Field(description="The probability of the label.")
    abstained: bool = Field(
        description="Whether the model is not sure enough; the label is its best guess then."
    )
    probabilities: dict[str, float] | None = None


class PredictResponse(BaseModel):
    """The answers in the order of the texts."""

    predictions: list[PredictionBody]
    model: str
    model_version: str = Field(examples=["v1.2.0"])
    timestamp: datetime


# Exactly one of them; null is as good as nothing.
_ONE_OF_BOTH: JsonDict = {
    "oneOf": [
        {"required": ["label"], "properties": {"label": {"type": "string"}}},
        {"required": ["labels"], "properties": {"labels": {"type": "array"}}},
    ]
}


class FeedbackRequest(_Body):
    """What was true."""

    model_config = ConfigDict(json_schema_extra=_ONE_OF_BOTH)

    prediction_id: ShortText
    label: ShortText | None = Field(None, description="Of a model that gives one.")
    labels: TrueLabels | None = Field(
        None,
        description="All of them, of a model that may give several.",
    )
    user_id: ShortText | None = None


class FeedbackResponse(BaseModel):
    """It was kept."""

    prediction_id: str
    label: str | None = None
    labels: list[str] | None = None
    correct: bool = Field(
        description="Whether the prediction had this label; or these labels and no other."
    )


class HealthResponse(BaseModel):
    """Whether the process lives."""

    status: Literal["healthy"] = "healthy"
    model_loaded: bool
    timestamp: datetime


class CheckBody(BaseModel):
    """What was looked at."""

    ok: bool
    message: str


class FallbackBody(BaseModel):
    """That another version answers than the one in production."""

    wanted: str = Field(description="The version that should answer.", examples=["v1.2.0"])
    why: str = Field(description="Why it can't be loaded.")


class ModelHealthResponse(BaseModel):
    """Whether the model answers, and whether it is the right one."""

    status: Literal["healthy", "degraded", "failing"]
    model: str
    version: str = Field(description="The one that answers.", examples=["v1.1.0"])
    production_version: str | None = Field(
        description="The one in production, as the database says; null where it can't be told."
    )
    fallback: FallbackBody | None = Field(description="Null where the right version answers.")
    loaded_at: datetime
    checks: dict[str, CheckBody]
    timestamp: datetime


class ReadyResponse(BaseModel):
    """Whether it answers."""

    ready: bool


class ModelInfoResponse(BaseModel):
    """Which model answers."""

    name: str
    version: str
    architecture: str
    problem: str = Field(examples=["single-label", "multi-label"])
    labels: list[str]
    max_length: int | None = Field(description="Tokens that are read; null where all are.")
    created_at: datetime
    metrics: dict[str, dict[str, float]] = Field(description="The overall figures of each part.")


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    remedy: str | None = None
    instance: str | None = Field(
        default=None, description="The request, by the name that X-Request-ID has, too."
    )
    errors: list[dict[str, str]] = Field(
        default_factory=list, description="Each field at fault, and why."
    )
