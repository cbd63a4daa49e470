"""What docs/operations.md tells whoever runs a server is there: figures, settings, links."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from starlette.testclient import TestClient

from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import FakeAssistant

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
TEXT = PAGE.read_text("utf-8")


def test_the_alert_rules_parse_and_name_figures_and_labels_that_the_server_has() -> None:
    rules = yaml.safe_load(TEXT.partition("```yaml\n")[2].partition("```")[0])["groups"][0]["rules"]
    assert len(rules) > 5
    with TestClient(create_app(FakeAssistant(), Settings(metrics="on", index=PAGE.parent))) as client:
        for question in ("press", "fever"):
            client.post("/api/ask", json={"question": question})
        told = client.get("/metrics").text
    # Told only of a build on this disk, and of what has been refused.
    named = {name for rule in rules for name in re.findall(r"\b(?:wellcited|process)_\w+", rule["expr"])}
    assert named - set(re.findall(r"\w+", told)) == {"wellcited_bundle_age_seconds"}
    for label in ('tier="urgent"', 'stage="total"', "status=", "le="):
        assert label in told
    reasons = set(re.search(r'reason=~"([\w|]+)"', TEXT)[1].split("|"))  # type: ignore[index]
    assert all(f'reason="{reason}"' in told for reason in reasons)


def test_every_setting_and_every_page_that_it_names_is_there() -> None:
    names = set(re.findall(r"`((?:[a-z]+_)+[a-z]+)(?: = [^`]*)?`", TEXT))
    known = {*Settings.model_fields, "bundle_id", "request_id", "global_rate", "limit_conn"}
    figures = set(re.findall(r"`(wellcited_[a-z_]+)`", (PAGE.parent / "api.md").read_text("utf-8")))
    assert names - known - figures == set()
    for link in re.findall(r"\]\(([\w./]+\.md)", TEXT):
        assert (PAGE.parent / link).is_file(), link
    for test in re.findall(r"`(?:tests/web/)?(test_\w+\.py)`", TEXT):
        assert (Path(__file__).parent / test).is_file()


def test_no_page_and_no_answer_sets_a_cookie() -> None:
    with TestClient(create_app(FakeAssistant(), Settings())) as client:
        found = [client.get(path) for path in ("/", "/guide", "/docs", "/embed", "/widget.js", "/config")]
        found.append(client.post("/api/ask", json={"question": "press"}))
    assert [one.status_code for one in found] == [200] * 7
    assert not any("set-cookie" in one.headers for one in found)
