"""Errors as HTTP: one body for all of them (RFC 9457), each with what to do next."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import Scope

from classmark.errors import ClassmarkError, FieldError, OverloadedError
from classmark.serving.request_ids import HEADER as REQUEST_ID
from classmark.serving.request_ids import instance, request_id
from classmark.serving.schemas import Problem
from classmark.wording import one_line, reason

logger = logging.getLogger(__name__)

_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"
_SHOWN_ERRORS = 20
_SHOWN_CHARACTERS = 200
# What is told of an error that is none of ours, and what to do next.
UNFORESEEN = (
    "This was not foreseen; the server's log has the details.",
    "Report it, with what the log says.",
)
# What a refusal of the framework's own means for who asked.
_REMEDIES = {
    400: "Send one JSON object in UTF-8; /docs shows the body.",
    404: "See /docs for what there is.",
    405: "See /docs for how it is asked.",
}


def problem_response(
    scope: Scope, problem: Problem, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem as the response to a request."""
    named = problem.model_copy(update={"instance": instance(scope)})
    return JSONResponse(
        named.model_dump(exclude_none=True),
        problem.status,
        headers,
        media_type=_MEDIA_TYPE,
    )


def problems_of(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer, as the framework describes them."""
    return {status: {"model": Problem, "content": {_MEDIA_TYPE: {}}} for status in statuses}


def describe_problems(app: FastAPI) -> None:
    """Let the description of an app say in which media type its problems come."""
    routes = app.openapi()["paths"].values()
    operations = [operation for methods in routes for operation in methods.values()]
    for response in (one for found in operations for one in found["responses"].values()):
        content = response.get("content", {})
        if _MEDIA_TYPE in content:
            # The framework takes every model for plain JSON.
            content[_MEDIA_TYPE] = content.pop("application/json")


def answer_errors(app: FastAPI) -> None:
    """Let an app answer every error with a problem."""
    app.add_exception_handler(ClassmarkError, _foreseen)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unforeseen)


def foreseen(scope: Scope, error: ClassmarkError) -> JSONResponse:
    """The answer to a request that ended with an error of ours."""
    detail, remedy = told(error, _asked(scope))
    status = error.http_status
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == 503 else None
    problem = Problem(
        title=title(status),
        status=status,
        detail=detail,
        remedy=remedy,
        errors=[{"field": error.field, "reason": error.why}]
        if isinstance(error, FieldError)
        else [],
    )
    return problem_response(scope, problem, headers)


def told(error: ClassmarkError, asked: str) -> tuple[str, str]:
    """What whoever asks is told of an error, and what to do next; the log has the rest.

    Args:
        error: One of ours.
        asked: Who or what asked, for the log.
    """
    if error.http_status < 500 or isinstance(error, OverloadedError):
        return error.message, error.remedy
    # Paths and hosts are for whoever runs the server, not for whoever asks it.
    logger.warning("%s: %s", asked, error)
    detail = (type(error).__doc__ or "Not now.").partition("\n")[0]
    return detail, "Ask again later; the server's log says more."


def title(status: int) -> str:
    """As RFC 9110 names it; Python before 3.13 has the older names of two."""
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}
    return renamed.get(status) or HTTPStatus(status).phrase


def no_route(scope: Scope) -> JSONResponse:
    """The answer where there is nothing."""
    return _of_framework(scope, HTTPException(404))


async def _foreseen(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClassmarkError)  # noqa: S101 (registered for these alone)
    return foreseen(request.scope, error)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for these alone)
    errors = [_field_error(item) for item in error.errors()[:_SHOWN_ERRORS]]
    return problem_response(
        request.scope,
        Problem(
            title=title(422),
            status=422,
            detail="; ".join(f"{item['field']}: {item['reason']}" for item in errors[:3]),
            remedy=_remedy(request, error),
            errors=errors,
        ),
    )


def _remedy(request: Request, error: RequestValidationError) -> str:
    """What to do next: about the header, about the body as a whole, or about fields of it."""
    if "json" not in request.headers.get("content-type", ""):
        return "Send JSON, with the header Content-Type: application/json; /docs shows the body."
    if any(item["type"] == "json_invalid" or item["loc"] == ("body",) for item in error.errors()):
        return _REMEDIES[400]
    return "Mend the fields named; /docs shows the body."


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these alone)
    return _of_framework(request.scope, error)


def _of_framework(scope: Scope, error: HTTPException) -> JSONResponse:
    status = error.status_code
    problem = Problem(
        title=title(status),
        status=status,
        detail=_detail(scope, error),
        remedy=_REMEDIES.get(status),
    )
    return problem_response(scope, problem, error.headers)


def _detail(scope: Scope, error: HTTPException) -> str:
    """What the framework refuses, in our words."""
    path = one_line(scope["path"])[:_SHOWN_CHARACTERS]
    if error.status_code == 404:
        return f"There is nothing at {path}."
    if error.status_code == 405:
        return f"{path} is not asked by {one_line(scope['method'])[:_SHOWN_CHARACTERS]}."
    if isinstance(error.__cause__, UnicodeDecodeError):
        return "The body is not UTF-8."
    return "The body can't be read." if error.status_code == 400 else str(error.detail)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s failed", _asked(request.scope), exc_info=error)
    return problem_response(
        request.scope,
        Problem(
            title="Internal Server Error",
            status=500,
            detail=UNFORESEEN[0],
            remedy=UNFORESEEN[1],
        ),
        # The framework answers this outside of everything that we put before it.
        {REQUEST_ID: request_id(request.scope)},
    )


def _asked(scope: Scope) -> str:
    """Which request it was, for the log."""
    return f"{scope['method']} {Request(scope).url.path} (request {request_id(scope)})"


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    why = reason(item)
    if item["type"] == "json_invalid":
        _, position = item["loc"]
        return {"field": "body", "reason": f"{why} at character {position}"}
    place = ".".join(str(part) for part in item["loc"] if part != "body")
    # A field that we don't know may be as long as the body.
    return {"field": place[:_SHOWN_CHARACTERS] or "body", "reason": why}
