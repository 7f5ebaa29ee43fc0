"""Bounds on a body, kept while it arrives: on its bytes, and on how many values are in it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import ijson
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.refusals import no_json, too_large, too_many_values

# What so few bytes hold takes no memory worth counting.
_SMALL_BYTES = 65_536

Refusal = Callable[[Scope], JSONResponse]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a body may be.

    Attributes:
        max_bytes: Of it.
        max_values: Texts, numbers, lists, objects and names of fields in it. An empty list is two
            bytes of a body, and a hundred in memory.
    """

    max_bytes: int
    max_values: int


class BodyLimit:
    """ASGI middleware that answers 413 to a body beyond bounds.

    The declared length is refused at once, and all else as soon as it is beyond. A body of some
    size must be JSON, else 400: nobody can tell what is in it.
    """

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app see a body within bounds, and answer any other."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _declared_length(scope) > self._bounds.max_bytes:
            await too_large(scope, self._bounds.max_bytes)(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(self._bounds)
        answered = False

        async def counting() -> Message:
            message = await receive()
            body.take(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal answered
            # The app may make an answer of its own of a body that ends with an error.
            if body.refusal is None or answered:
                answered = True
                await send(message)

        with suppress(BodyRefused):
            await self._app(scope, counting, sending)
        if body.refusal is not None and not answered:
            await body.refusal(scope)(scope, receive, send)


class BodyRefused(Exception):  # noqa: N818 (never leaves this file)
    """It is beyond a bound."""


class _Body:
    """What came of a body so far.

    Attributes:
        refusal: Answers it; None while it is within bounds.
    """

    def __init__(self, bounds: Bounds) -> None:
        self.refusal: Refusal | None = None
        self._bounds = bounds
        self._bytes = self._values = 0
        self._unparsed: list[bytes] = []
        self._found: Any = None
        self._parser: Any = None

    def take(self, part: bytes) -> None:
        """Count one more part.

        Raises:
            BodyRefused: It is too much, now or before.
        """
        self._bytes += len(part)
        if self._bytes > self._bounds.max_bytes:
            self.refusal = partial(too_large, limit=self._bounds.max_bytes)
        elif self.refusal is None and part:
            self._unparsed.append(part)
            if self._bytes > _SMALL_BYTES:
                self._parse()
        if self.refusal is not None:
            raise BodyRefused

    def _parse(self) -> None:
        parts, self._unparsed = self._unparsed, []
        if self._parser is None:
            self._found = ijson.sendable_list()
            self._parser = ijson.basic_parse_coro(self._found, use_float=True)
        try:
            for part in parts:
                self._parser.send(part)
        except Exception:  # noqa: BLE001 (of numbers beyond all it raises what it happens to)
            self.refusal = no_json
        self._values += len(self._found)
        self._found.clear()
        if self._values > self._bounds.max_values:
            self.refusal = partial(too_many_values, limit=self._bounds.max_values)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
