"""Tells how every request ended, whoever answered it."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.policy import rule_of

# What nobody made a rule for is asked by those who look for holes, by thousands of names.
_UNKNOWN = "other"


class Tally:
    """ASGI middleware that tells the first segment of the path and the status of each answer.

    Args:
        app: What answers.
        on_answer: Told as `/predict` and 200; paths that have no rule as `other`.
    """

    def __init__(self, app: ASGIApp, on_answer: Callable[[str, int], None]) -> None:
        self._app = app
        self._on_answer = on_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def telling(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                self._on_answer(_route(scope["path"]), message["status"])
            await send(message)

        try:
            await self._app(scope, receive, telling)
        except Exception:
            # The framework answers this further out than anything can be put.
            if not begun:
                self._on_answer(_route(scope["path"]), 500)
            raise


def _route(path: str) -> str:
    rule = rule_of(path)
    if rule is None:
        return _UNKNOWN
    return "/" + path[1:].partition("/")[0] if rule.with_all_below else path
