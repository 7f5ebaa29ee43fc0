"""Refuses at once what could not be answered in time, before any of it is read."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from classmark.errors import OverloadedError
from classmark.serving.deadlines import deadline
from classmark.serving.policy import rule_of
from classmark.serving.problems import foreseen


class Admission:
    """ASGI middleware that answers 503 to a prediction for which there is no room.

    Under ten times the load that can be computed, nine of ten requests end here: what a refusal
    costs is taken from the answers.

    Args:
        app: What answers.
        check_room: Raises OverloadedError where a text would come later than at a moment on the
            clock of `time.monotonic`.
    """

    def __init__(self, app: ASGIApp, check_room: Callable[[float], None]) -> None:
        self._app = app
        self._check_room = check_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, or refuse in its place."""
        if scope["type"] == "http" and _predicts(scope["path"]):
            try:
                self._check_room(deadline(scope))
            except OverloadedError as error:
                await foreseen(scope, error)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _predicts(path: str) -> bool:
    rule = rule_of(path)
    return rule is not None and rule.predicts
