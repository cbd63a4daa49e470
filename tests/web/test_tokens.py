"""Widget tokens: what a site's backend signs, and what the server accepts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from wellcited.errors import SettingsError
from wellcited.settings import Settings, load_settings
from wellcited.web.app import create_app
from wellcited.web.tokens import TokenRefused, check, sign

from .fakes import FakeAssistant

SECRET = "0123456789abcdef0123456789abcdef"
SITE = "https://a.example"
ASKED = {"question": "How long do I press?"}


def settings_of(**more: Any) -> Settings:
    return Settings(token_secret=SECRET, allowed_origins=(SITE, "https://b.example"), rate_per_minute=0, **more)


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(create_app(FakeAssistant(), settings_of()), base_url="http://guide.example")


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"origin": SITE, "iat": now, "exp": now + 300} | changed


def signed(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    kept = {name: value for name, value in claims(**changed).items() if value is not None}
    return jwt.encode(kept, secret, algorithm)


def signed_by_hand(payload: dict[str, Any]) -> str:
    """As docs/api.md says a site without a library may do it."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    body = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(payload).encode())
    return body + "." + part(hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).digest())


@pytest.mark.parametrize("made", [lambda: sign(SITE, settings_of()), signed, lambda: signed_by_hand(claims())])
def test_a_signed_token_opens_the_api(client: TestClient, made: Any) -> None:
    sent = {"authorization": f"Bearer {made()}", "origin": SITE}
    assert client.post("/api/ask", json=ASKED, headers=sent).status_code == 200


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        ("", "a token is needed"),
        ("Basic dTpw", "a token is needed"),
        ("Bearer", "a token is needed"),
        ("Bearer x", "not signed"),
        ("Bearer a.b.c", "not signed"),
        ("Bearer " + "x" * 5000, "too long"),
        (lambda: "Bearer " + signed(secret="another secret of thirty-two bytes!"), "not signed"),
        (lambda: "Bearer " + signed(algorithm="HS512", secret=SECRET * 2), "not signed"),
        (lambda: "Bearer " + jwt.encode(claims(), None, "none"), "not signed"),
        (lambda: "Bearer " + signed(exp=int(time.time()) - 60), "expired"),
        (lambda: "Bearer " + signed(iat=int(time.time()) + 3600, exp=int(time.time()) + 3700), "from the future"),
        (lambda: "Bearer " + signed(exp=int(time.time()) + 86400), "longer than the server's token_minutes (15)"),
        (lambda: "Bearer " + signed(exp=None), "lacks the claim exp"),
        (lambda: "Bearer " + signed(iat=None), "lacks the claim iat"),
        (lambda: "Bearer " + signed(origin=None), "lacks the claim origin"),
        (lambda: "Bearer " + signed(origin="https://b.example"), "made for another site"),
        (lambda: "Bearer " + signed(origin=7), "made for another site"),
        (lambda: "Bearer " + signed(exp="soon"), "not signed"),
    ],
)  # fmt: skip
def test_without_a_good_token_the_answer_is_401_and_says_why(
    client: TestClient, authorization: str | Callable[[], str], said: str
) -> None:
    authorization = authorization if isinstance(authorization, str) else authorization()  # made now: it may expire
    response = client.post("/api/ask", json=ASKED, headers={"authorization": authorization, "origin": SITE})
    assert (response.status_code, response.headers["content-type"]) == (401, "application/problem+json")
    assert said in response.json()["detail"].lower() or said in response.json()["detail"]
    assert response.json()["detail"].endswith("If this is an emergency, call 112, 911 or 999.")
    assert response.headers["www-authenticate"].startswith('Bearer realm="wellcited"')
    assert "invalid_token" in response.headers["www-authenticate"]
    assert response.headers["access-control-allow-origin"] == SITE  # the page can read why


def test_the_clocks_of_site_and_server_may_differ_a_little(client: TestClient) -> None:
    now = int(time.time())
    for token in (signed(iat=now - 300, exp=now - 20), signed(iat=now + 20, exp=now + 120)):
        sent = {"authorization": f"Bearer {token}", "origin": SITE}
        assert client.post("/api/ask", json=ASKED, headers=sent).status_code == 200


def test_a_token_is_bound_to_its_site_where_a_browser_says_which_that_is() -> None:
    settings = settings_of()
    token = f"Bearer {sign(SITE, settings)}"
    check(token, SITE, settings)
    check(token, None, settings)  # the server's own page in a frame, or no browser
    with pytest.raises(TokenRefused, match="another site"):
        check(token, "https://b.example", settings)


def test_a_subdomain_allowed_by_a_star_signs_for_itself() -> None:
    settings = Settings(token_secret=SECRET, allowed_origins=("https://*.a.example",), rate_per_minute=0)
    client = TestClient(create_app(FakeAssistant(), settings), base_url="http://guide.example")
    for origin, status in (("https://x.a.example", 200), ("https://y.a.example", 401)):
        sent = {"authorization": f"Bearer {sign('https://x.a.example', settings)}", "origin": origin}
        assert client.post("/api/ask", json=ASKED, headers=sent).status_code == status


def test_a_preflight_the_pages_and_the_window_need_no_token(client: TestClient) -> None:
    sent = {"origin": SITE, "access-control-request-method": "POST"}
    assert client.options("/api/ask", headers=sent).status_code == 204
    for path in ("/", "/guide", "/healthz", "/readyz", "/docs"):
        assert client.get(path).status_code != 401
    assert client.post("/gradio_api/component_server", json={}).status_code != 401


def test_without_a_secret_no_token_is_asked_for() -> None:
    client = TestClient(create_app(FakeAssistant(), Settings()))
    assert client.post("/api/ask", json=ASKED, headers={"authorization": "Bearer x"}).status_code == 200
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]
    with pytest.raises(SettingsError, match="token_secret"):
        sign(SITE, Settings())


def test_bad_tokens_are_counted_like_questions() -> None:
    settings = Settings(token_secret=SECRET, rate_per_minute=2)
    client = TestClient(create_app(FakeAssistant(), settings))
    assert [client.post("/api/ask", json=ASKED).status_code for _ in range(3)] == [401, 401, 429]


def test_the_description_tells_that_a_token_is_needed(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    assert found["paths"]["/api/ask"]["post"]["security"] == [{"widgetToken": []}]
    assert found["components"]["securitySchemes"]["widgetToken"]["scheme"] == "bearer"
    assert SECRET not in json.dumps(found)


def test_a_short_secret_is_refused_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WELLCITED_TOKEN_SECRET", "hunter2")
    with pytest.raises(SettingsError, match="'token_secret': is shorter than 32 bytes") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.__cause__)
    assert SECRET not in repr(settings_of()) + str(settings_of()) + settings_of().model_dump_json()


def test_a_token_for_what_is_no_site_is_not_signed() -> None:
    with pytest.raises(SettingsError, match="not the address of a site"):
        sign("a.example", settings_of())
