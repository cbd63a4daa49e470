"""The guide as a tool for assistants (Model Context Protocol): the same answers, the guardrail included."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from anyio import to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field
from starlette.types import Receive, Scope, Send

import wellcited
from wellcited.answering import hedge
from wellcited.datatypes import Answer, Citation, Message
from wellcited.errors import QuestionError
from wellcited.settings import Settings
from wellcited.web.api import Answering, ask_within
from wellcited.web.logs import configure_logging
from wellcited.web.mounting import below
from wellcited.web.passages import path
from wellcited.web.problems import FAULT, emergency_line

log = logging.getLogger(__name__)

INSTRUCTIONS = (
    "Answers come from one health guide, word for word, each with its source. Show quotes as quotes and keep their "
    "sources. A referral says that the person needs a professional: pass it on first and whole, and add no exercise or "
    "treatment. Where the guide does not say, say that. Send the person's own words as the question, and the "
    "conversation so far as the history: the guardrail reads both."
)


def guide_server(assistant: Answering, settings: Settings) -> MCPServer[None]:
    """Return the server of the one tool, `ask_guide`."""
    server: MCPServer[None] = MCPServer(
        "wellcited", instructions=INSTRUCTIONS, version=wellcited.__version__, log_level="WARNING"
    )
    call = emergency_line(settings)

    @server.tool(
        title="Ask the guide",
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )
    async def ask_guide(
        question: Annotated[str, Field(description="What the person asks, in their own words.")],
        history: Annotated[
            list[Message] | None, Field(description="The conversation before the question, oldest first.")
        ] = None,
    ) -> Annotated[CallToolResult, Answer]:
        """Ask the guide: exact quotes with their sources, a referral to a professional, or "the guide does not say"."""
        try:
            answer = await to_thread.run_sync(ask_within, assistant, settings, question, history or [])
        except QuestionError as error:
            raise ToolError(f"{error}. {call}") from error
        except Exception as error:  # the person may be in pain: say whom to call, whatever broke
            log.exception("a question could not be answered")
            raise ToolError(f"{FAULT} {call}") from error
        return CallToolResult(
            content=[TextContent(type="text", text=told(answer, settings.public_url))],
            structured_content=answer.model_dump(mode="json"),
        )

    return server


def run(assistant: Answering, settings: Settings) -> None:
    """Serve the tool on standard input and output until the assistant on this machine closes them."""
    configure_logging(settings)
    guide_server(assistant, settings).run("stdio")


class McpDoor:
    """The tool over streamable HTTP, one ASGI app: nothing is kept between two requests.

    Who may call is decided before it, by origins.py and tokens.py.
    """

    def __init__(self, assistant: Answering, settings: Settings) -> None:
        self.assistant, self.settings = assistant, settings
        self.manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while inside; it can be entered again."""
        server = guide_server(self.assistant, self.settings)
        server.streamable_http_app(
            json_response=True,
            stateless_http=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        self.manager = server.session_manager
        async with self.manager.run():
            yield
        self.manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.manager is not None, "served outside of its lifespan"  # noqa: S101
        await self.manager.asgi_app(scope, receive, send)


def told(answer: Answer, public_url: str = "") -> str:
    """Return an answer as text: what it says, then its sources, or the nearest quotes labelled as such."""
    lines = [hedge(answer), answer.text] if hedge(answer) else [answer.text]
    if answer.citations:
        lines += ["", "Sources", *(_source(citation, public_url) for citation in answer.citations)]
    if answer.kind == "not_covered" and answer.further:
        lines += ["", "The nearest the guide comes"]
        lines += [f"“{citation.quote}”\n{_source(citation, public_url)}" for citation in answer.further]
    if answer.suggestions:
        lines += ["", "The guide does cover", *(f"- {suggestion}" for suggestion in answer.suggestions)]
    return "\n".join(lines)


def _source(citation: Citation, public_url: str) -> str:
    return f"[{citation.number}] {' › '.join((citation.title, *path(citation)))}\n    {below(public_url, citation.url)}"
