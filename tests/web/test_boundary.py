"""What comes in and goes out: the headers of every answer, media types, methods, and files out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import FakeAssistant

ASKED = {"question": "How long do I press?"}
SECRET_FILE = "root:x:0:0"


def client_of(**settings: Any) -> TestClient:
    app = create_app(FakeAssistant(), Settings(**{"rate_per_minute": 0, **settings}))
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of(mcp=True, metrics="on") as client:
        yield client


EVERYTHING = [
    ("GET", "/", 200), ("GET", "/guide", 200), ("GET", "/guide/hip-guide", 200), ("GET", "/guide/nothing", 404),
    ("GET", "/docs", 200), ("GET", "/openapi.json", 200), ("GET", "/healthz", 200), ("GET", "/readyz", 200),
    ("GET", "/metrics", 200), ("GET", "/ui/chat.js", 200), ("GET", "/ui/none.js", 404), ("GET", "/nothing", 404),
    ("GET", "/config", 200), ("GET", "/api/ask", 405), ("DELETE", "/guide", 405), ("POST", "/api/ask", 200),
    ("EXPLODE", "/api/ask", 500), ("EMPTY", "/api/ask", 422), ("LARGE", "/api/ask", 413), ("TEXT", "/api/ask", 415),
    ("FOREIGN", "/api/ask", 403), ("POST", "/gradio_api/upload", 404), ("GET", "/theme.css", 200),
]  # fmt: skip


def send(client: TestClient, method: str, path: str) -> Any:
    match method:
        case "POST":
            return client.post(path, json=ASKED)
        case "EXPLODE":
            return client.post(path, json={"question": "explode"})
        case "EMPTY":
            return client.post(path, json={})
        case "LARGE":
            return client.post(path, json={"question": "x" * 300_000})
        case "TEXT":
            return client.post(path, content="x", headers={"content-type": "text/plain"})
        case "FOREIGN":
            return client.post(path, json=ASKED, headers={"origin": "https://evil.example"})
    return client.request(method, path)


@pytest.mark.parametrize(("method", "path", "status"), EVERYTHING)
def test_every_answer_bears_the_security_headers_errors_included(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = send(client, method, path)
    assert response.status_code == status
    headers = response.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert len(headers["x-request-id"]) == 16
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert "'unsafe-inline'" not in policy["script-src"]
    assert ("'unsafe-eval'" in policy["script-src"]) is (path == "/")
    assert "strict-transport-security" not in headers
    assert "server" not in headers
    assert response.cookies == {}
    assert headers.get_list("content-security-policy") == [headers["content-security-policy"]]
    if status >= 400 and not path.startswith(("/guide/", "/ui/")):
        assert headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == status


def test_behind_tls_browsers_are_told_to_come_by_tls_alone() -> None:
    wanted = "max-age=31536000"
    assert client_of(public_url="https://guide.example").get("/").headers["strict-transport-security"] == wanted
    proxied = client_of(trusted_proxies=1)
    assert proxied.get("/", headers={"x-forwarded-proto": "https"}).headers["strict-transport-security"] == wanted
    assert "strict-transport-security" not in proxied.get("/").headers
    believed = client_of().get("/", headers={"x-forwarded-proto": "https"}).headers
    assert "strict-transport-security" not in believed


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_does_not_say_it_is_json_is_a_415(client: TestClient, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    response = client.post("/api/ask", content=b'{"question": "How long do I press?"}', headers=headers)
    assert (response.status_code, response.headers["accept-post"]) == (415, "application/json")
    assert response.json()["title"] == "Unsupported Media Type"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/ld+json"]
)
def test_json_is_taken_by_any_of_its_names(client: TestClient, kind: str) -> None:
    response = client.post("/api/ask", content=b'{"question": "press"}', headers={"content-type": kind})
    assert response.status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [entry for entry in EVERYTHING if entry[0] == "GET"])
def test_head_answers_as_get_does_without_a_body(client: TestClient, method: str, path: str, status: int) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (status, b"")
    got = client.get(path).headers
    assert response.headers["content-type"] == got["content-type"]
    if path not in ("/", "/config", "/metrics"):  # these differ from call to call
        assert response.headers["content-length"] == got["content-length"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "X"])
def test_a_method_that_is_not_there_is_a_405_with_those_that_are(client: TestClient, method: str) -> None:
    response = client.request(method, "/api/ask")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["detail"] == "This address has no such method."


OUT = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "....//....//etc/passwd",
    "..\\..\\etc\\passwd", "..%5c..%5cetc%5cpasswd", "/etc/passwd", "%2fetc%2fpasswd", "..%00/etc/passwd",
    "%252e%252e%252fetc/passwd",
    "..;/etc/passwd", "file:///etc/passwd", "..%c0%af..%c0%afetc/passwd", "../pyproject.toml", "../../pyproject.toml",
    "../app.py", "%2e%2e%2fapp.py", "../index/CURRENT", "../wellcited.toml",
]  # fmt: skip
ROOMS = [
    "/", "/guide/", "/ui/", "/assets/", "/static/", "/gradio_api/file=", "/gradio_api/file/", "/file=",
    "/gradio_api/proxy=",
    "/gradio_api/component_server/", "/gradio_api/heartbeat/../file=", "/theme.css/", "/config/", "/svelte/",
    "/custom_component/",
    "/gradio_api/custom_component/",
]  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_read_that_was_not_meant(client: TestClient, room: str) -> None:
    for name in OUT:
        response = client.get(room + name)
        assert response.status_code in (404, 405, 400, 403, 200), name
        if response.status_code == 200:
            # the client has resolved the dots: what is left is a page of ours
            assert "html" in response.headers["content-type"] or response.url.path.startswith(("/ui/", "/assets/"))
        for word in (SECRET_FILE, "[build-system]", "build_index(settings", "[tool.ruff"):
            assert word not in response.text, name


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/queue/join", "/gradio_api/queue/data",
        "/gradio_api/queue/status", "/gradio_api/run/ask", "/gradio_api/api/ask", "/gradio_api/call/ask",
        "/gradio_api/info",
        "/gradio_api/openapi.json", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/stream/x/y/z",
        "/gradio_api/deep_link",
        "/gradio_api/proxy=http://127.0.0.1/", "/gradio_api/mcp", "/gradio_api/mcp/sse", "/gradio_api/vibe-code/",
        "/login",
        "/login_check", "/logout", "/monitoring", "/monitoring/x", "/dev/reload", "/process_recording", "/pwa_icon",
        "/manifest.json",
        "/robots.txt/x", "/api", "/api/", "/run/ask", "/queue/join", "/gradio_api/", "/gradio_api",
    ],
)  # fmt: skip
def test_the_doors_of_gradio_are_closed_but_for_those_that_the_window_uses(client: TestClient, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        response = client.request(method, path)
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


def test_the_windows_door_takes_its_own_question_and_nothing_else(client: TestClient) -> None:
    door = "/gradio_api/component_server"
    found = client.get("/config").json()["components"]
    component = next(entry["id"] for entry in found if entry["type"] == "html")
    question = {"data": {"question": "press", "history": []}, "component_id": component, "fn_name": "ask"}
    assert client.post(door, json=question).json()["kind"] == "answer"
    for changed in (
        {"component_id": 999},
        {"component_id": str(component)},
        {"component_id": None},
        {"component_id": [component]},
        {"component_id": True},
        {"fn_name": "postprocess"},
        {"fn_name": "__init__"},
        {"fn_name": None},
        {"fn_name": ["ask"]},
    ):
        response = client.post(door, json=question | changed)
        assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json"), changed
    for body in (b"", b"{", b"[]", b"null", b'"x"', b"[" * 100_000, b"\xff", b'{"fn_name": "ask"}', b'{"a":' * 40_000):
        assert client.post(door, content=body, headers={"content-type": "application/json"}).status_code == 422
    upload = client.post(door, files={"file": ("x.txt", b"x")}, data={"fn_name": "ask", "component_id": "1"})
    assert upload.status_code == 422
    for data in (
        None,
        [],
        "x",
        {"question": 5},
        {"question": "press", "history": "x"},
        {"question": "press", "more": {}},
    ):
        assert client.post(door, json=question | {"data": data}).status_code == 200  # told kindly, in the window
    for method in ("GET", "PUT", "DELETE"):
        assert client.request(method, door).status_code in (404, 405)


def test_the_window_keeps_no_session_however_many_a_client_makes_up(client: TestClient) -> None:
    found = client.get("/config").json()["components"]
    component = next(entry["id"] for entry in found if entry["type"] == "html")
    question = {"data": {"question": "press", "history": []}, "component_id": component, "fn_name": "ask"}
    states = next(
        one.app.app.state_holder  # type: ignore[attr-defined]
        for one in client.app.routes  # type: ignore[attr-defined]
        if hasattr(getattr(one, "app", None), "asks")
    )
    for number in range(50):
        client.post("/gradio_api/component_server", json=question | {"session_hash": f"made up {number}"})
    assert list(states.session_data) == ["window"]


def test_a_body_nested_deeply_is_refused(client: TestClient) -> None:
    for body in (b"[" * 100_000, b'{"question":' * 20_000, b'{"question": "x", "history": ' + b"[" * 50_000):
        for path in ("/api/ask", "/mcp"):
            sent = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
            assert client.post(path, content=body, headers=sent).status_code in (400, 422)


def test_a_websocket_is_closed_at_once(client: TestClient) -> None:
    for path in ("/", "/gradio_api/queue/join", "/api/ask"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
            pass


def test_an_emergency_is_referred_before_it_is_told_to_be_brief(client: TestClient) -> None:
    long = "I lost control of my bladder. " * 300
    assert client.post("/api/ask", json={"question": long}).json()["kind"] == "referral"
    refused = client.post("/api/ask", json={"question": "How do I stretch? " * 300})
    assert refused.status_code == 422
    assert "more than the 4,000 allowed" in refused.json()["detail"]
    turns = [{"role": "user", "content": "x"}] * 41
    assert client.post("/api/ask", json={"question": "bladder", "history": turns}).json()["kind"] == "referral"
    assert "41 messages" in client.post("/api/ask", json={"question": "press", "history": turns}).json()["detail"]
    turns = [{"role": "assistant", "content": "ü" * 33_000}]
    assert "66,000 bytes" in client.post("/api/ask", json={"question": "press", "history": turns}).json()["detail"]


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({"question": 5, "history": 7}, {"question", "history"}),
        ({"question": "x", "history": [{"role": "user"}, {"content": "y"}]}, {"history.0.content", "history.1.role"}),
        ({"question": "x", "history": [{"role": "user", "content": "y", "name": "z"}]}, {"history.0.name"}),
        ({"question": "x", "My knee hurts & I'm 54": 1}, {"(a field)"}),
        ([], {"the body"}),
        ("text", {"the body"}),
    ],
)
def test_what_is_wrong_is_told_by_the_path_of_the_field_and_not_by_its_value(
    client: TestClient, body: object, places: set[str]
) -> None:
    response = client.post("/api/ask", json=body)
    assert response.status_code == 422
    assert {line.partition(": ")[0] for line in response.json()["errors"]} == places
    assert "knee" not in response.text
