"""Errors as HTTP: one body for all of them (RFC 9457), each with what to do next."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from classmark.errors import ClassmarkError, UnavailableError
from classmark.serving.schemas import Problem

logger = logging.getLogger(__name__)

_RETRY_AFTER_SECONDS = "1"
_SHOWN_ERRORS = 20


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
            title="Content Too Large",
            status=413,
            detail=f"The body is larger than {limit:,} bytes.",
            remedy="Send fewer texts at a time.",
        )
    )


async def _foreseen(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ClassmarkError)  # noqa: S101 (registered for these alone)
    headers = {"Retry-After": _RETRY_AFTER_SECONDS} if isinstance(error, UnavailableError) else None
    return problem_response(
        Problem(
            title=HTTPStatus(error.http_status).phrase,
            status=error.http_status,
            detail=error.message,
            remedy=error.remedy,
        ),
        headers,
    )


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (registered for these alone)
    errors = [_field_error(item) for item in error.errors()[:_SHOWN_ERRORS]]
    return problem_response(
        Problem(
            title="Unprocessable Content",
            status=422,
            detail="; ".join(f"{item['field']}: {item['reason']}" for item in errors[:3]),
            remedy="Mend the fields named; /docs shows the body.",
            errors=errors,
        )
    )


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for these alone)
    status = error.status_code
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=str(error.detail))
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


def _field_error(item: dict[str, Any]) -> dict[str, str]:
    place = [str(part) for part in item["loc"] if part != "body"]
    reason = str(item["msg"]).removeprefix("Value error, ")
    return {"field": ".".join(place) or "body", "reason": reason}
