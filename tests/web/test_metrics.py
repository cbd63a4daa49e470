"""The figures at /metrics: what is counted, who may read them, and that no reader's word is among them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Built
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from wellcited import Assistant
from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import FakeAssistant

CANARY = "xylophonequark"


def serve(assistant: Any = None, client: tuple[str, int] = ("testclient", 1), **settings: Any) -> TestClient:
    app = create_app(assistant or FakeAssistant(), Settings(**{"metrics": "on", **settings}))
    return TestClient(app, raise_server_exceptions=False, client=client)


def figures(client: TestClient) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample by its name and the values of its labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def ask(client: TestClient, question: str, **headers: str) -> int:
    return client.post("/api/ask", json={"question": question}, headers=headers).status_code


def test_requests_answers_and_refusals_are_counted() -> None:
    client = serve(rate_per_minute=5)
    assert [ask(client, question) for question in ("press?", "sitting?", "bladder", "thanks", "explode")] == [
        *([200] * 4),
        500,
    ]
    assert ask(client, "once more") == 429
    assert ask(client, "press?", origin="https://evil.example") == 403
    client.get("/guide/hip-guide")
    client.get(f"/guide/{CANARY}")
    client.get(f"/{CANARY}")
    client.request(CANARY.upper(), "/api/ask")
    found = figures(client)
    assert found["wellcited_answers_total", ("answer", "none")] == 2
    assert found["wellcited_answers_total", ("referral", "emergency")] == 1
    assert found["wellcited_answers_total", ("smalltalk", "none")] == 1
    assert found["wellcited_failures_total", ()] == 1
    assert found["wellcited_refused_total", ("client_rate",)] == 1
    assert found["wellcited_refused_total", ("origin",)] == 1
    assert found["wellcited_refused_total", ("queue",)] == 0
    assert found["wellcited_requests_total", ("POST", "/api/ask", "200")] == 4
    assert found["wellcited_requests_total", ("POST", "/api/ask", "429")] == 1
    assert found["wellcited_requests_total", ("POST", "/api/ask", "500")] == 1
    assert found["wellcited_requests_total", ("GET", "/guide/{document_id:path}", "200")] == 1
    assert found["wellcited_requests_total", ("GET", "/guide/{document_id:path}", "404")] == 1
    assert found["wellcited_requests_total", ("GET", "other", "404")] == 1
    assert found["wellcited_answer_seconds_count", ("total",)] == 4
    assert found["wellcited_answer_seconds_count", ("wait",)] == 5
    assert CANARY not in client.get("/metrics").text.lower()


def test_the_build_that_answers_is_told_even_after_it_was_exchanged(tmp_path: Path) -> None:
    class Exchanging(FakeAssistant):
        found = "one"

        @property
        def bundle_id(self) -> str:
            return self.found

    assistant = Exchanging()
    manifest = tmp_path / "builds" / "two" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}", "utf-8")
    client = serve(assistant, index=tmp_path)
    found = figures(client)
    assert found["wellcited_bundle_info", ("one",)] == 1
    assert ("wellcited_bundle_age_seconds", ()) not in found
    assistant.found = "two"
    found = figures(client)
    assert found["wellcited_bundle_info", ("two",)] == 1
    assert ("wellcited_bundle_info", ("one",)) not in found
    assert 0 <= found["wellcited_bundle_age_seconds", ()] < 60
    assert found["wellcited_ready", ()] == 0


def test_the_stages_of_a_real_answer_are_measured(tiny: Built) -> None:
    assistant = Assistant.open(tiny.index, Settings(index=tiny.index))
    with serve(assistant, index=tiny.index) as client:
        assert ask(client, "How often should I descale a kettle?") == 200
        found = figures(client)
    stages = {name: found["wellcited_answer_seconds_sum", (name,)] for name in ("triage", "retrieve", "compose")}
    assert all(stages.values())
    assert sum(stages.values()) == pytest.approx(found["wellcited_answer_seconds_sum", ("total",)], rel=0.05)
    assert found["wellcited_answer_seconds_count", ("triage",)] == 1


LOCAL, FAR = ("127.0.0.1", 5), ("203.0.113.9", 5)
TOKEN = "a token of the operator, long enough"


@pytest.mark.parametrize(
    ("setting", "client", "headers", "status"),
    [
        ({"metrics": "off"}, LOCAL, {}, 404),
        ({"metrics": "local"}, LOCAL, {}, 200),
        ({"metrics": "local"}, ("::1", 5), {}, 200),
        ({"metrics": "local"}, FAR, {}, 404),
        ({"metrics": "local"}, LOCAL, {"x-forwarded-for": "203.0.113.9"}, 404),
        ({"metrics": "local"}, LOCAL, {"x-real-ip": "203.0.113.9"}, 404),
        ({"metrics": "local"}, FAR, {"x-forwarded-for": "127.0.0.1"}, 404),
        ({"metrics": "on"}, FAR, {}, 200),
        ({"metrics": "on", "metrics_token": TOKEN}, FAR, {}, 404),
        ({"metrics": "on", "metrics_token": TOKEN}, LOCAL, {"authorization": f"Bearer {TOKEN}x"}, 404),
        ({"metrics": "local", "metrics_token": TOKEN}, FAR, {"authorization": f"Bearer {TOKEN}"}, 200),
        ({"metrics": "off", "metrics_token": TOKEN}, LOCAL, {"authorization": f"Bearer {TOKEN}"}, 404),
    ],
)
def test_the_figures_are_read_by_whom_the_settings_name(
    setting: dict[str, Any], client: tuple[str, int], headers: dict[str, str], status: int
) -> None:
    response = serve(client=client, **setting).get("/metrics", headers=headers)
    assert response.status_code == status
    assert ("wellcited_" in response.text) is (status == 200)


def test_every_figure_stands_in_the_documentation() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    names = {name for name, _ in figures(serve()) if name.startswith("wellcited_")}
    families = {re.sub(r"_(?:total|bucket|count|sum|info)$", "", name) for name in names}
    assert {name for name in families if name not in documented} == set()
