"""The widget's scripts and pages as the server hands them out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from web.fakes import FakeAssistant
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.static import read_asset
from wellcited.web.widget import LANGUAGES, build_widget, widget_router

CLOSED = 5_000  # bytes of gzip
WHOLE = 20_000
WORDS = json.loads(read_asset("widget/strings.json"))
REFERRAL = json.loads(read_asset("referral.json"))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(FakeAssistant(), Settings())) as client:
        yield client


def test_what_a_page_loads_stays_small(client: TestClient) -> None:
    told = client.get("/widget.json").json()["scripts"]
    sizes = {}
    for name, script in told.items():
        with client.stream("GET", f"/{script['path']}", headers={"Accept-Encoding": "gzip"}) as response:
            sent = b"".join(response.iter_raw())
        assert response.headers["content-encoding"] == "gzip"
        assert len(gzip.decompress(sent)) == script["bytes"]
        sizes[name] = len(sent)
        assert abs(script["gzip"] - len(sent)) <= 32
    assert sizes["widget"] <= CLOSED
    assert sum(sizes.values()) <= WHOLE


def test_long_numbers_and_more_of_them_still_fit() -> None:
    numbers = ("112", "116 117", "0808 2000 247", "1-800-273-8255", "999", "911")
    widget = build_widget(Settings(emergency_numbers=numbers))
    assert widget.loader.gzipped <= CLOSED
    assert widget.loader.gzipped + widget.panel.gzipped <= WHOLE


@pytest.mark.parametrize("name", ["widget", "panel"])
def test_a_version_is_kept_for_a_year_by_any_page_and_matches_its_digest(client: TestClient, name: str) -> None:
    told = client.get("/widget.json").json()
    script = told["scripts"][name]
    assert script["path"] == f"widget/{told['version']}/{name}.js"
    response = client.get(f"/{script['path']}")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    digest = base64.b64encode(hashlib.sha384(response.content).digest()).decode()
    assert script["integrity"] == f"sha384-{digest}"


def test_the_alias_is_kept_for_minutes_and_asked_again_by_its_tag(client: TestClient) -> None:
    response = client.get("/widget.js")
    assert response.headers["cache-control"] == "public, max-age=300"
    again = client.get("/widget.js", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/widget.js").status_code == 200
    pinned = client.get("/widget.json").json()["scripts"]["widget"]["path"]
    assert client.get(f"/{pinned}").content == response.content


@pytest.mark.parametrize("path", ["/widget/0.0.0-abc/widget.js", "/widget/{version}/strings.json", "/widget/x/y/z.js"])
def test_no_other_file_or_version_is_there(client: TestClient, path: str) -> None:
    version = client.get("/widget.json").json()["version"]
    response = client.get(path.format(version=version))
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


def test_the_version_changes_with_the_settings_but_not_with_the_guide() -> None:
    usual = build_widget(Settings())
    assert build_widget(Settings()).version == usual.version
    assert build_widget(Settings(port=9999)).version == usual.version
    assert build_widget(Settings(emergency_numbers=("000",))).version != usual.version
    assert build_widget(Settings(max_history_turns=3)).version != usual.version
    assert b"hip guide" not in usual.loader.body + usual.panel.body
    assert usual.panel.integrity.encode() in usual.loader.body


def test_what_is_served_is_the_source_without_its_comments() -> None:
    widget = build_widget(Settings())
    for name, script in (("widget.js", widget.loader), ("panel.js", widget.panel)):
        source = read_asset(f"widget/{name}").decode().split("\n")
        served = script.body.decode().split("\n")
        filled = [line for line in served if line not in source]
        assert len(filled) == 1, "only the line of the settings differs"
        left_out = [line.strip() for line in source if line not in served and "/* SERVED */" not in line]
        left_out = [line for line in left_out if "/* WORDS */" not in line]
        block = False
        for line in left_out:
            assert block or line.startswith(("//", "/*")), line
            block = (block or line.startswith("/*")) and not line.endswith("*/")
        assert not block


def test_every_language_has_every_word_and_slot() -> None:
    assert tuple(WORDS) == LANGUAGES
    assert set(REFERRAL) == set(LANGUAGES)
    for language in LANGUAGES:
        assert set(WORDS[language]) == set(WORDS["en"])
        assert not set(WORDS[language]) & set(REFERRAL[language]), "one would hide the other"
        for name, words in WORDS[language].items():
            assert words.strip() == words != ""
            assert slots(words) == slots(WORDS["en"][name]), (language, name)


def slots(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def test_every_word_is_used_and_none_is_missing() -> None:
    source = read_asset("widget/panel.js").decode()
    used = set(re.findall(r"(?:say|words\(\))\.(\w+)", source)) - {"replace"}
    served = set(WORDS["en"]) - {"unloaded"}
    assert used - set(REFERRAL["en"]) == served


def test_the_guide_is_described_for_the_chat(client: TestClient) -> None:
    told = client.get("/widget.json")
    assert told.headers["access-control-allow-origin"] == "*"
    assert told.json()["title"] == "The hip guide"
    assert told.json()["language"] == "en"
    assert told.json()["questions"] == list(FakeAssistant().examples)


@pytest.mark.parametrize("path", ["/embed", "/embed-demo"])
def test_the_pages_allow_no_inline_script_or_style(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors" in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", response.text, re.I)


def test_titles_of_guides_are_escaped_in_the_pages() -> None:
    class Odd(FakeAssistant):
        @property
        def documents(self) -> dict:  # type: ignore[type-arg]
            document = next(iter(super().documents.values()))
            return {"x": document.model_copy(update={"title": "<script>alert(1)</script>", "language": '"><b>'})}

    with TestClient(create_app(Odd(), Settings())) as client:
        for path in ("/embed", "/embed-demo"):
            assert "<script>alert" not in client.get(path).text
            assert '"><b>' not in client.get(path).text


def test_a_source_without_its_place_for_the_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wellcited.web.widget.read_asset", lambda name: b"{}" if "json" in name else b"(() => {})();")
    monkeypatch.setattr("wellcited.web.widget.LANGUAGES", ())
    with pytest.raises(ValueError, match=re.escape("panel.js: '/* WORDS */ {}' must stand there once")):
        widget_router(FakeAssistant(), Settings())


DOCUMENT = (Path(__file__).parents[3] / "docs" / "embedding.md").read_text()


def section(title: str) -> str:
    return DOCUMENT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_the_documentation_names_every_attribute_property_part_and_event() -> None:
    loader, panel = (read_asset(f"widget/{name}.js").decode() for name in ("widget", "panel"))
    observed = re.search(r'observedAttributes = "([^"]+)"', loader)
    assert observed
    named = set(re.findall(r"^\| `(\w+)` \|", section("Attributes"), re.M))
    assert named == set(observed[1].split())

    properties = set(re.findall(r"--wellcited-[\w-]+", loader + panel))
    assert set(re.findall(r"--wellcited-[\w-]+", section("Styling").split("| --- | --- |")[1])) == properties

    parts = set(re.findall(r'part: "([\w-]+)"', loader + panel))
    parts |= {name.split()[-1] for name in re.findall(r'button\("([^"]+)"', panel)}
    listed = section("Styling").split("Parts: ")[1].split(".\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == parts

    events = set(re.findall(r'(?:this|chat)\.emit\("(\w+)"', loader + panel))
    assert set(re.findall(r"`wellcited:(\w+)`", section("Events and calls").split("| --- |")[1])) == events


def test_the_documentation_tells_the_sizes_as_they_are(client: TestClient) -> None:
    told = client.get("/widget.json").json()["scripts"]
    closed, whole = told["widget"]["gzip"], told["widget"]["gzip"] + told["panel"]["gzip"]
    assert f"| {closed / 1000:.1f} kB |" in DOCUMENT
    assert f"| {whole / 1000:.1f} kB in all |" in DOCUMENT


def test_the_recipes_pass_every_attribute_on() -> None:
    recipes = Path(__file__).parents[3] / "recipes"
    named = set(re.findall(r"^\| `(\w+)` \|", section("Attributes"), re.M))
    plugin = (recipes / "wordpress" / "wellcited.php").read_text()
    listed = re.search(r"WELLCITED_ATTRIBUTES = \[([^\]]+)\]", plugin)
    assert listed
    assert set(re.findall(r"'(\w+)'", listed[1])) == named
    frame = read_asset("embed.js").decode()
    assert set(re.findall(r'"(\w+)"', frame.split("of [")[1].split("]")[0])) == named - {"label", "position", "open"}
