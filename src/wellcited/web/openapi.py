"""The description of the API: every kind of answer and every problem with an example, names that stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from wellcited.answering import passage_url
from wellcited.datatypes import Answer, Citation, Receipt, Triage
from wellcited.settings import Settings
from wellcited.web.problems import FAULT, PROBLEM, Problem, emergency_line, title_of

_TITLE = "The hip guide"
_TEXT = "Hold the pressure for thirty to ninety seconds. Once a day is enough. Relax first, lengthen second."
_RECEIPT = Receipt(bundle_id="e1ae5a81bf1ecbad", rules_version="5")
_PROBLEMS = {
    401: ("Tokens are demanded, and there is no good one.", "A token is needed: send Authorization: Bearer TOKEN."),
    403: ("The page is of a site that may not ask.", "This site's pages may not ask here."),
    413: ("The body is larger than the server takes.", "The body is larger than 256 kB, and was not read."),
    415: ("The body is not said to be JSON.", "Send JSON, and say so: Content-Type: application/json."),
    422: ("The question or its history cannot be taken.", "This request cannot be taken: question: field required."),
    429: ("Too many questions; Retry-After says when.", "You have asked too many questions for the moment."),
    500: ("Something went wrong; there is no answer.", FAULT),
    503: ("Too many questions are waiting; Retry-After says when.", "Too many questions are waiting."),
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {
        "WWW-Authenticate": {"description": "Bearer, and what is wrong with the token.", "schema": {"type": "string"}}
    },
    429: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
}
_CALL_FREE = (415,)
"""No reader's question ends in these: they are for whoever writes a client."""
TAGS = [
    {"name": "answers", "description": "Questions to the guide."},
    {"name": "server", "description": "Whether it lives and can answer."},
]


def example_answers() -> dict[str, Answer]:
    """Return an answer of each kind."""
    hold = _citation(1, "Hold the pressure for thirty to ninety seconds.")
    once = _citation(2, "Once a day is enough.")
    motto = _citation(3, "Relax first, lengthen second.")
    message = "This may be serious, and a web page cannot judge it. Call 112, 911 or 999 now."
    return {
        "answer": Answer(
            kind="answer", text=f"{hold.quote} [1]\n{once.quote} [2]", citations=(hold, once), further=(motto,),
            confidence=0.93, receipt=_RECEIPT,
        ),
        "referral": Answer(
            kind="referral", text=message, receipt=_RECEIPT,
            triage=Triage(tier="emergency", reasons=("cauda-equina",), message=message),
        ),
        "not_covered": Answer(
            kind="not_covered", text="The guide does not say.", further=(_citation(1, motto.quote),), confidence=0.12,
            suggestions=("How long should I hold the pressure?",), receipt=_RECEIPT,
        ),
        "smalltalk": Answer(kind="smalltalk", text="You are welcome.", receipt=_RECEIPT),
    }  # fmt: skip


def answer_examples() -> dict[str, Any]:
    """Return the examples of a 200, for a route's `responses`."""
    examples = {
        name: {"summary": name.replace("_", " "), "value": answer.model_dump(mode="json")}
        for name, answer in example_answers().items()
    }
    return {"content": {"application/json": {"examples": examples}}}


def documented(settings: Settings, *statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the problems of a route, each with an example, for its `responses`."""
    call = emergency_line(settings)
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        description, detail = _PROBLEMS[status]
        said = detail if status in _CALL_FREE else f"{detail} {call}"
        errors = ["question: field required"] if status == 422 else []
        example = Problem(title=title_of(status), status=status, detail=said, errors=errors).model_dump()
        schema = {"$ref": "#/components/schemas/Problem"}
        found[status] = {
            "description": description,
            "content": {PROBLEM: {"schema": schema, "example": example}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
    return found


def describe(app: FastAPI, settings: Settings) -> None:
    """Complete the OpenAPI description of `app`: the schema of problems, tags, the address, the token."""
    bare: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = bare()
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            found["tags"] = TAGS
            found["info"]["license"] = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
            if settings.public_url:
                found["servers"] = [{"url": settings.public_url}]
            if settings.token_secret is not None:
                scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                found["components"]["securitySchemes"] = {"widgetToken": scheme}
                found["paths"]["/api/ask"]["post"]["security"] = [{"widgetToken": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to complete it


def _citation(number: int, quote: str) -> Citation:
    start = _TEXT.index(quote)
    end = start + len(quote)
    return Citation(
        number=number, passage_id="hip-guide/how-long-to-press/1", document_id="hip-guide", title=_TITLE,
        headings=(_TITLE, "How long to press"), quote=quote, start=start, end=end,
        url=passage_url("hip-guide", start, end, quote),
    )  # fmt: skip
