"""What every request goes through before a route sees it, in this order."""

import time
from collections.abc import Callable

from fastapi import FastAPI
from fastapi.routing import APIRoute

from classmark.serving.access import AccessControl
from classmark.serving.deadlines import Deadlines
from classmark.serving.keyring import Keyring
from classmark.serving.limits import BodyLimit, Bounds
from classmark.serving.page_gate import PageGate
from classmark.serving.policy import rule_of
from classmark.serving.rate import RateLimit
from classmark.serving.request_ids import RequestIds
from classmark.serving.settings import ServingSettings
from classmark.serving.tally import Tally

# The names of fields, and all labels that a prediction may have had.
_VALUES_BESIDE_TEXTS = 1100
_KEY = {"key": {"type": "http", "scheme": "bearer", "description": "A key, without `Bearer`."}}


def put_gates(
    app: FastAPI,
    settings: ServingSettings,
    keyring: Keyring | None,
    on_answer: Callable[[str, int], None],
) -> None:
    """Put them before an app: a name, a deadline, a key, a rate, a size.

    Args:
        app: What answers.
        settings: The limits.
        keyring: Knows the keys; None where nobody needs one.
        on_answer: Told route and status of every answer.
    """
    # The framework puts each before those that are there.
    app.add_middleware(PageGate)
    app.add_middleware(BodyLimit, bounds=_bounds(settings))
    if settings.max_requests_per_second:
        app.add_middleware(
            RateLimit, per_second=settings.max_requests_per_second, clock=time.monotonic
        )
    if keyring is not None:
        app.add_middleware(AccessControl, keyring=keyring)
    app.add_middleware(Deadlines, timeout_seconds=settings.timeout_seconds)
    app.add_middleware(RequestIds)
    app.add_middleware(Tally, on_answer=on_answer)


def _bounds(settings: ServingSettings) -> Bounds:
    return Bounds(settings.max_body_bytes, settings.max_batch_texts + _VALUES_BESIDE_TEXTS)


def describe_keys(app: FastAPI) -> None:
    """Let the description of an app say which routes need a key: Swagger then asks for one."""
    for route in app.routes:
        if not isinstance(route, APIRoute):
            continue
        rule = rule_of(route.path)
        if rule is None or not rule.is_open:
            route.openapi_extra = {**(route.openapi_extra or {}), "security": [{"key": []}]}
    app.openapi().setdefault("components", {})["securitySchemes"] = _KEY
