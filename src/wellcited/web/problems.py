"""Errors as problem+json (RFC 9457): what was wrong, what to do, and whom to call if it cannot wait."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Scope

from wellcited.errors import QuestionError
from wellcited.settings import Settings

PROBLEM = "application/problem+json"
TYPE = "about:blank"
FAULT = "Something went wrong, and there is no answer. Please ask again in a moment."
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""As RFC 9110 has them; the names in Python differ from version to version."""
_NAME = re.compile(r"\d+|[A-Za-z_][A-Za-z0-9_]{0,29}")
_WORDS = {"Not Found": "There is nothing at this address.", "Method Not Allowed": "This address has no such method."}


class Problem(BaseModel):
    """An error: `detail` says what was wrong and what to do."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(default=TYPE, description="Always about:blank: `status` tells what kind of problem it is.")
    title: str = Field(description="The name of the status.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(
        description="What was wrong and what to do; where a question got no answer, also whom to call in an emergency."
    )
    errors: list[str] = Field(default=[], description="One line for each field that cannot be taken.")


def problem(
    status: int, detail: str, errors: Sequence[str] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an error response."""
    body = Problem(title=title_of(status), status=status, detail=detail)
    body.errors = list(errors)
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body.model_dump(), status_code=status, media_type=PROBLEM, headers=kept)


def title_of(status: int) -> str:
    """Return the name of a status."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def emergency_line(settings: Settings) -> str:
    """Return whom to call: it ends the detail of every problem that leaves a question without an answer."""
    *rest, last = settings.emergency_numbers or ("your local emergency number",)
    return f"If this is an emergency, call {', '.join(rest)}{' or ' if rest else ''}{last}."


def local_path(scope: Scope) -> str:
    """Return the path below the address that the server is mounted at."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


def add_problem_handlers(app: FastAPI, settings: Settings) -> None:
    """Tell every error of `app` as problem+json, without repeating what the client sent."""
    call = emergency_line(settings)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [_line(entry) for entry in error.errors()]
        return problem(422, f"This request cannot be taken: {errors[0]}. {call}", errors)

    @app.exception_handler(QuestionError)
    async def refused(request: Request, error: QuestionError) -> Response:
        return problem(422, f"{error}. {call}", [str(error)])

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # FastAPI's word for a body that is not UTF-8
            return problem(422, f"This request cannot be taken: {error.detail}. {call}")
        headers = dict(error.headers or {})
        if headers.get("Allow") == "GET":
            headers["Allow"] = "GET, HEAD"  # boundary.HeadAsGet answers it everywhere
        return problem(error.status_code, _WORDS.get(str(error.detail), str(error.detail)), headers=headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(500, f"{FAULT} {call}")


def _line(error: Mapping[str, Any]) -> str:
    if error["type"] == "json_invalid":
        return "the body is not JSON"
    # A field's name is the client's too: one that is no name may be a reader's words.
    parts = [str(part) if _NAME.fullmatch(str(part)) else "(a field)" for part in error["loc"]]
    place = ".".join(part for part in parts if part != "body")
    return f"{place or 'the body'}: {error['msg'][:1].lower()}{error['msg'][1:]}"
