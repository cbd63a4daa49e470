"""`wellcited triage` shows what the guardrail makes of a message, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Built
from typer.testing import CliRunner, Result

from wellcited.cli.commands import app
from wellcited.safety import Examination

NUMB = "My leg is numb since this morning and I cannot feel when I pee."


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def triage(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["triage", *arguments])


def test_without_an_index_the_rules_tell_the_tier_and_the_words_they_rest_on() -> None:
    shown = triage(NUMB).stdout
    assert shown.startswith("tier      emergency\n")
    assert "cauda_equina" in shown
    assert "in message 1, characters" in shown
    assert "head      silent" in shown


def test_with_an_index_the_head_tells_its_opinion(tiny: Built) -> None:
    shown = triage(NUMB, "--index", str(tiny.index)).stdout
    assert "head      none 0." in shown
    assert "classifier  none " in shown
    assert "emergency" in shown


def test_a_harmless_message_has_no_rule_or_only_such_as_are_switched_off() -> None:
    assert "none matched" in triage("What does the psoas do?").stdout
    assert (
        "switched off: negated"
        in triage("I have no fever and no numbness down my leg, just stiff. How do I stretch?").stdout
    )


def test_json_is_the_whole_examination(tmp_path: Path) -> None:
    history = tmp_path / "talk.json"
    history.write_text(json.dumps([{"role": "user", "content": NUMB}]), "utf-8")
    examined = Examination.model_validate_json(
        triage("So how do I stretch it?", "--history", str(history), "--json").stdout
    )
    assert (examined.tier, examined.again) == ("emergency", True)
