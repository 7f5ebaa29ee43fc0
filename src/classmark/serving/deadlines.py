"""How long an answer may take, kept from the first byte of the question on."""

import asyncio
import math
import re
import time
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.policy import rule_of
from classmark.serving.refusals import too_late, wrong_header

HEADER = "X-Timeout-Ms"
_HEADER_BYTES = HEADER.lower().encode()
# Beyond, it is no deadline: more than eleven days.
_STATE = "deadline"
_MILLISECONDS = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def deadline(scope: Scope) -> float:
    """When a request is given up, on the clock of `time.monotonic`; infinity for never."""
    found: float = scope.get("state", {}).get(_STATE, math.inf)
    return found


def asked_seconds(headers: Sequence[tuple[bytes, bytes]]) -> float | None:
    """For how long a request waits, by its header; None if it says nothing that can be."""
    for name, value in headers:
        if name == _HEADER_BYTES:
            given = value.decode("latin-1")
            return int(given) / 1000 if _MILLISECONDS.fullmatch(given) else None
    return None


class Deadlines:
    """ASGI middleware that answers 504 when the time is over.

    What the app is doing then is cancelled: texts that nobody began are never computed.

    Args:
        app: What answers.
        timeout_seconds: For a prediction, whatever the request asks for; 0 for any time.
    """

    def __init__(self, app: ASGIApp, timeout_seconds: float) -> None:
        self._app = app
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app begin its answer in time, or answer in its place."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER)
        if given is not None and not _MILLISECONDS.fullmatch(given):
            refusal = wrong_header(
                scope, HEADER, "it must be a whole number of milliseconds, from 1 to 999999999"
            )
            await refusal(scope, receive, send)
            return
        seconds = self._seconds(scope["path"], asked_seconds(scope["headers"]))
        await self._in_time(scope, receive, send, seconds)

    def _seconds(self, path: str, asked: float | None) -> float | None:
        rule = rule_of(path)
        if not self._timeout_seconds or rule is None or not rule.predicts:
            return asked
        return self._timeout_seconds if asked is None else min(asked, self._timeout_seconds)

    async def _in_time(
        self, scope: Scope, receive: Receive, send: Send, seconds: float | None
    ) -> None:
        began = False
        if seconds is not None:
            scope.setdefault("state", {})[_STATE] = time.monotonic() + seconds

        async def sending(message: Message) -> None:
            nonlocal began
            if timeout.expired():
                # Of what was cancelled nobody hears.
                return
            if not began:
                # An answer that has begun is brought to its end.
                began = True
                timeout.reschedule(None)
            await send(message)

        try:
            async with asyncio.timeout(seconds) as timeout:
                await self._app(scope, receive, sending)
        except TimeoutError:
            if not timeout.expired():
                raise
            await too_late(scope, seconds or 0.0)(scope, receive, send)
