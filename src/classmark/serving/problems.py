"""Errors as HTTP: one body for all of them (RFC 9457), each with what to do next."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from classmark.errors import ClassmarkError, OverloadedError, UnavailableError
from classmark.serving.schemas import Problem
from classmark.wording import reason

logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = "1"
_SHOWN_ERRORS = 20
_SHOWN_CHARACTERS = 200
# What a refusal of the framework's own means for who asked.
_REMEDIES = {
    400: "Send one JSON object in UTF-8; /docs shows the body.",
    404: "See /docs for what there is.",
    405: "See /docs for how it is asked.",
}


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        problem.status,
        headers,
        media_type="application/problem+json",
    )


def answer_errors(app: FastAPI) -> None:
    """Let an app answer every error with a problem."""
    app.add_exception_handler(ClassmarkError, _foreseen)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unforeseen)


def too_large(limit: int) -> JSONResponse:
    """The answer to a body beyond the limit."""
    return problem_response(
        Problem(
            title=_title(413),
            status=413,
            detail=f"The body is larger than {limit:,} bytes.",
            remedy="Send fewer texts at a time.",
        )
    )


async def _foreseen(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClassmarkError)  # noqa: S101 (registered for these alone)
    detail, remedy = error.message, error.remedy
    if error.http_status >= 500 and not isinstance(error, OverloadedError):
        # Paths and hosts are for whoever runs the server, not for whoever asks it.
        logger.warning("%s %s: %s", request.method, request.url.path, error)
        detail = (type(error).__doc__ or "Not now.").partition("\n")[0]
        remedy = "Ask again later; the server's log says more."
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if isinstance(error, UnavailableError) else None
    status = error.http_status
    problem = Problem(title=_title(status), status=status, detail=detail, remedy=remedy)
    return problem_response(problem, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for these alone)
    errors = [_field_error(item) for item in error.errors()[:_SHOWN_ERRORS]]
    is_json = "json" in request.headers.get("content-type", "")
    return problem_response(
        Problem(
            title=_title(422),
            status=422,
            detail="; ".join(f"{item['field']}: {item['reason']}" for item in errors[:3]),
            remedy="Mend the fields named; /docs shows the body."
            if is_json
            else "Send JSON, with the header Content-Type: application/json; /docs shows the body.",
            errors=errors,
        )
    )


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these alone)
    status = error.status_code
    problem = Problem(
        title=_title(status),
        status=status,
        detail=str(error.detail),
        remedy=_REMEDIES.get(status),
    )
    return problem_response(problem, dict(error.headers or {}))


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(
        Problem(
            title="Internal Server Error",
            status=500,
            detail="This was not foreseen; the server's log has the details.",
            remedy="Report it, with what the log says.",
        )
    )


def _title(status: int) -> str:
    """As RFC 9110 names it; Python before 3.13 has the older names of two."""
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}
    return renamed.get(status) or HTTPStatus(status).phrase


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    why = reason(item)
    if item["type"] == "json_invalid":
        _, position = item["loc"]
        return {"field": "body", "reason": f"{why} at character {position}"}
    place = ".".join(str(part) for part in item["loc"] if part != "body")
    # A field that we don't know may be as long as the body.
    return {"field": place[:_SHOWN_CHARACTERS] or "body", "reason": why}
