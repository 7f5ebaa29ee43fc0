"""A bound on the size of a body, kept while it arrives."""

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.refusals import too_large


class BodyTooLarge(Exception):  # noqa: N818 (never leaves this file)
    """More bytes came than are let in."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body of more than `max_bytes`.

    The declared length is refused at once, and a body without one as soon as it grows beyond.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app see a body of fewer bytes, and answer a larger one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _declared_length(scope) > self._max_bytes:
            await too_large(scope, self._max_bytes)(scope, receive, send)
        else:
            await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        received = 0
        answered = False

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise BodyTooLarge
            return message

        async def sending(message: Message) -> None:
            nonlocal answered
            # The app may make an answer of its own of a body that ends with an error.
            if received <= self._max_bytes or answered:
                answered = True
                await send(message)

        with suppress(BodyTooLarge):
            await self._app(scope, counting, sending)
        if received > self._max_bytes and not answered:
            await too_large(scope, self._max_bytes)(scope, receive, send)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
