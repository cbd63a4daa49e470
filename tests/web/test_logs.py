"""What the server writes down: a line for each request, and never a reader's words."""

from __future__ import annotations

import io
import json
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from wellcited.datatypes import Answer
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.logs import configure_logging, takes

from .fakes import FakeAssistant

CANARY = "xylophonequark"


class Telltale(FakeAssistant):
    """Fails in ways whose errors repeat what was asked."""

    def ask(self, question: str, history: Sequence[Any] = ()) -> Answer:
        if "validate" in question:
            BaseModel.model_rebuild()
            Answer.model_validate({"kind": question, "text": question})
        if "raise" in question:
            raise RuntimeError(f"cannot answer {question!r}")
        if "chain" in question:
            try:
                int(question)
            except ValueError as error:
                raise KeyError(question) from error
        if "warn" in question:
            warnings.warn(f"odd: {question}", stacklevel=1)
            logging.getLogger("library").debug("asked: %s", question)
            logging.getLogger("library").info("asked: %s", question)
        return super().ask(question, history)


class Written:
    """What the process has written, to both streams."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def text(self) -> str:
        out, err = self._capsys.readouterr()
        self._text += err + out
        return self._text

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """What is written, with the logging of the process put back afterwards."""
    names = ("", "wellcited", "uvicorn", "uvicorn.error", "uvicorn.access", "py.warnings")
    loggers = [logging.getLogger(name) for name in names]
    before = [(one, one.level, list(one.handlers), one.propagate) for one in loggers]
    yield Written(capsys)
    for one, level, handlers, propagate in before:
        one.setLevel(level)
        one.handlers[:] = handlers
        one.propagate = propagate
    logging.captureWarnings(False)


def client_of(**settings: Any) -> TestClient:
    found = Settings(rate_per_minute=0, **settings)
    configure_logging(found)
    return TestClient(create_app(Telltale(), found), raise_server_exceptions=False)


def ask(client: TestClient, question: Any, history: Any = (), **headers: str) -> Any:
    return client.post("/api/ask", json={"question": question, "history": list(history)}, headers=headers)


def test_an_answer_is_one_line_that_says_how_it_went(written: Written) -> None:
    client = client_of()
    response = ask(client, "How long do I press?")
    (line,) = written.lines()
    told = {name: line[name] for name in ("event", "level", "method", "route", "status", "kind", "tier", "bundle_id")}
    assert told == {
        "event": "request", "level": "info", "method": "POST", "route": "/api/ask", "status": 200,
        "kind": "answer", "tier": "none", "bundle_id": "0123abcd",
    }  # fmt: skip
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["ms"] > 0
    assert line["timestamp"].endswith("Z")
    assert set(line) - set(told) == {"request_id", "ms", "timestamp", "logger"}


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_a_readers_words_are_in_no_line_at_any_level_errors_included(written: Written, level: str) -> None:
    client = client_of(log_level=level, mcp=True)
    with client:
        for question in ("press", "bladder", "raise", "validate", "chain 1", "warn", "x" * 5000, "", "  "):
            ask(client, f"{question} {CANARY}")
            ask(client, "press", [{"role": "user", "content": CANARY}, {"role": "assistant", "content": CANARY}])
        ask(client, {CANARY: CANARY})
        ask(client, "press", [{"role": CANARY, "content": "x"}])
        client.post("/api/ask", json={CANARY: "x", "question": "press"})
        client.post("/api/ask", content=f'{{"question": "{CANARY}', headers={"content-type": "application/json"})
        client.post("/api/ask", content=f'"{CANARY}"', headers={"content-type": "application/json"})
        client.post("/api/ask", content=CANARY, headers={"content-type": "text/plain"})
        client.post("/api/ask", content=CANARY * 30_000, headers={"content-type": "application/json"})
        client.get(f"/guide/{CANARY}?start={CANARY}")
        client.get(f"/{CANARY}?q={CANARY}")
        client.get("/guide", headers={"x-request-id": f"{CANARY} {CANARY}", "x-forwarded-for": CANARY})
        component = next(entry for entry in client.get("/config").json()["components"] if entry["type"] == "html")
        for question in ("press", "raise", "validate"):
            data = {"question": f"{question} {CANARY}", "history": []}
            call = {"data": data, "component_id": component["id"], "fn_name": "ask", "session_hash": CANARY}
            client.post("/gradio_api/component_server", json=call)
            client.post("/gradio_api/component_server", json={**call, "fn_name": CANARY})
            params = {"name": "ask_guide", "arguments": {"question": f"{question} {CANARY}", "history": CANARY}}
            for arguments in (params["arguments"], {"question": f"{question} {CANARY}"}):
                message = {
                    "jsonrpc": "2.0",
                    "id": 1,
                    "method": "tools/call",
                    "params": params | {"arguments": arguments},
                }
                client.post("/mcp", json=message, headers={"accept": "application/json, text/event-stream"})
    log = written.text()
    assert CANARY not in log
    assert "a request failed" in log
    assert ('"status": 500' in log) is (level in ("debug", "info"))
    assert "RuntimeError" in log  # what broke is told, and where
    assert "test_logs.py" in log


def test_where_the_operator_wants_them_questions_are_logged(written: Written) -> None:
    client = client_of(log_questions=True)
    ask(client, f"press {CANARY}")
    assert written.lines()[0]["question"] == f"press {CANARY}"


def test_a_sane_request_id_is_taken_over_and_any_other_replaced(written: Written) -> None:
    client = client_of()
    given = "0af7651916cd43dd-8448"
    assert ask(client, "press", **{"x-request-id": given}).headers["x-request-id"] == given
    assert written.lines()[-1]["request_id"] == given
    for odd in ("short", "x" * 65, 'a"b{}cdefgh', "with space here", "-leading-dash", "ümlautümlaut".encode()):
        response = client.post("/api/ask", json={"question": "press"}, headers={"x-request-id": odd})
        assert len(response.headers["x-request-id"]) == 16
    assert len({ask(client, "press").headers["x-request-id"] for _ in range(20)}) == 20


def test_a_line_of_the_log_from_inside_an_answer_bears_the_requests_id(written: Written) -> None:
    client = client_of()
    response = ask(client, "raise")
    failed, request = written.lines()
    assert failed["event"] == "a request failed"
    assert failed["exception"] == "builtins.RuntimeError"
    assert failed["request_id"] == request["request_id"] == response.headers["x-request-id"]
    assert request["status"] == 500


def test_files_and_health_checks_are_written_down_only_for_debugging(written: Written) -> None:
    client = client_of()
    for path in ("/healthz", "/ui/chat.css", "/config"):
        client.get(path)
    assert written.lines() == []
    client.get("/readyz")  # a 503 is worth a line
    client.get("/guide")
    assert [line["route"] for line in written.lines()] == ["/readyz", "/guide"]


def test_a_proxy_that_is_not_believed_is_told_once(written: Written) -> None:
    client = client_of()
    for _ in range(3):
        ask(client, "press", **{"x-forwarded-for": "203.0.113.9"})
    warned = [line for line in written.lines() if line["level"] == "warning"]
    assert [line["event"] for line in warned] == [
        "X-Forwarded-For is not believed: behind a proxy, set trusted_proxies"
    ]
    assert "203.0.113.9" not in written.text()  # nor is any address


def test_a_pipe_is_written_to_only_while_it_has_room() -> None:
    out, into = os.pipe()
    with open(into, "w") as stream:
        assert takes(stream, 10_000)
        stream.write("x" * 100)
        stream.flush()
        assert takes(stream, 4000)
        assert not takes(stream, 10_000), "more than a pipe takes at once, and it is not empty"
        os.set_blocking(into, False)
        with suppress(BlockingIOError):
            while True:
                os.write(into, b"x" * 1000)
        assert not takes(stream, 10)
        os.read(out, 65536)
        assert takes(stream, 10)
    os.close(out)


def test_a_file_is_always_written_to(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        assert takes(stream, 1_000_000)
    assert takes(io.StringIO(), 1_000_000)
