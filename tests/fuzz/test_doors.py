"""Nothing that anyone can send is a fault, takes long, or is refused without whom to call."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import FUZZ_TIMES, Built
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellcited import Assistant
from wellcited.settings import Settings
from wellcited.web.app import create_app

pytestmark = pytest.mark.slow
many = settings(
    max_examples=100 * FUZZ_TIMES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SECONDS = 10.0
CALL = "If this is an emergency, call 112, 911 or 999."

anything = st.characters(exclude_categories=())  # half of a surrogate pair too
plain = st.text(st.sampled_from("kettle descale how often numb leg pain 10/10 ?!.'-\n é漢א🤒"), max_size=400)
text = st.one_of(st.text(anything, max_size=300), plain, st.sampled_from(["", " ", "?", "x" * 5000, "and how often?"]))
scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), text)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(text, inner, max_size=5)),
    max_leaves=20,
)
message = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": text})
conversation = st.fixed_dictionaries({"question": text, "history": st.lists(message, max_size=45)})
odd = st.fixed_dictionaries(
    {"question": st.one_of(text, value)},
    optional={"history": st.one_of(value, st.lists(value, max_size=5)), "x": value},
)
header = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80)


@pytest.fixture(scope="module")
def client(tiny: Built) -> Iterator[TestClient]:
    """The whole server on a real index, guardrail and all."""
    given = Settings(index=tiny.index, corpus=tiny.corpus, rate_per_minute=0, rate_per_minute_global=0)
    app = create_app(Assistant.open(settings=given), given)
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


def post(client: TestClient, body: bytes, path: str = "/api/ask", **headers: str) -> Any:
    begun = time.process_time()
    response = client.post(path, content=body, headers={"content-type": "application/json", **headers})
    assert time.process_time() - begun < SECONDS
    assert response.status_code in (200, 403, 413, 415, 422)
    found = response.json()
    if response.status_code != 200:
        assert found["detail"].endswith(CALL) is (response.status_code != 415)  # that is the program's mistake
    return found


@many
@given(conversation)
def test_every_conversation_gets_an_answer_a_referral_or_a_reason(client: TestClient, asked: dict[str, Any]) -> None:
    found = post(client, json.dumps(asked).encode())
    if "kind" in found:
        assert found["kind"] in ("answer", "referral", "not_covered", "smalltalk")
        assert "guardrail.failed" not in found["triage"]["reasons"], "something inside the guardrail broke"
        for citation in found["citations"]:
            assert citation["quote"]
    else:
        assert found["errors"]


@many
@given(st.one_of(value, odd))
def test_any_json_is_answered_or_refused(client: TestClient, body: Any) -> None:
    post(client, json.dumps(body).encode())


@many
@given(st.binary(max_size=2000), st.one_of(st.just("application/json"), header), header)
def test_any_bytes_are_refused(client: TestClient, body: bytes, kind: str, request_id: str) -> None:
    post(client, body, **{"content-type": kind, "x-request-id": request_id, "authorization": request_id})


@many
@given(st.one_of(value, odd, conversation), st.one_of(st.none(), value))
def test_the_chat_windows_door_takes_anything(client: TestClient, data: Any, extra: Any) -> None:
    component = next(one["id"] for one in client.get("/config").json()["components"] if one["type"] == "html")
    call = {"data": data, "component_id": component, "fn_name": "ask", "session_hash": extra}
    found = post(client, json.dumps(call).encode(), "/gradio_api/component_server")
    assert found["kind"]
