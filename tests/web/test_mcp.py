"""The guide as a tool: a real client of the official SDK, over HTTP and over standard input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from conftest import Built
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from starlette.testclient import TestClient

import wellcited
from wellcited.datatypes import Answer
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.mcp import guide_server, told
from wellcited.web.tokens import sign

from .fakes import ANSWER, EMERGENCY, NOT_COVERED, FakeAssistant
from .running import apart, served

CALL = "If this is an emergency, call 112, 911 or 999."
SECRET = "0123456789abcdef0123456789abcdef"


def use(server: Any, do: Callable[[Client], Awaitable[None]], mode: str = "auto") -> None:
    async def main() -> None:
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as client:
                await do(client)

    apart(anyio.run, main)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(Settings(mcp=True, rate_per_minute=0)) as url:
        yield f"{url}/mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_an_assistant_finds_the_tool_and_asks_the_guide(address: str, mode: str) -> None:
    async def do(client: Client) -> None:
        (tool,) = (await client.list_tools()).tools
        assert tool.name == "ask_guide"
        assert set(tool.input_schema["properties"]) == {"question", "history"}
        assert tool.input_schema["required"] == ["question"]
        assert set(Answer.model_fields) == set((tool.output_schema or {})["properties"])
        assert tool.annotations
        assert tool.annotations.read_only_hint
        history = [{"role": "user", "content": "hello"}]
        found = await client.call_tool("ask_guide", {"question": "How long do I press?", "history": history})
        assert not found.is_error
        assert Answer.model_validate(found.structured_content) == ANSWER
        assert found.content[0].text == told(ANSWER)  # type: ignore[union-attr]
        assert "referral" in (client.instructions or "")

    use(address, do, mode)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_guardrail_stands_before_the_tool_too(address: str, mode: str) -> None:
    async def do(client: Client) -> None:
        found = await client.call_tool("ask_guide", {"question": "I lost control of my bladder. How do I press?"})
        assert found.structured_content == EMERGENCY.model_dump(mode="json")
        assert found.content[0].text == EMERGENCY.text  # type: ignore[union-attr]

    use(address, do, mode)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"question": ""}, "the question is empty"),
        ({"question": "stretch " * 2000}, "more than the 4,000 allowed"),
        ({"question": "x", "history": [{"role": "user", "content": "x"}] * 41}, "more than the 40 allowed"),
        ({"question": "explode"}, "Something went wrong"),
    ],
)
def test_what_gets_no_answer_is_an_error_that_says_whom_to_call(address: str, arguments: Any, said: str) -> None:
    async def do(client: Client) -> None:
        found = await client.call_tool("ask_guide", arguments)
        assert found.is_error
        text = found.content[0].text  # type: ignore[union-attr]
        assert said in text
        assert text.endswith(CALL)
        assert "a fault" not in text

    use(address, do)


@pytest.mark.parametrize(
    "arguments", [{}, {"question": 5}, {"question": "x", "history": [{"role": "system", "content": ""}]}]
)
def test_wrong_arguments_are_an_error_and_no_fault(address: str, arguments: Any) -> None:
    async def do(client: Client) -> None:
        assert (await client.call_tool("ask_guide", arguments)).is_error

    use(address, do)


def test_the_text_shows_sources_and_labels_what_is_only_near() -> None:
    text = told(ANSWER, "https://guide.example")
    assert (
        "Sources\n[1] The hip guide: why it aches and how to let go › What helps tight hip flexors › How long" in text
    )
    assert "    https://guide.example/guide/hip-guide?start=" in text
    near = told(NOT_COVERED)
    assert near.startswith("The guide does not say anything about that.\n\nThe nearest the guide comes\n“")
    assert "- How long should I press?" in near


def test_it_is_off_unless_the_settings_turn_it_on() -> None:
    client = TestClient(create_app(FakeAssistant(), Settings()))
    for method in ("GET", "POST", "DELETE"):
        assert client.request(method, "/mcp").status_code == 404


def test_pages_of_other_sites_cannot_use_it_and_calls_are_counted() -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"accept": "application/json, text/event-stream"}
    with TestClient(create_app(FakeAssistant(), Settings(mcp=True, rate_per_minute=2))) as client:
        foreign = client.post("/mcp", json=message, headers={**headers, "origin": "https://evil.example"})
        assert foreign.status_code == 403
        statuses = [client.post("/mcp", json=message, headers=headers).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert client.post("/mcp", content=b" " * 300_000, headers=headers).status_code == 429


def test_with_a_secret_it_demands_a_token() -> None:
    settings = Settings(mcp=True, token_secret=SECRET, rate_per_minute=0)

    async def with_token(address: str, token: str) -> None:
        async with (
            httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            found = await client.call_tool("ask_guide", {"question": "press"})
            assert found.structured_content == ANSWER.model_dump(mode="json")

    with served(settings) as url:
        apart(anyio.run, with_token, f"{url}/mcp", sign("https://a.example", settings))
        response = httpx2.post(f"{url}/mcp", json={})
        assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Bearer realm="wellcited"')


def test_the_server_can_be_started_again() -> None:
    app = create_app(FakeAssistant(), Settings(mcp=True))
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for _ in range(2):
        with TestClient(app) as client:
            sent = client.post("/mcp", json=message, headers={"accept": "application/json, text/event-stream"})
            assert sent.status_code == 200


def test_the_tool_can_be_used_without_any_wire() -> None:
    async def do(client: Client) -> None:
        found = await client.call_tool("ask_guide", {"question": "press"})
        assert Answer.model_validate(found.structured_content) == ANSWER

    use(guide_server(FakeAssistant(), Settings()), do)


@pytest.mark.slow
def test_an_assistant_on_this_machine_asks_over_standard_input_and_output(tiny: Built, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])}
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "wellcited", "mcp", "--index", str(tiny.index)],
        env=environment,
        cwd=tmp_path,
    )

    async def do(client: Client) -> None:
        found = await client.call_tool("ask_guide", {"question": "How often should I descale a kettle?"})
        answer = Answer.model_validate(found.structured_content)
        assert answer.kind == "answer"
        assert answer.citations[0].quote in found.content[0].text  # type: ignore[union-attr]
        found = await client.call_tool("ask_guide", {"question": "I can't feel my legs since this morning"})
        assert Answer.model_validate(found.structured_content).kind == "referral"

    use(stdio_client(command), do)
