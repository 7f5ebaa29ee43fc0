"""Refuses at once what could not be answered in time, before any of it is read."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi.responses import JSONResponse

from classmark.errors import OverloadedError
from classmark.serving.deadlines import asked_seconds
from classmark.serving.policy import rule_of
from classmark.serving.refusals import no_room
from classmark.serving.request_ids import HEADER as REQUEST_ID
from classmark.serving.request_ids import name_request

# Where the connections find it: in the state that the app's lifespan gives its server.
STATE = "admission"
# From a head to the queue, generously.
_WAY_SECONDS = 0.02

Headers = Sequence[tuple[bytes, bytes]]


class Admission:
    """Looks at the head of a request whether there is room for it.

    Under ten times the load that can be computed, nine of ten requests end here: what a refusal
    costs is taken from the answers. So connections ask, before there is a request to the app.

    Args:
        check_room: Raises OverloadedError where a text would come later than at a moment on the
            clock of `time.monotonic`, after so many others that are not in the queue yet.
        timeout_seconds: For a prediction, whatever the request asks for; 0 for any time.
        on_answer: Told route and status of a refusal.
    """

    def __init__(
        self,
        check_room: Callable[[float, int], None],
        timeout_seconds: float,
        on_answer: Callable[[str, int], None],
    ) -> None:
        self._check_room = check_room
        self._timeout_seconds = timeout_seconds or math.inf
        self._on_answer = on_answer
        # Many heads are read before the first of their texts is in the queue.
        self._on_their_way = 0

    def refusal(self, path: str, headers: Headers) -> JSONResponse | None:
        """The answer to a prediction for which there is no room; None for all else.

        What is wrong with it is found out where there is room: a key, a rate, a field.
        """
        rule = rule_of(path)
        if rule is None or not rule.predicts:
            return None
        seconds = min(asked_seconds(headers) or math.inf, self._timeout_seconds)
        try:
            self._check_room(time.monotonic() + seconds, self._on_their_way)
        except OverloadedError as error:
            self._on_answer(path, 503)
            scope: dict[str, Any] = {"type": "http", "headers": headers}
            name = name_request(scope)
            response = no_room(scope, error)
            response.headers[REQUEST_ID] = name
            return response
        self._on_their_way += 1
        asyncio.get_running_loop().call_later(_WAY_SECONDS, self._arrived)
        return None

    def _arrived(self) -> None:
        self._on_their_way -= 1
