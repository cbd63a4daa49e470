"""The learned second opinion, and how it and the rules decide together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.adapter import Adapter
from wellcited.datatypes import Message
from wellcited.errors import SafetyDataError
from wellcited.models import DEFAULT_WEIGHTS_SHA256
from wellcited.safety import Guardrail, head
from wellcited.safety.head import Head, open_head, terms, traces
from wellcited.safety.opinion import OVERRULE, decide, is_backed, parts
from wellcited.safety.rules import TIERS

DIMENSION = 384
ENCODER = f"{DEFAULT_WEIGHTS_SHA256}+{Adapter.open().digest}"

shares = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 0.01)


def blank(texts: Sequence[str]) -> np.ndarray:
    return np.zeros((len(texts), DIMENSION), dtype=np.float32)


def broken(texts: Sequence[str]) -> np.ndarray:
    raise RuntimeError("no encoder")


def sure_of(tier: str) -> Head:
    """A head that gives `tier` nearly all of the probability, whatever it reads."""
    bias = np.array([20.0 if name == tier else 0.0 for name in TIERS], dtype=np.float32)
    return Head(blank, np.zeros((2 * DIMENSION + 16, 4), dtype=np.float32), bias, "test", {}, {})


def guarded_by(opinion: Head, monkeypatch: pytest.MonkeyPatch) -> Guardrail:
    monkeypatch.setattr("wellcited.safety.guardrail.open_head", lambda encode, key, kept: opinion)
    return Guardrail.open().with_head(blank, "any")


@given(shares, st.sampled_from(TIERS))
def test_more_certainty_that_nothing_is_wrong_never_makes_the_tier_graver(row: list[float], by_rules: str) -> None:
    none, *rest = (value / sum(row) for value in row)
    calmer = (none + (1 - none) / 2, *(value / 2 for value in rest))
    assert TIERS.index(decide(by_rules, calmer)) <= TIERS.index(decide(by_rules, (none, *rest)))


@given(shares)
def test_an_emergency_of_the_rules_stands_unless_the_head_is_nearly_sure(row: list[float]) -> None:
    chances = tuple(value / sum(row) for value in row)
    assert decide("emergency", chances) == "emergency" or chances[0] >= OVERRULE["emergency"]


def test_one_of_the_learned_two_is_enough_to_back_an_emergency_of_the_rules() -> None:
    calm, alarmed = (0.97, 0.01, 0.01, 0.01), (0.41, 0.01, 0.01, 0.57)
    assert is_backed("emergency", [alarmed, calm, calm])
    assert is_backed("emergency", [calm, alarmed, calm])
    assert not is_backed("emergency", [calm, calm, calm])
    assert not is_backed("urgent", [alarmed, calm, calm])


@given(shares, st.sampled_from(TIERS))
def test_what_is_firm_is_never_lowered(row: list[float], by_rules: str) -> None:
    none, professional, urgent, emergency = (value / sum(row) for value in row)
    told = decide(by_rules, (none, professional, urgent, emergency), firm=True)
    assert TIERS.index(told) >= TIERS.index(by_rules)


def test_a_missed_emergency_costs_more_than_a_needless_one() -> None:
    assert decide("none", (0.3, 0.1, 0.08, 0.52)) == "emergency"
    assert decide("none", (0.5, 0.1, 0.15, 0.25)) == "urgent", "less than half: the head alone calls no emergency"
    assert decide("urgent", (0.5, 0.1, 0.15, 0.25)) == "emergency"
    assert decide("none", (0.9, 0.1, 0.0, 0.0)) == "none"
    assert decide("none", (0.45, 0.55, 0.0, 0.0)) == "professional"
    assert decide("none", (0.8, 0.0, 0.0, 0.2)) != "none", "one in five that it is an emergency is too many"
    assert decide("none", (0.8, 0.2, 0.0, 0.0)) == "none"
    assert decide("none", (0.5, 0.1, 0.35, 0.05)) == "urgent"


def test_the_head_that_ships_belongs_to_the_default_encoder_alone() -> None:
    shipped = open_head(blank, ENCODER)
    assert shipped is not None
    assert shipped.weights.shape == (2 * DIMENSION + 16, len(TIERS))
    assert open_head(blank, "0" * 64) is None
    assert open_head(blank, DEFAULT_WEIGHTS_SHA256) is None, "the default model without its adapter is another encoder"
    rules = Guardrail.open()
    assert rules.with_head(blank, "0" * 64) is rules
    assert rules.with_head(blank, ENCODER).rules_version != rules.rules_version


@pytest.mark.parametrize("content", ["", "{", "{}", '{"encoder": "e", "weights": [[1]], "bias": [1]}'])
def test_a_damaged_head_is_told(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "head.json").write_text(content, "utf-8")
    monkeypatch.setattr(head.resources, "files", lambda package: tmp_path)
    with pytest.raises(SafetyDataError, match=r"head\.json"):
        open_head(blank, "e")


def test_weights_that_give_no_probability_refer_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    sick = Head(blank, np.zeros((2 * DIMENSION + 16, 4), np.float32), np.full(4, np.nan, np.float32), "test", {}, {})
    found = guarded_by(sick, monkeypatch).triage("What is the psoas?")
    assert (found.tier, found.reasons) == ("urgent", ("guardrail.failed",))


def test_an_encoder_that_fails_refers_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = Head(broken, sure_of("none").weights, sure_of("none").bias, "test", {}, {})
    assert guarded_by(deaf, monkeypatch).triage("What is the psoas?").reasons == ("guardrail.failed",)


@pytest.mark.parametrize("tier", TIERS[1:])
def test_what_the_head_alone_refers_gets_the_message_of_the_tier_and_names_the_head(
    tier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = guarded_by(sure_of(tier), monkeypatch).triage("What does the psoas do?")
    assert found.tier == tier
    assert found.reasons == (f"head.{tier}",)
    assert "What does the psoas do" in found.message
    assert "{" not in found.message
    # The head cannot say what it is about: a grave message tells also whom to talk to about thoughts of self-harm.
    assert ("116 123" in found.message) == (tier in ("emergency", "urgent"))


def test_the_head_lets_a_false_alarm_of_the_rules_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "I pulled my groin yesterday"
    assert Guardrail.open().triage(message).tier == "professional"
    assert guarded_by(sure_of("none"), monkeypatch).triage(message).tier == "none"


def test_the_head_never_overrules_self_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    found = guarded_by(sure_of("none"), monkeypatch).triage("I want to kill myself")
    assert found.tier == "emergency"
    assert "116 123" in found.message


def test_an_examination_tells_what_rules_and_head_thought(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = guarded_by(sure_of("urgent"), monkeypatch).examine("What does the psoas do?")
    assert (seen.tier_by_rules, seen.tier) == ("none", "urgent")
    assert seen.head is not None
    assert sum(seen.head) == pytest.approx(1)


@pytest.mark.parametrize(
    "state", ["I'm pregnant", "I am on blood thinners", "I had a hip replacement last month", "I have an aneurysm"]
)
@pytest.mark.parametrize("question", ["How do I stretch?", "How do I press?", "How do I use the hook?", "how long?"])
def test_the_head_never_lowers_a_state_that_lasts(state: str, question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calm = guarded_by(sure_of("none"), monkeypatch)
    assert calm.triage(question, [Message(role="user", content=state)]).tier != "none"


def reads_months(strength: float) -> Head:
    """A head that calls for a professional when the last message is about months, and else for nothing."""

    def encode(texts: Sequence[str]) -> np.ndarray:
        found = blank(texts)
        found[:, 0] = [1.0 if text.endswith("months") else -1.0 for text in texts]
        return found

    weights = np.zeros((2 * DIMENSION + 16, 4), dtype=np.float32)
    weights[0] = [-strength, strength, 0, 0]
    return Head(encode, weights, np.array([0, 0, -20, -20], dtype=np.float32), "test", {}, {})


PAIN = Message(role="user", content="my hip has hurt for 3 months")


def test_what_was_referred_in_an_earlier_turn_stays_referred(monkeypatch: pytest.MonkeyPatch) -> None:
    guardrail = guarded_by(reads_months(1), monkeypatch)
    assert guardrail.triage(PAIN.content).tier == "professional"
    assert guardrail.triage("How do I stretch?").tier == "none"
    assert guardrail.triage("How do I stretch?", [PAIN]).tier == "professional"


def test_a_head_that_is_sure_of_the_whole_conversation_lets_a_former_sign_go(monkeypatch: pytest.MonkeyPatch) -> None:
    guardrail = guarded_by(reads_months(5), monkeypatch)
    back = "How do I stretch?"
    assert guardrail.triage(back, [PAIN]).tier == "none"
    more = [Message(role="user", content=text) for text in ("What is it called?", "And in Latin?")]
    assert guardrail.triage(back, [PAIN, *more]).tier == "professional"  # the head has not read that far back
    chatter = Message(role="user", content="It is a long story. " * 80)
    assert guardrail.triage(back, [PAIN, chatter]).tier == "professional"


def test_the_whole_conversation_is_read_and_the_assistant_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Sequence[str]] = []

    def listening(texts: Sequence[str]) -> np.ndarray:
        read.append(list(texts))
        return blank(texts)

    opinion = Head(listening, sure_of("none").weights, sure_of("none").bias, "test", {}, {})
    history = [Message(role="user", content="one"), Message(role="assistant", content="two")]
    guarded_by(opinion, monkeypatch).triage("three", history)
    assert read == [["three", "one three"]]


@pytest.mark.parametrize(
    "filler", ["'" * 300, "!?" * 200, "a" * 300, "😀" * 200, " . " * 200, "\n" * 500, "blah" * 100]
)
def test_filler_does_not_drown_what_is_said(filler: str) -> None:
    said = f"I lost control of my bladder {filler} and can't feel my legs {filler}"
    assert len(head.without_filler(said)) < 100


@pytest.mark.parametrize("text", ["nooo... it hurts!!!", "I have had it for 10000 years", "no no no no, not me", "xxx"])
def test_what_is_no_filler_is_read_as_it_stands(text: str) -> None:
    assert head.without_filler(text) == text


def test_the_file_of_the_head_says_what_learned_it() -> None:
    table = json.loads((head.resources.files("wellcited.safety") / "data" / "head.json").read_text("utf-8"))
    assert table["learned_by"] == "benchmarks/train_guardrail.py"
    assert (Path(__file__).parents[2] / table["learned_by"]).is_file()


def test_words_and_rules_weigh_by_name() -> None:
    plain = sure_of("none")
    rules, words = {"on dvt.one_leg": [0, 0, 9, 0]}, {"psoas": [5, 0, 0, 0]}
    told = Head(blank, plain.weights, np.zeros(4, np.float32), "test", rules, words)
    empty = [0.0] * 16
    assert np.argmax(told.judge(["x"], empty, {"on dvt.one_leg"}, ())) == 2
    assert np.argmax(told.judge(["x"], empty, (), {"psoas", "never learned"})) == 0
    assert told.judge(["x"], empty) == pytest.approx((0.25,) * 4)


def test_neighbours_count_and_the_ends_of_a_message_are_neighbours_too() -> None:
    assert terms([["not", "numb"]]) == {"<", ">", "not", "numb", "< not", "not numb", "numb >"}
    assert terms([[], ["a"], ["b"], ["c"]]) == terms([["a"], ["b"], ["c"]]), "the latest three"


def test_a_rule_that_was_switched_off_is_told_apart_from_one_that_holds() -> None:
    findings = Guardrail.open().examine("No fever. I fell yesterday and my hip hurts.").findings
    left = traces(findings)
    assert any(name.startswith("on acute_injury.") for name in left)
    assert any(name.startswith("off ") for name in left)
    assert any(name.startswith("negated ") for name in left)


@given(st.text(max_size=40_000))
def test_every_letter_of_a_message_stands_in_a_part_that_the_head_can_read(text: str) -> None:
    found = parts(text)
    assert all(len(part) <= head.LONGEST for part in found)
    assert len(found) <= 9
    assert text.startswith(found[0])
    assert text.endswith(found[-1])


def test_what_stands_only_in_the_middle_of_a_long_message_is_read_by_the_head_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        found = blank(texts)
        found[:, 0] = [1.0 if "zorble" in text else -1.0 for text in texts]
        return found

    weights = np.zeros((2 * DIMENSION + 16, 4), dtype=np.float32)
    weights[0] = [-10, 0, 0, 10]
    opinion = Head(encode, weights, np.zeros(4, dtype=np.float32), "test", {}, {})
    chatter = "The psoas is a muscle of the hip. " * 60
    assert guarded_by(opinion, monkeypatch).triage(f"{chatter}It went zorble. {chatter}").tier == "emergency"
    assert guarded_by(opinion, monkeypatch).triage(chatter * 2).tier == "none"


@pytest.mark.parametrize(
    ("message", "lowered"),
    [
        ("I'm on warfarin. How do I press?", False),
        ("Grandad is on warfarin, I'm not. How do I press?", True),
    ],
)
def test_a_lasting_state_is_firm_where_the_reader_plainly_says_it_of_himself(
    message: str, lowered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (guarded_by(sure_of("none"), monkeypatch).triage(message).tier == "none") is lowered
