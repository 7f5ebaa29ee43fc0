"""What was said."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer that was given, and to what.

    Attributes:
        id: Unique; feedback names it.
        model: The model's name.
        version: As `v1.2.0`.
        text: What was asked.
        label: What was answered.
        confidence: The probability of that label.
        latency_ms: How long the model took.
        user_id: Who asked, if they said.
        at: When.
        labels: All that was answered, of a model that may give several; None where it gives one.
    """

    id: str
    model: str
    version: str
    text: str
    label: str
    confidence: float
    latency_ms: float
    user_id: str | None
    at: datetime
    labels: tuple[str, ...] | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """All labels that were answered, be they several or one."""
        return (self.label,) if self.labels is None else self.labels


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was true, said later.

    Attributes:
        prediction_id: Of which prediction.
        label: The right label; of several the first.
        user_id: Who says so, if they said.
        at: When.
        labels: All right labels, of a model that may give several; None where it gives one.
    """

    prediction_id: str
    label: str
    user_id: str | None
    at: datetime
    labels: tuple[str, ...] | None = None

    @property
    def true(self) -> tuple[str, ...]:
        """All right labels, be they several or one."""
        return (self.label,) if self.labels is None else self.labels


@dataclass(frozen=True, slots=True)
class RequestMark:
    """What tells a request that is sent again from another one.

    Attributes:
        request_key: A digest of who asks and of the key that they gave the request.
        request_body: A digest of what they sent.
    """

    request_key: str
    request_body: str

    @classmethod
    def of(cls, caller: str, key: str, body: str) -> Self:
        """The mark of a request: two callers may use the same key and never meet."""
        return cls(_digest(f"{caller}\n{key}"), _digest(body))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
