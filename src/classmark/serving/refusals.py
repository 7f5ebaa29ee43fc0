"""The answers to what no route ever sees."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi.responses import JSONResponse
from starlette.types import Scope

from classmark.errors import OverloadedError
from classmark.serving.problems import RETRY_AFTER_SECONDS, problem_response, title
from classmark.serving.schemas import Problem

_BEARER = "Bearer"
# A browser asks its user for a name and a password then; any name will do.
_BASIC = 'Basic realm="classmark: any user name, a key as password", charset="UTF-8"'

# No request that has a name stands behind these.
_UNREAD = {
    400: ("This is no request of HTTP/1.1.", "Ask with a client that speaks HTTP/1.1."),
    408: ("The request did not arrive in time.", "Send it faster, or in smaller parts."),
    431: ("The request line and the headers are too long.", "Send at most 65,536 bytes of them."),
}


def too_large(scope: Scope, limit: int) -> JSONResponse:
    """The answer to a body beyond the limit."""
    return _refusal(
        scope,
        413,
        f"The body is larger than {limit:,} bytes.",
        remedy="Send fewer texts at a time.",
    )


def too_many_values(scope: Scope, limit: int) -> JSONResponse:
    """The answer to a body of small things without number."""
    return _refusal(
        scope,
        413,
        f"The body holds more than {limit:,} values.",
        remedy="Send fewer texts at a time, and nothing beside what /docs shows.",
    )


def no_json(scope: Scope) -> JSONResponse:
    """The answer to a long body that can't be read."""
    return _refusal(
        scope,
        400,
        "The body is no JSON in UTF-8.",
        remedy="Send one JSON object in UTF-8; /docs shows the body.",
    )


def no_room(scope: Scope, error: OverloadedError) -> JSONResponse:
    """The answer to a prediction that would come too late."""
    return _refusal(
        scope, 503, error.message, remedy=error.remedy, headers={"Retry-After": RETRY_AFTER_SECONDS}
    )


def too_late(scope: Scope, seconds: float) -> JSONResponse:
    """The answer to a request whose time is over."""
    return _refusal(
        scope,
        504,
        f"There was no answer within {seconds:g} s.",
        remedy="Give it more time, or send fewer texts at a time.",
    )


def too_many(scope: Scope, per_second: float, wait_seconds: int) -> JSONResponse:
    """The answer to who asks too often."""
    return _refusal(
        scope,
        429,
        f"More than {per_second:g} requests a second are too many.",
        remedy="Ask again after the seconds in Retry-After; several texts fit into one request.",
        headers={"Retry-After": str(wait_seconds)},
    )


def unauthorised(scope: Scope, *, in_browser: bool) -> JSONResponse:
    """The answer to who has no key, or one that is not good."""
    return _refusal(
        scope,
        401,
        "This needs a key: there is none, or it is wrong, expired or revoked.",
        remedy="Send one as Authorization: Bearer KEY, or as X-API-Key: KEY; who runs the server"
        " makes it.",
        headers={"WWW-Authenticate": _BASIC if in_browser else _BEARER},
    )


def forbidden(scope: Scope, *, has: Sequence[str], needed: Sequence[str]) -> JSONResponse:
    """The answer to a key that opens other things."""
    return _refusal(
        scope,
        403,
        f"The key has the scope {', '.join(has)}; this needs {' or '.join(needed)}.",
        remedy="Ask who runs the server for a key with that scope.",
    )


def wrong_header(scope: Scope, name: str, why: str) -> JSONResponse:
    """The answer to a header whose value can't be."""
    problem = Problem(
        title=title(422),
        status=422,
        detail=f"{name}: {why}",
        remedy="Mend the header, or leave it out.",
        errors=[{"field": name, "reason": why}],
    )
    return problem_response(scope, problem)


def unread(status: HTTPStatus) -> JSONResponse:
    """The answer to what never became a request: 400, 408 or 431."""
    detail, remedy = _UNREAD[status]
    return _refusal({}, status, detail, remedy=remedy)


def _refusal(
    scope: Scope, status: int, detail: str, *, remedy: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    problem = Problem(title=title(status), status=status, detail=detail, remedy=remedy)
    return problem_response(scope, problem, headers)
