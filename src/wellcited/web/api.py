"""The HTTP API: what may be asked, and what comes back."""

# Annotations stay values here: FastAPI reads the request model, which is built from the settings.
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.exceptions import HTTPException

from wellcited.assistant import check_lengths
from wellcited.datatypes import Answer, Document, Message
from wellcited.settings import Settings
from wellcited.web.openapi import answer_examples, documented

_FRESH = {"Cache-Control": "no-store"}


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


class Health(BaseModel):
    """Whether the server lives, or is ready to answer."""

    status: Literal["ok", "ready", "starting"]
    bundle_id: str | None = None
    problem: str | None = Field(
        default=None, description="Why the build that answers is older than the corpus: the last one failed."
    )


class Readiness:
    """Whether a first answer has been given, so that a reader never waits for the model to load."""

    def __init__(self, problem: Callable[[], str] = str) -> None:
        """`problem` tells why the build that answers is older than the corpus, "" where it is not."""
        self.ready = False
        self.problem = problem


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
                description="What the reader asks: a letter or a digit of it at least.",
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
        operation_id="askGuide",
        dependencies=[Depends(only_json)],
        responses={
            200: {"description": "What the guide says, or why it says nothing.", **answer_examples()},
            **documented(settings, 401, 403, 413, 415, 422, 429, 500, 503),
        },
    )
    def ask(body: bounded) -> Response:
        """Answer from the guide alone: its own words with citations, a referral, or "the guide does not say".

        Nothing is kept between calls: send the conversation along to ask a follow-up.
        """
        answer = ask_within(assistant, settings, body.question, body.history)
        # Written here: FastAPI would check an Answer once more, and hold up the event loop for it.
        return Response(answer.model_dump_json(), headers=_FRESH, media_type="application/json")

    @router.get("/healthz", tags=["server"], summary="Is the server alive?", operation_id="isAlive")
    def healthz() -> Health:
        """Say that the process serves requests."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        tags=["server"],
        summary="Can the server answer?",
        operation_id="isReady",
        response_model_exclude_none=True,
        responses={503: {"model": Health, "description": "The first answer is still being prepared."}},
    )
    def readyz(response: Response) -> Health:
        """Say whether a first answer has been given, from which index, and whether that could be brought up to date."""
        if not readiness.ready:
            response.status_code = 503
            return Health(status="starting")
        return Health(status="ready", bundle_id=assistant.bundle_id, problem=readiness.problem() or None)

    return router


async def only_json(request: Request) -> None:
    """Refuse a body that does not say that it is JSON: a page could send another kind without being asked first."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
        raise HTTPException(
            415, "Send JSON, and say so: Content-Type: application/json.", headers={"Accept-Post": "application/json"}
        )


def _example(assistant: Answering) -> dict[str, Any]:
    question = assistant.examples[0] if assistant.examples else "How long should I hold the pressure?"
    return {"question": question, "history": []}
