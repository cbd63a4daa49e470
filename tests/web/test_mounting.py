"""The server under a path of a larger site: addresses come in with it or without, and lead back in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from wellcited.datatypes import Answer
from wellcited.errors import SettingsError
from wellcited.settings import Settings, load_settings
from wellcited.web.app import create_app
from wellcited.web.mcp import told
from wellcited.web.mounting import mounted

from .fakes import HOLD, RECEIPT, FakeAssistant

ASKED = {"question": "How long should I press?"}
PAGES = ("/", "/guide", "/guide/hip-guide", "/guide/nothing", "/docs", "/embed", "/embed-demo")
LINK = re.compile(r'(?:href|src)="([^"#]*)"')


def client_of(**settings: Any) -> TestClient:
    app = create_app(FakeAssistant(), Settings(**{"rate_per_minute": 0, "root_path": "/ask", **settings}))
    return TestClient(app, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with client_of() as client:
        yield client


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_of_the_server_stays_below_its_path(client: TestClient, page: str) -> None:
    links = [link for link in LINK.findall(client.get(f"/ask{page}").text) if link.startswith("/")]
    assert links
    for link in links:
        assert link.startswith("/ask/"), link
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link


@pytest.mark.parametrize("page", [*PAGES, "/healthz", "/readyz", "/openapi.json", "/widget.js", "/config"])
def test_an_address_without_the_path_is_the_same_one(client: TestClient, page: str) -> None:
    with_path, without = client.get(f"/ask{page}"), client.get(page)
    assert with_path.status_code == without.status_code
    assert with_path.headers["content-type"] == without.headers["content-type"]


def test_the_path_alone_leads_to_the_window(client: TestClient) -> None:
    led = client.get("/ask")
    assert led.status_code == 307
    assert led.headers["location"] == "http://testserver/ask/"
    assert led.headers["x-content-type-options"] == "nosniff"


def test_an_address_that_only_begins_like_the_path_is_another_one(client: TestClient) -> None:
    assert client.get("/asking").status_code == 404


def test_a_path_that_is_also_a_name_of_the_server_is_no_riddle() -> None:
    with client_of(root_path="/guide") as client:
        assert "hip guide" in client.get("/guide/guide/hip-guide").text
        assert "gradio-app" in client.get("/guide/").text


def test_the_limits_and_the_origins_hold_below_the_path() -> None:
    with client_of(rate_per_minute=1) as client:
        assert client.post("/ask/api/ask", json=ASKED, headers={"origin": "https://evil.example"}).status_code == 403
        assert client.post("/ask/api/ask", json=ASKED).status_code == 200
        assert client.post("/ask/api/ask", json=ASKED).status_code == 429


def test_assistants_are_answered_below_the_path() -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    takes = {"accept": "application/json, text/event-stream"}
    with client_of(mcp=True) as client:
        below, bare = (client.post(path, json=asked, headers=takes) for path in ("/ask/mcp", "/mcp"))
    assert (below.status_code, below.text) == (bare.status_code, bare.text)
    assert below.status_code != 404


def test_the_api_gives_addresses_relative_to_the_server_and_says_where_that_is(client: TestClient) -> None:
    answer = client.post("/ask/api/ask", json=ASKED).json()
    address = answer["citations"][0]["url"]
    assert address.startswith("/guide/hip-guide?")
    assert '<mark id="cite">' in client.get(f"/ask{address}").text
    described = client.get("/ask/openapi.json").json()
    assert described["servers"] == [{"url": "/ask"}]
    assert "/api/ask" in described["paths"]


def test_a_link_to_the_publishers_own_site_is_not_moved() -> None:
    own, elsewhere = (
        HOLD.model_copy(update={"number": 1}),
        HOLD.model_copy(update={"url": "https://a.example/faq#press"}),
    )
    answer = Answer(kind="answer", text="-", citations=(own,), further=(elsewhere,), receipt=RECEIPT)
    moved = mounted(answer, "/ask")
    assert [citation.url for citation in (*moved.citations, *moved.further)] == [f"/ask{own.url}", elsewhere.url]
    assert "\n    https://guide.example/guide/" in told(answer, "https://guide.example")
    closest = answer.model_copy(update={"citations": (elsewhere,)})
    assert "\n    https://a.example/faq#press" in told(closest, "https://guide.example")


@pytest.mark.parametrize("path", ["", "/", "/ask", "/ask/", "/a/b-c/d.e_f~"])
def test_a_path_of_the_settings_ends_without_a_slash(path: str) -> None:
    assert Settings(root_path=path).root_path == path.rstrip("/")


@pytest.mark.parametrize("path", ["ask", "/a b", "//ask", "/a//b", '/"', "/../x", "https://a.example/ask", "/a?b"])
def test_what_is_no_path_is_refused_by_name(path: str) -> None:
    with pytest.raises(SettingsError, match=r"root_path.*write e\.g\. /ask"):
        load_settings(root_path=path)
