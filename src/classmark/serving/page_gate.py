"""What is reached of the web page's library: what the page itself asks, and no more."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.problems import no_route

_PAGE = "/ui"
# Below a folder of the library, by plain names: its own code fails at others.
_FILE = r"(?!.{200})(/[\w@-][\w.@-]*)+"
# Uploads, files of the server, other hosts' pages, queues and the like are not among them.
_ASKED = {
    "GET": re.compile(rf"{_PAGE}(/|/theme\.css|/(assets|static){_FILE})?"),
    "HEAD": re.compile(rf"{_PAGE}/?"),
    "POST": re.compile(rf"{_PAGE}/gradio_api/run/predict"),
}
_SHOWN = re.compile(rf"{_PAGE}/?|/docs")
# A browser then asks nobody else, whatever a page says. Scripts of both pages make code of text.
_POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none';"
    " base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
# How links to the page would be shown elsewhere, with a picture from the library's maker.
_ADVERTISEMENT = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')


class PageGate:
    """ASGI middleware before pages: 404 beyond what they need, and nothing from other hosts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer what a page asks."""
        path = scope.get("path", "")
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif _is_below(path) and not _is_asked(scope["method"], path):
            await no_route(scope)(scope, receive, send)
        elif _SHOWN.fullmatch(path):
            await self._app(scope, receive, _Cleaned(send))
        else:
            await self._app(scope, receive, send)


def _is_below(path: str) -> bool:
    return path == _PAGE or path.startswith(f"{_PAGE}/")


def _is_asked(method: str, path: str) -> bool:
    asked = _ASKED.get(method)
    return asked is not None and asked.fullmatch(path) is not None


class _Cleaned:
    """Sends a page on, as a whole and without what names other hosts."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = _ADVERTISEMENT.sub(b"", self._body)
        headers = MutableHeaders(raw=self._start["headers"])
        headers["content-security-policy"] = _POLICY
        if "content-length" in headers:
            headers["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})
