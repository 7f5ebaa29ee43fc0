"""What is reached of the web page's library: what the page itself asks, and no more."""

import logging
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classmark.serving.problems import no_route, problem_response, title
from classmark.serving.schemas import Problem

logger = logging.getLogger(__name__)

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
_PROBLEM = "application/problem+json"
# How links to the page would be shown elsewhere, with a picture from the library's maker.
_ADVERTISEMENT = re.compile(rb'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')


class PageGate:
    """ASGI middleware before pages: 404 beyond what they need, and nothing from other hosts.

    What the library refuses in a form of its own is answered with a problem, as everywhere.
    """

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
        elif _is_below(path):
            await self._judged(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _judged(self, scope: Scope, receive: Receive, send: Send) -> None:
        judged = _Judged(send)
        try:
            await self._app(scope, receive, judged)
        except Exception:
            # The library answers first and raises then, where its own code fails at a question.
            if not judged.is_refused:
                raise
            logger.warning("The web page's library failed at a question", exc_info=True)
        if judged.is_refused:
            await _refusal(scope)(scope, receive, send)


def _is_below(path: str) -> bool:
    return path == _PAGE or path.startswith(f"{_PAGE}/")


def _is_asked(method: str, path: str) -> bool:
    asked = _ASKED.get(method)
    return asked is not None and asked.fullmatch(path) is not None


def _refusal(scope: Scope) -> Response:
    """The answer in place of one in the library's own form."""
    if scope["method"] != "POST":
        return no_route(scope)
    # What the page itself asks ends with a sentence on it, whatever goes wrong.
    return problem_response(
        scope,
        Problem(
            title=title(422),
            status=422,
            detail="This was not asked by the page, or by that of another release.",
            remedy="Load /ui again and ask there; a program asks /predict.",
        ),
    )


class _Judged:
    """Sends an answer on, unless the library refuses in a form of its own.

    Attributes:
        is_refused: Whether it did; nothing was sent then.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_refused = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kind = Headers(raw=message["headers"]).get("content-type", "")
            # Without the page it is our own app that answers here.
            self.is_refused = message["status"] >= 400 and kind != _PROBLEM
        if not self.is_refused:
            await self._send(message)


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
