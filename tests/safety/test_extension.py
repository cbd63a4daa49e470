"""A publisher's own file: more rules, messages and normal phrases, checked when it is opened."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from wellcited.errors import SafetyDataError
from wellcited.safety import Guardrail
from wellcited.safety.head import Head
from wellcited.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "safety.md"
RULE = """
[[rule]]
id = "wrist.grip"
tier = "professional"
category = "wrist"
source = "Our hand therapist"
when = ["thumb|thumbs click* & jar|lid"]
literal = ["can't turn a key"]
examples = ["my thumb clicks at every jar"]
near_misses = ["how do I hold the jar?"]
"""


def opened(text: str, tmp_path: Path) -> Guardrail:
    path = tmp_path / "safety.toml"
    path.write_text(text, "utf-8")
    return Guardrail.open(safety_file=path)


def test_an_own_rule_refers_with_the_message_of_its_tier(tmp_path: Path) -> None:
    guardrail = opened(RULE, tmp_path)
    found = guardrail.triage("Is it right that my thumb clicks with each lid?")
    assert (found.tier, found.reasons) == ("professional", ("wrist.grip",))
    assert found.message.startswith("Please see ")
    assert Guardrail.open().triage("Is it right that my thumb clicks with each lid?").tier == "none"


def test_a_literal_is_what_a_reader_would_write(tmp_path: Path) -> None:
    assert opened(RULE, tmp_path).triage("I CAN\u2019T turn a key").reasons == ("wrist.grip",)


def test_what_ships_stays_and_the_version_tells_that_more_was_added(tmp_path: Path) -> None:
    guardrail = opened(RULE, tmp_path)
    assert guardrail.triage("numb between my legs and my back hurts").tier == "emergency"
    assert guardrail.rules_version != Guardrail.open().rules_version
    assert opened(RULE + "# reviewed\n", tmp_path).rules_version != guardrail.rules_version


def test_own_messages_stand_in_place_of_and_beside_those_that_ship(tmp_path: Path) -> None:
    words = """
[messages.en.category.wrist]
who = "our hand clinic (020 7946 0000)"
why = "because a weak grip needs a look"
[messages.de.category.wrist]
who = "unsere Handsprechstunde"
"""
    message = opened(RULE + words, tmp_path).triage("My thumb clicks with each lid").message
    assert "our hand clinic (020 7946 0000)" in message
    assert "weak grip" in message
    assert "cannot examine or diagnose" in message


def test_a_normal_phrase_hides_its_words_and_no_more(tmp_path: Path) -> None:
    reader = "My calf feels swollen and hot like a toasted bun, that is step two, yes?"
    assert Guardrail.open().triage(reader).tier != "none"
    guardrail = opened('normal = ["swollen and hot like a toasted bun"]', tmp_path)
    assert guardrail.triage(reader).tier == "none"
    assert guardrail.triage("one calf is swollen and hot").tier == "urgent"


def test_the_head_does_not_lower_an_own_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def blank(texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 384), dtype=np.float32)

    calm = Head(blank, np.zeros((784, 4), np.float32), np.array([20, 0, 0, 0], np.float32), "test", {}, {})
    monkeypatch.setattr("wellcited.safety.guardrail.open_head", lambda encode, key, kept: calm)
    guardrail = opened(RULE, tmp_path).with_head(blank, "any")
    assert guardrail.triage("My thumb clicks with each lid").tier == "professional"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[rule", "cannot be read"),
        ("[[rules]]\nid = 1", "unknown part 'rules'"),
        ("rule = 3", "write it as [[rule]]"),
        (RULE.replace("professional", "soon"), "rule 'wrist.grip': unknown tier 'soon'"),
        (RULE.replace("at every jar", "at every walk"), "does not refer its example"),
        (RULE.replace("how do I hold the jar?", "thumb clicks, jar stays shut"), "fires on its near miss"),
        (RULE + RULE, "two rules have the id 'wrist.grip'"),
        (RULE.replace("wrist.grip", "grip"), "must begin with the category"),
        ('[vocabulary]\nhip = ["hip"]', "vocabulary 'hip' exists already"),
        ('normal = ["fever"]', "the normal phrase 'fever' would silence rule"),
        ('normal = ["A Fever"]', "cannot read 'A'"),
        ('[messages.pl.full]\nurgent = "x"', "unknown language 'pl'"),
        ('[messages.en.full]\nurgent = "Go {there}."', "unknown slot {there}"),
        ('[messages.en.full]\nurgent = ""', "no message for tier 'urgent'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_file_and_remedy(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SafetyDataError) as error:
        opened(text, tmp_path)
    assert told in str(error.value)
    assert "safety.toml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_told_with_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SafetyDataError, match="setting 'safety_file'"):
        Guardrail.open(safety_file=tmp_path / "nowhere.toml")


def test_it_is_found_beside_the_corpus_or_where_the_setting_says(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    assert Settings(corpus=corpus).own_safety_file is None
    (tmp_path / "safety.toml").write_text(RULE, "utf-8")
    assert Settings(corpus=corpus).own_safety_file == tmp_path / "safety.toml"
    assert Settings(corpus=corpus, safety_file=tmp_path / "other.toml").own_safety_file == tmp_path / "other.toml"


def test_the_example_of_the_documentation_does_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall("```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if block.startswith("# safety.toml")]
    guardrail = opened(example, tmp_path)
    found = guardrail.triage("I can't stop scratching my hands")
    assert found.reasons == ("flour.itchy_hands",)
    assert "our skin clinic" in found.message
    normal = "I get pins and needles while kneading. Is that as it should be?"
    assert Guardrail.open().triage(normal).tier != "none"
    assert guardrail.triage(normal).tier == "none"
