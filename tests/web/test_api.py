"""The HTTP API and the doors of the server."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from wellcited.datatypes import Answer
from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import ANSWER, GUIDE, HOLD, FakeAssistant


@pytest.fixture(scope="module")
def assistant() -> FakeAssistant:
    return FakeAssistant()


@pytest.fixture(scope="module")
def client(assistant: FakeAssistant) -> Iterator[TestClient]:
    app = create_app(assistant, Settings(max_question_chars=200, max_history_turns=4))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_a_question_gets_an_answer(client: TestClient, assistant: FakeAssistant) -> None:
    history = [{"role": "user", "content": "hello"}]
    response = client.post("/api/ask", json={"question": "How long do I press?", "history": history})
    assert response.status_code == 200
    assert Answer.model_validate(response.json()) == ANSWER
    question, given = assistant.asked[-1]
    assert (question, [message.model_dump() for message in given]) == ("How long do I press?", history)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "question: field required"),
        ({"question": ""}, "question: string should have at least 1 character"),
        ({"question": "   "}, "the question is empty"),
        ({"question": "x" * 201}, "the question has 201 characters, more than the 200 allowed"),
        ({"question": 5}, "question: input should be a valid string"),
        ({"question": "x", "model": "y"}, "model: extra inputs are not permitted"),
        ({"question": "x", "history": [{"role": "system", "content": "y"}]}, "history.0.role"),
        (
            {"question": "x", "history": [{"role": "user", "content": "y"}] * 5},
            "the conversation has 5 messages, more than the 4 allowed",
        ),
    ],
)
def test_what_cannot_be_asked_is_a_clear_422(client: TestClient, body: object, said: str) -> None:
    response = client.post("/api/ask", json=body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert said in response.json()["detail"]
    assert response.json()["status"] == 422


@pytest.mark.parametrize("body", [b"{", b"\xff", b"", b'{"question": "\\ud800"}'])
def test_a_broken_body_is_a_422_and_not_repeated(client: TestClient, body: bytes) -> None:
    response = client.post("/api/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 422
    assert response.json()["title"] == "Unprocessable Content" or response.json()["title"] == "Unprocessable Entity"


@pytest.mark.parametrize("announced", [True, False])
def test_a_large_body_is_refused_before_it_is_read(client: TestClient, announced: bool) -> None:
    chunk = b" " * 65536
    content = chunk * 5 if announced else iter([chunk] * 5)
    response = client.post("/api/ask", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert "256 kB" in response.json()["detail"]


def test_a_fault_is_a_500_that_tells_nothing_of_it(client: TestClient) -> None:
    response = client.post("/api/ask", json={"question": "explode"})
    assert response.status_code == 500
    assert "fault" not in response.text
    assert response.json()["title"] == "Internal Server Error"


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    missing = client.get("/api/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    wrong = client.get("/api/ask")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert client.delete("/healthz").headers["allow"] == "GET, HEAD"


def test_the_server_is_alive_at_once_and_ready_after_a_first_answer(client: TestClient) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "bundle_id": "0123abcd"})
    cold = TestClient(create_app(FakeAssistant(), Settings()))  # never started, so never warm
    assert cold.get("/readyz").status_code == 503


def test_the_guide_is_served_with_its_quote_marked(client: TestClient) -> None:
    response = client.get(HOLD.url)
    assert response.status_code == 200
    assert '<mark id="cite">' in response.text
    assert "<script>alert" not in response.text
    for query in ("start=abc&end=5", "start=9&end=1", "start=0&end=999999", "start=", "start=-1&end=2"):
        page = client.get(f"/guide/{GUIDE.id}?{query}")
        assert page.status_code == 200
        assert "<mark" not in page.text
    assert GUIDE.title in client.get("/guide").text


@pytest.mark.parametrize("name", ["nothing", "../etc/passwd", "a/b", "%3Cscript%3E", "%00"])
def test_an_unknown_guide_is_a_page_that_says_so(client: TestClient, name: str) -> None:
    response = client.get(f"/guide/{name}")
    assert response.status_code == 404
    if "/guide" in str(response.url):
        assert "No such guide" in response.text
        assert "<script>alert" not in response.text


def test_no_page_names_another_host_to_load_from(client: TestClient) -> None:
    for path in ("/", "/docs", "/guide", f"/guide/{GUIDE.id}"):
        response = client.get(path)
        assert response.status_code == 200
        loaded = re.findall(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=[\"'](?:https?:)?//[^>]*>", response.text)
        assert loaded == []
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
    chat = client.get("/")
    nonces = set(re.findall(r"<script nonce=\"([^\"]+)\"", chat.text))
    assert len(nonces) == 1
    assert f"'nonce-{nonces.pop()}'" in chat.headers["content-security-policy"]
    assert "'unsafe-inline'" not in chat.headers["content-security-policy"].partition("script-src")[2]
    assert not re.search(r"<script(?! nonce)", chat.text)


def test_only_named_sites_may_show_the_server_in_a_frame(client: TestClient) -> None:
    assert client.get("/").headers["content-security-policy"].endswith("frame-ancestors 'self'")
    open_to = TestClient(create_app(FakeAssistant(), Settings(), ("'self'", "https://a.example")))
    for path in ("/", "/guide"):
        assert open_to.get(path).headers["content-security-policy"].endswith("frame-ancestors 'self' https://a.example")


def test_the_window_comes_with_the_page_before_any_script(client: TestClient) -> None:
    page = client.get("/").text
    assert page.index('<textarea id="wc-question"') < page.index("<gradio-app")
    assert "<title>The hip guide</title>" in page
    assert "Gradio" not in re.sub(r"(?s)<script.*?</script>", "", page)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload", "/gradio_api/file=/etc/passwd", "/gradio_api/info", "/gradio_api/queue/join", "/login",
        "/gradio_api/proxy=http://example.org", "/monitoring", "/gradio_api/runs", "/manifest.json", "/token", "/user",
    ],
)  # fmt: skip
def test_the_doors_of_gradio_that_the_chat_does_not_use_are_closed(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path, json={}).status_code == 404


def test_the_chat_asks_through_gradio(client: TestClient) -> None:
    config = client.get("/config").json()
    component = next(
        entry
        for entry in config["components"]
        if "ask" in str(entry.get("props", {}).get("server_fns", "")) or entry["type"] == "html"
    )
    response = client.post(
        "/gradio_api/component_server",
        json={
            "data": {"question": "How long do I press?", "history": []},
            "component_id": component["id"], "fn_name": "ask", "session_hash": "s",
        },
    )  # fmt: skip
    assert response.status_code == 200
    assert response.json()["text"] == ANSWER.text
    assert "Hold the pressure" in response.json()["html"]


def test_the_api_is_documented_without_help_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs").text
    for word in ("POST /api/ask", "GET /healthz", "question", "at most 200", "problem+json", "Citation"):
        assert word in page
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/api/ask", "/healthz", "/readyz"}
    asked = {"200", "401", "403", "413", "415", "422", "429", "500", "503"}
    assert set(paths["/api/ask"]["post"]["responses"]) == asked


def test_files_are_kept_by_browsers_as_long_as_they_do_not_change(client: TestClient) -> None:
    url = re.search(r"/ui/chat\.js\?v=\w+", client.get("/").text)
    assert url
    assert "immutable" in client.get(url[0]).headers["cache-control"]
    assert client.get("/ui/chat.js").headers["cache-control"] == "no-cache"
    script = re.search(r"/assets/index-\w+\.js", client.get("/").text)
    assert script
    assert "immutable" in client.get(script[0]).headers["cache-control"]
    assert client.get("/ui/nothing.js").status_code == 404
    assert client.get("/ui/..%2Fapp.py").status_code == 404


def test_importing_wellcited_does_not_import_gradio() -> None:
    code = (
        "import sys, wellcited, wellcited.web, wellcited.web.reader, wellcited.web.replies, wellcited.web.api; "
        "sys.exit('gradio' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
