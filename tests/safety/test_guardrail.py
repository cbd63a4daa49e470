"""The guardrail never raises, cannot be dodged by odd letters, stays fast, and can be audited."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.datatypes import Message, Triage
from wellcited.safety import Guardrail
from wellcited.safety.guardrail import FAILED, UNREADABLE

GUARDRAIL = Guardrail.open()
ORDINARY = [
    line
    for line in (Path(__file__).parent / "ordinary.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
# Of ordinary questions at most this share may be referred.
MOST_REFERRED = 0.02


def test_ordinary_questions_are_answered() -> None:
    referred = {line: GUARDRAIL.triage(line).reasons for line in ORDINARY if GUARDRAIL.triage(line).tier != "none"}
    assert len(ORDINARY) >= 250
    assert len(referred) <= MOST_REFERRED * len(ORDINARY), referred


def test_the_guides_own_questions_are_answered() -> None:
    path = Path(__file__).parents[2] / "corpus" / "iliopsoas-guide.questions.md"
    questions = [line[2:] for line in path.read_text("utf-8").splitlines() if line.startswith("- ")]
    assert questions
    assert not {question for question in questions if GUARDRAIL.triage(question).tier != "none"}


@pytest.mark.parametrize(
    "disguised",
    [
        "i want to k i l l myself",
        "i want to k1ll myself",
        "i want to ki\u200bll my\u200dself",
        "i want to kіll mуsеlf",  # Cyrillic і, у, е
        "I WANT TO KILL MYSELF",
        "ｉ ｗａｎｔ ｔｏ ｋｉｌｌ ｍｙｓｅｌｆ",
        "i want to kiiiiill myself",
        "i want to kill\nmyself",
    ],
)
def test_odd_letters_hide_nothing(disguised: str) -> None:
    assert GUARDRAIL.triage(disguised).tier == "emergency"


@pytest.mark.parametrize("apostrophe", ["'", "’", "‘", "´", "", "ʼ"])
def test_any_apostrophe_will_do(apostrophe: str) -> None:
    assert GUARDRAIL.triage(f"I can{apostrophe}t feel myself wipe").tier == "emergency"


@pytest.mark.parametrize(
    "foreign",
    [
        "У меня сильно болит спина и онемели ноги",
        "我的腿麻了而且不能走路了",
        "Nie mogę chodzić i bardzo boli mnie biodro od wczoraj",
        "ظهري يؤلمني ولا أستطيع المشي",
        "腰が痛くて足がしびれています",
    ],
)
def test_a_language_that_no_rule_reads_is_told_so_with_the_number(foreign: str) -> None:
    triage = GUARDRAIL.triage(foreign)
    assert triage.tier == "professional"
    assert triage.reasons == (UNREADABLE,)
    assert "112, 911 or 999" in triage.message
    assert "English, Spanish, French, German, Portuguese and Italian" in triage.message


@pytest.mark.parametrize(
    "short",
    [
        "",
        " ",
        "?",
        "🙂",
        "💪💪💪💪💪💪💪💪💪💪💪💪💪💪",
        "ok",
        "iliopsoas",
        "musculus iliacus",
        "Wojciech",
        "asdfgh qwerty",
        "Иван",
        "psoas major et minor",
        "m. quadratus lumborum",
        "李小龙",
        "12345",
        "SI?",
    ],
)
def test_names_anatomy_emoji_and_gibberish_are_not_a_foreign_language(short: str) -> None:
    assert GUARDRAIL.triage(short).tier == "none"


def test_if_anything_fails_inside_the_reader_is_referred(monkeypatch: pytest.MonkeyPatch) -> None:
    guardrail = Guardrail.open()

    def broken(*_: object) -> Triage:
        raise RuntimeError("broken")

    monkeypatch.setattr(guardrail, "examine", broken)
    triage = guardrail.triage("what does the psoas do?")
    assert triage.tier == "urgent"
    assert triage.reasons == (FAILED,)
    assert "112" in triage.message
    monkeypatch.setattr(guardrail, "_messages", None)
    assert "112" in guardrail.triage("what does the psoas do?").message


@pytest.mark.parametrize("inside", ["examine", "_read", "_apply", "_language"])
def test_rules_that_fail_refer_the_reader(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    guardrail = Guardrail.open()
    monkeypatch.setattr(guardrail._matcher, inside, broken)
    assert guardrail.triage("my hip hurts since I fell yesterday").reasons == (FAILED,)


def test_an_endless_conversation_is_read_from_its_end() -> None:
    history = [Message(role="user", content="what does the psoas do?")] * 5_000
    assert GUARDRAIL.triage("I can't feel myself wipe", history).tier == "emergency"


@given(st.text(max_size=400), st.lists(st.text(max_size=80), max_size=3))
def test_any_text_gets_a_triage(question: str, earlier: list[str]) -> None:
    triage = GUARDRAIL.triage(question, [Message(role="user", content=text) for text in earlier])
    assert triage.reasons != (FAILED,)
    assert (triage.tier == "none") == (triage.message == "") == (triage.reasons == ())


@given(st.text(max_size=200))
def test_the_same_message_always_gets_the_same_answer(question: str) -> None:
    assert GUARDRAIL.triage(question) == GUARDRAIL.triage(question)


HOSTILE = {
    "one letter": "a",
    "one sign": "my hip is numb ",
    "all signs": "fell off the roof can't stand numb both legs can't pee fever vomiting pregnant swollen calf ",
    "denials": "no not never without ",
    "spaced letters": "n u m b ",
    "punctuation": "?!.,;:()[]",
    "quotes": "'",
    "accents": "e\u0301",
    "zero width": "\u200b",
    "digits": "1/10 ",
    "commas": "my,",
    "one sentence": "pain and then pain and then ",
    "other script": "онемели ",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_costs_time_in_proportion_to_its_length(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        began = time.process_time()
        assert GUARDRAIL.triage(text).reasons != (FAILED,)
        return time.process_time() - began

    seconds(5_000)
    short, long = seconds(5_000), seconds(100_000)
    assert short < 2.0
    assert long < max(2.0, 40 * short), "twenty times the text, at most about twice as slow per letter"


def test_a_sign_is_found_at_either_end_of_a_very_long_message() -> None:
    filler = "the psoas is a muscle. " * 6_000
    assert GUARDRAIL.triage("I want to kill myself. " + filler).tier == "emergency"
    assert GUARDRAIL.triage(filler + " I want to kill myself").tier == "emergency"


def test_an_ordinary_question_is_quick() -> None:
    times = []
    for line in ORDINARY:
        began = time.process_time()
        GUARDRAIL.triage(line)
        times.append(time.process_time() - began)
    assert sorted(times)[len(times) // 2] < 0.02, "a few milliseconds; the bound allows for a busy machine"


def test_an_examination_shows_the_evidence_and_what_switched_a_rule_off() -> None:
    question = "I broke my hip years ago, all healed. Now one calf is swollen and hot."
    examination = GUARDRAIL.examine(question, [])
    assert examination.tier == "urgent"
    assert examination.rules_version == GUARDRAIL.rules_version
    live = [finding for finding in examination.findings if finding.switched_off_by is None]
    off = [finding for finding in examination.findings if finding.switched_off_by is not None]
    assert any(finding.rule == "dvt.one_leg" for finding in live)
    assert any(finding.switched_off_by == "past" for finding in off)
    assert all(question[finding.start : finding.end] == finding.evidence for finding in examination.findings)


def test_evidence_points_into_the_turn_it_comes_from() -> None:
    first, last = "My foot\u200b went ｎｕｍｂ between my legs 🙂 today", "what does it cost?"
    examination = GUARDRAIL.examine(last, [Message(role="user", content=first)])
    assert examination.again
    assert examination.findings
    assert all(f.turn == 0 and first[f.start : f.end] == f.evidence for f in examination.findings)
