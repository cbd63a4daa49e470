"""The HTTP API: what may be asked, what comes back, and errors as problem+json (RFC 9457)."""

# Annotations stay values here: FastAPI reads the request model, which is built from the settings.
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal, Protocol

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from wellcited.assistant import check_lengths
from wellcited.datatypes import Answer, Document, Message
from wellcited.errors import QuestionError
from wellcited.settings import Settings

PROBLEM = "application/problem+json"


class Answering(Protocol):
    """What the web room needs of an assistant."""

    @property
    def documents(self) -> Mapping[str, Document]: ...

    @property
    def examples(self) -> tuple[str, ...]: ...

    @property
    def bundle_id(self) -> str: ...

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer: ...


class AskRequest(BaseModel):
    """A question, and the conversation that it follows."""

    model_config = ConfigDict(extra="forbid")

    question: str
    history: list[Message] = []


class Problem(BaseModel):
    """An error: `detail` says what was wrong and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str] = Field(default=[], description="One line for each field that cannot be taken.")


class Health(BaseModel):
    """Whether the server lives, or is ready to answer."""

    status: Literal["ok", "ready", "starting"]
    bundle_id: str | None = None


class Readiness:
    """Whether a first answer has been given, so that a reader never waits for the model to load."""

    def __init__(self) -> None:
        self.ready = False


def problem(status: int, detail: str, errors: Sequence[str] = ()) -> JSONResponse:
    """Return an error response."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=list(errors))
    return JSONResponse(body.model_dump(), status_code=status, media_type=PROBLEM)


def ask_within(assistant: Answering, settings: Settings, question: str, history: Sequence[Message]) -> Answer:
    """Ask; of what is longer than the settings allow, a referral comes all the same, and nothing else.

    Raises QuestionError.
    """
    answer = assistant.ask(question, history)
    if answer.kind != "referral":
        check_lengths(question, history, settings)
    return answer


def api_router(assistant: Answering, settings: Settings, readiness: Readiness) -> APIRouter:
    """Serve `/api/ask`, `/healthz` and `/readyz`."""
    router = APIRouter()
    bounded = create_model(
        "AskRequest",
        __base__=AskRequest,
        __doc__=AskRequest.__doc__,
        question=(
            str,
            # A bound for the documentation alone: an emergency is triaged before it is told to be brief.
            Field(
                min_length=1,
                description="What the reader asks.",
                json_schema_extra={"maxLength": settings.max_question_chars},
            ),
        ),
        history=(
            list[Message],
            Field(
                default=[],
                json_schema_extra={"maxItems": settings.max_history_turns},
                description="The conversation so far, oldest first; the text of earlier answers as `assistant`. "
                f"At most {settings.max_history_bytes} bytes in all.",
            ),
        ),
    )
    bounded.model_config["json_schema_extra"] = {"examples": [_example(assistant)]}
    bounded.model_rebuild(force=True)

    # A plain function: FastAPI runs it on a worker thread, so one question never holds up another.
    @router.post(
        "/api/ask",
        response_model=Answer,
        tags=["answers"],
        summary="Ask the guide",
        responses={
            413: _documented("The body is larger than the server takes."),
            422: _documented("The question or its history cannot be taken."),
            500: _documented("Something went wrong; there is no answer."),
        },
    )
    def ask(body: bounded) -> Answer:
        """Answer from the guide alone: its own words with citations, a referral, or "the guide does not say".

        Nothing is kept between calls: send the conversation along to ask a follow-up.
        """
        return ask_within(assistant, settings, body.question, body.history)

    @router.get("/healthz", tags=["server"], summary="Is the server alive?")
    def healthz() -> Health:
        """Say that the process serves requests."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        tags=["server"],
        summary="Can the server answer?",
        responses={503: {"model": Health, "description": "The first answer is still being prepared."}},
    )
    def readyz(response: Response) -> Health:
        """Say whether a first answer has been given, and from which index."""
        if not readiness.ready:
            response.status_code = 503
            return Health(status="starting")
        return Health(status="ready", bundle_id=assistant.bundle_id)

    return router


def add_problem_handlers(app: FastAPI) -> None:
    """Tell every error of `app` as problem+json, without repeating what the client sent."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [_line(entry) for entry in error.errors()]
        return problem(422, f"This request cannot be taken: {errors[0]}", errors)

    @app.exception_handler(QuestionError)
    async def refused(request: Request, error: QuestionError) -> Response:
        return problem(422, str(error))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 400:  # FastAPI's word for a body that is not UTF-8
            return problem(422, f"This request cannot be taken: {error.detail}")
        response = problem(error.status_code, str(error.detail))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        return problem(500, "Something went wrong, and there is no answer. Please ask again in a moment.")


def _line(error: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in error["loc"] if part != "body")
    return f"{place}: {error['msg'].lower()}" if place and error["type"] != "json_invalid" else "the body is not JSON"


def _documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {PROBLEM: {"schema": Problem.model_json_schema()}}}


def _example(assistant: Answering) -> dict[str, Any]:
    question = assistant.examples[0] if assistant.examples else "How long should I hold the pressure?"
    return {"question": question, "history": []}
