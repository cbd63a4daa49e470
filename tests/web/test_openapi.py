"""The description of the API: nothing of it vanishes unnoticed, its examples are true, and the server keeps to it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.testclient import TestClient

from wellcited.datatypes import Answer, Kind
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.openapi import example_answers
from wellcited.web.problems import Problem

from .fakes import FakeAssistant

SNAPSHOT = Path(__file__).parent / "openapi-facts.txt"
UPDATE = "WELLCITED_TEST_UPDATE_OPENAPI"
UPDATED = UPDATE in os.environ  # read here: the tests run without such variables
APP = create_app(FakeAssistant(), Settings(rate_per_minute=0))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    found: dict[str, Any] = TestClient(APP).get("/openapi.json").json()
    return found


def facts(described: Mapping[str, Any]) -> Iterator[str]:
    """Say, a line each, what a client may rely on."""
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            where = f"{method.upper()} {path}"
            yield f"{where} is {operation['operationId']}, tagged {', '.join(operation['tags'])}"
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{where} takes {shape(content['schema'])} as {media}"
            for status, response in operation["responses"].items():
                for media, content in response["content"].items():
                    yield f"{where} returns {status} with {shape(content['schema'])} as {media}"
                for header in response.get("headers", {}):
                    yield f"{where} returns {status} with the header {header}"
    for name, schema in described["components"]["schemas"].items():
        for field, inner in schema.get("properties", {}).items():
            needed = "always" if field in schema.get("required", ()) else "or its default"
            yield f"{name}.{field} is {shape(inner)}, {needed}"


def shape(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return " | ".join(map(repr, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(map(shape, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {shape(schema['items'])}"
    return str(schema["type"])


def test_no_field_address_or_status_vanishes_or_appears_unnoticed(described: dict[str, Any]) -> None:
    found = "\n".join(sorted(facts(described))) + "\n"
    if UPDATED:
        SNAPSHOT.write_text(found, "utf-8")
    known = SNAPSHOT.read_text("utf-8")
    assert found == known, f"if this is meant, write it down: {UPDATE}=1 pytest {__file__}, and CHANGELOG.md"


def test_a_field_that_vanishes_would_be_found(described: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(described))
    del changed["components"]["schemas"]["Answer"]["properties"]["confidence"]
    del changed["paths"]["/api/ask"]["post"]["responses"]["429"]
    lost = set(facts(described)) - set(facts(changed))
    assert {line.partition(" is ")[0] for line in lost if "Answer." in line} == {"Answer.confidence"}
    assert any("returns 429" in line for line in lost)


def test_every_kind_of_answer_and_every_problem_has_an_example_that_is_true(described: dict[str, Any]) -> None:
    responses = described["paths"]["/api/ask"]["post"]["responses"]
    examples = responses["200"]["content"]["application/json"]["examples"]
    assert set(examples) == set(get_args(Kind)) == set(example_answers())
    for kind, example in examples.items():
        assert Answer.model_validate(example["value"]).kind == kind
    for status, response in responses.items():
        if status != "200":
            shown = Problem.model_validate(response["content"]["application/problem+json"]["example"])
            assert shown.status == int(status)
            assert shown.detail.endswith("call 112, 911 or 999.") is (status != "415")
            assert shown.title
    request = described["components"]["schemas"]["AskRequest"]["examples"][0]
    assert TestClient(APP).post("/api/ask", json=request).status_code == 200


def test_the_description_says_which_version_and_whose_it_is(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    assert described["info"]["version"]
    assert described["info"]["license"]["identifier"] == "Apache-2.0"
    assert {tag["name"] for tag in described["tags"]} == {"answers", "server"}
    assert "servers" not in described
    public = create_app(FakeAssistant(), Settings(public_url="https://guide.example/sub"))
    assert TestClient(public).get("/openapi.json").json()["servers"] == [{"url": "https://guide.example/sub"}]


schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


@schema.parametrize()
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_the_server_keeps_to_its_description_whatever_is_sent(case: schemathesis.Case) -> None:
    # A question without a letter is refused, which no schema can say: str.isalnum knows more letters than a pattern.
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
