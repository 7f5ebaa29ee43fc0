"""A name for each request, which the answer, its problem and the log have in common."""

import uuid
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
_STATE = "request_id"
_LONGEST = 128
_VISIBLE = frozenset(range(0x21, 0x7F))


def request_id(scope: Scope) -> str:
    """The name of the request; empty where nobody gave it one."""
    found: str = scope.get("state", {}).get(_STATE, "")
    return found


def instance(scope: Scope) -> str | None:
    """The request as a URI, whatever characters its name has (RFC 9457, 3.1.5)."""
    name = request_id(scope)
    return f"urn:request:{quote(name, safe='')}" if name else None


def name_request(scope: Scope) -> str:
    """Give a request its name, as it asks or anew."""
    name = _given(scope) or uuid.uuid4().hex
    scope.setdefault("state", {})[_STATE] = name
    return name


class RequestIds:
    """ASGI middleware that names each request, as it asks or anew, and says so in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, and put the name into the answer's headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = name_request(scope)

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = name
            await send(message)

        await self._app(scope, receive, named)


def _given(scope: Scope) -> str:
    """The name that the request has already, if it can stand in a header and in a log."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            is_sane = 0 < len(value) <= _LONGEST and _VISIBLE.issuperset(value)
            return value.decode("ascii") if is_sane else ""
    return ""
