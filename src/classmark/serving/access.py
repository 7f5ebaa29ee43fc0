"""Lets in who has a key for what they ask."""

import base64
import binascii

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from classmark.access import ApiKey, WrittenKey
from classmark.errors import DatabaseUnavailableError
from classmark.serving.keyring import Keyring
from classmark.serving.policy import Rule, rule_of
from classmark.serving.problems import foreseen, no_route
from classmark.serving.refusals import forbidden, unauthorised

_STATE = "key"
# What a browser says of a request that no other site made it send.
_OWN_SITE = {"same-origin", "none"}
_POLICY_VIOLATION = 1008


def caller(scope: Scope) -> str:
    """The id of the key that was given; empty where nobody asked for one."""
    key = _key(scope)
    return "" if key is None else key.id


def may_ask(scope: Scope, path: str) -> bool:
    """Whether who asked may ask another path of ours, too."""
    key, rule = _key(scope), rule_of(path)
    return key is None or (rule is not None and any(map(key.allows, rule.scopes)))


def _key(scope: Scope) -> ApiKey | None:
    """The key that was given; None where nobody asked for one."""
    found: ApiKey | None = scope.get("state", {}).get(_STATE)
    return found


class AccessControl:
    """ASGI middleware that asks for a key, and for a scope of it, before the app sees anything.

    Args:
        app: What answers.
        keyring: Knows the keys.
    """

    def __init__(self, app: ASGIApp, keyring: Keyring) -> None:
        self._app = app
        self._keyring = keyring

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app answer, or refuse in its place."""
        if scope["type"] == "http":
            refusal = await self._refusal(scope)
            await (refusal or self._app)(scope, receive, send)
        elif scope["type"] == "websocket":
            # Nothing of ours speaks it.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        else:
            await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        rule = rule_of(scope["path"])
        if rule is not None and rule.is_open:
            return None
        in_browser = rule is not None and rule.in_browser
        written = _given(Headers(scope=scope), scope["method"], in_browser=in_browser)
        try:
            key = await self._keyring.found(written) if written else None
        except DatabaseUnavailableError as error:
            return foreseen(scope, error)
        if key is None:
            return unauthorised(scope, in_browser=in_browser)
        scope.setdefault("state", {})[_STATE] = key
        return _beyond(scope, key, rule)


def _beyond(scope: Scope, key: ApiKey, rule: Rule | None) -> Response | None:
    """The refusal of what is beyond a key, if it is."""
    if rule is None:
        # What has no rule is for nobody, whether it is there or not.
        return no_route(scope)
    if any(map(key.allows, rule.scopes)):
        return None
    return forbidden(scope, has=sorted(key.scopes), needed=sorted(rule.scopes))


def _given(headers: Headers, method: str, *, in_browser: bool) -> WrittenKey | None:
    own = headers.get("x-api-key")
    if own is not None:
        return WrittenKey.parse(own)
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return WrittenKey.parse(value.strip())
    if kind.lower() == "basic" and in_browser and _is_own(headers, method):
        return WrittenKey.parse(_password(value.strip()))
    return None


def _is_own(headers: Headers, method: str) -> bool:
    """Whether no other site made a browser ask: it sends a password along without being told."""
    return method in {"GET", "HEAD"} or headers.get("sec-fetch-site", "none") in _OWN_SITE


def _password(encoded: str) -> str:
    """Of HTTP Basic (RFC 7617), whatever the user's name."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
