"""Which sites' pages may ask: the setting, the check on the server, and what browsers are told."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from wellcited.errors import SettingsError
from wellcited.settings import Settings, check_origin, load_settings
from wellcited.web.app import create_app
from wellcited.web.origins import allows

from .fakes import FakeAssistant

ASKED = {"question": "How long do I press?"}
DOORS = ("/api/ask", "/gradio_api/component_server", "/gradio_api/startup-events", "/mcp", "/guide", "/nothing")


def client_of(**settings: object) -> TestClient:
    settings = {"rate_per_minute": 0, **settings}
    app = create_app(FakeAssistant(), Settings.model_validate(settings))
    return TestClient(app, base_url="http://guide.example", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of(allowed_origins=["https://a.example", "https://*.b.example", "https://c.example:8443"])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.Example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("http://a.example:8080", "http://a.example:8080"),
        ("https://*.a.example", "https://*.a.example"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://192.0.2.7", "http://192.0.2.7"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(written: str, kept: str) -> None:
    assert check_origin(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "a.example", "https://", "https://a.example/", "https://a.example/path", "https://a.example?x", "ftp://a.example",
        "https://u:p@a.example", "https://a.example#x", "https://*.example", "https://*", "https://a.*.example",
        "https://*a.example", "https://a example", "https://münchen.example", "https://a.example:99999", "null", "",
        "https://a.example; script-src *", "https://a.example,https://b.example", "https://-a.example", "https://a.example:",
        "javascript:alert(1)", "https://a..example", "'self'",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused_when_the_settings_load(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="https://"):
        check_origin(written)
    with pytest.raises(SettingsError, match=r"setting 'allowed_origins\.0': .*https://") as caught:
        load_settings(allowed_origins=(written,))
    assert "\n" not in str(caught.value)


def test_every_site_is_allowed_by_a_star_that_stands_alone() -> None:
    assert Settings(allowed_origins=("*",)).allowed_origins == ("*",)
    with pytest.raises(ValidationError, match="stands alone"):
        Settings(allowed_origins=("*", "https://a.example"))


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", True),
        ("http://a.example", False),
        ("https://a.example:444", False),
        ("https://x.a.example", False),
        ("https://x.b.example", True),
        ("https://y.x.b.example", True),
        ("https://b.example", False),
        ("http://x.b.example", False),
        ("https://xb.example", False),
        ("https://x.b.example.evil.example", False),
        ("https://evil.example/.b.example", True),  # no browser sends a path in an Origin
        ("https://c.example:8443", True),
        ("https://c.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_matches_exactly_or_as_a_subdomain(origin: str, allowed: bool) -> None:
    assert allows(("https://a.example", "https://*.b.example", "https://c.example:8443"), origin) is allowed
    assert allows(("*",), origin)
    assert not allows((), origin)


@pytest.mark.parametrize("origin", ["https://a.example", "https://deep.x.b.example"])
def test_a_page_of_an_allowed_site_asks_and_reads_the_answer(client: TestClient, origin: str) -> None:
    sent = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = client.options("/api/ask", headers=sent)
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    answer = client.post("/api/ask", json=ASKED, headers={"origin": origin, "sec-fetch-site": "cross-site"})
    assert (answer.status_code, answer.json()["kind"]) == (200, "answer")
    for response in (preflight, answer):
        assert response.headers["access-control-allow-origin"] == origin
        assert "Origin" in response.headers["vary"]
        assert "access-control-allow-credentials" not in response.headers
        assert {"ETag", "Retry-After", "X-Request-Id"} <= set(
            response.headers["access-control-expose-headers"].split(", ")
        )


@pytest.mark.parametrize(
    ("body", "status"), [({}, 422), ({"question": "explode"}, 500), ({"question": "x" * 300_000}, 413)]
)
def test_a_page_of_an_allowed_site_can_read_what_went_wrong_too(client: TestClient, body: object, status: int) -> None:
    response = client.post("/api/ask", json=body, headers={"origin": "https://a.example"})
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    assert "call 112, 911 or 999" in response.json()["detail"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://a.example", "https://guide.example.evil.example"]
)
def test_a_page_of_another_site_gets_nothing_by_any_door(client: TestClient, path: str, origin: str) -> None:
    response = client.post(path, json=ASKED, headers={"origin": origin, "sec-fetch-site": "cross-site"})
    assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
    assert "access-control-allow-origin" not in response.headers
    assert origin not in response.text
    preflight = client.options(path, headers={"origin": origin, "access-control-request-method": "POST"})
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize("path", [path for path in DOORS if path != "/api/ask"])
def test_a_page_of_an_allowed_site_may_use_the_api_alone(client: TestClient, path: str) -> None:
    response = client.post(path, json=ASKED, headers={"origin": "https://a.example"})
    assert response.status_code == 403
    preflight = client.options(path, headers={"origin": "https://a.example", "access-control-request-method": "POST"})
    assert preflight.status_code == 403


def test_a_browser_without_an_origin_is_believed_about_its_site(client: TestClient) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        assert client.post("/api/ask", json=ASKED, headers={"sec-fetch-site": site}).status_code == status
    assert client.post("/api/ask", json=ASKED).status_code == 200  # no browser at all


def test_by_default_only_the_servers_own_pages_may_ask() -> None:
    client = client_of()
    assert client.post("/api/ask", json=ASKED, headers={"origin": "https://a.example"}).status_code == 403
    own = client.post("/api/ask", json=ASKED, headers={"origin": "http://guide.example"})
    assert own.status_code == 200
    behind_tls = client.post("/api/ask", json=ASKED, headers={"origin": "https://guide.example"})
    assert behind_tls.status_code == 200
    assert client.post("/api/ask", json=ASKED, headers={"origin": "http://guide.example:81"}).status_code == 403


def test_an_origin_or_a_host_that_is_none_is_foreign_and_no_fault() -> None:
    for client in (client_of(), client_of(public_url="https://guide.example")):
        for origin in ("http://[x", "http://", "://", "http://guide.example\u00e9", "x" * 5000, " "):
            for host in ("guide.example", "[", "[::1", ":", "", "127.0.0.1:x"):
                sent = {"origin": origin.encode(), "host": host.encode()}
                assert client.post("/api/ask", json=ASKED, headers=sent).status_code == 403, (origin, host)


def test_with_a_star_every_site_may_ask() -> None:
    client = client_of(allowed_origins=["*"])
    response = client.post("/api/ask", json=ASKED, headers={"origin": "https://any.example"})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, "*")
    assert "frame-ancestors 'self' *" in client.get("/").headers["content-security-policy"]


def test_behind_a_proxy_the_address_that_readers_open_is_the_servers_own() -> None:
    sent = {"host": "127.0.0.1:7860", "origin": "https://guide.example"}
    assert client_of().post("/api/ask", json=ASKED, headers=sent).status_code == 403
    # What a modern browser says about its own page is enough,
    assert (
        client_of().post("/api/ask", json=ASKED, headers={**sent, "sec-fetch-site": "same-origin"}).status_code == 200
    )
    # and so is the setting,
    public = client_of(public_url="https://guide.example/sub")
    assert public.post("/api/ask", json=ASKED, headers=sent).status_code == 200
    # or a trusted proxy that says which host was asked for. One that is not trusted says nothing.
    forwarded = {**sent, "x-forwarded-host": "guide.example"}
    assert client_of(trusted_proxies=1).post("/api/ask", json=ASKED, headers=forwarded).status_code == 200
    assert client_of().post("/api/ask", json=ASKED, headers=forwarded).status_code == 403


def test_with_a_public_address_a_name_pointed_at_the_server_is_foreign() -> None:
    sent = {"host": "rebound.example", "origin": "http://rebound.example", "sec-fetch-site": "same-origin"}
    assert client_of(public_url="https://guide.example").post("/api/ask", json=ASKED, headers=sent).status_code == 403
    local = {"host": "localhost:7860", "origin": "http://localhost:7860"}
    assert client_of(public_url="https://guide.example").post("/api/ask", json=ASKED, headers=local).status_code == 200


def test_what_may_only_be_read_is_readable_by_allowed_sites_alone(client: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert client.get(path, headers={"origin": "https://a.example"}).headers["access-control-allow-origin"]
        foreign = client.get(path, headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        assert "Origin" in foreign.headers["vary"]
    for path in ("/", "/guide", "/docs", "/config"):
        page = client.get(path, headers={"origin": "https://a.example"})
        assert page.status_code == 200
        assert "access-control-allow-origin" not in page.headers


def test_pages_may_be_framed_by_the_allowed_sites(client: TestClient) -> None:
    for path in ("/", "/guide", "/nothing", "/embed"):
        policy = client.get(path).headers["content-security-policy"]
        assert policy.endswith("frame-ancestors 'self' https://a.example https://*.b.example https://c.example:8443")


def test_what_is_embedded_may_be_loaded_by_any_site(client: TestClient) -> None:
    for path in ("/widget.js", "/widget/1.0.0.js", "/embed"):
        headers = client.get(path, headers={"origin": "https://a.example"}).headers
        assert headers["cross-origin-resource-policy"] == "cross-origin"
        assert headers["access-control-allow-origin"] == "*"
    assert client.get("/guide").headers["cross-origin-resource-policy"] == "same-origin"
