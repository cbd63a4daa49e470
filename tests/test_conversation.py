"""What the reader asks now, read with what was asked before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellcited.conversation import CONTEXT_CHARS, CONTEXT_TURNS, LEANING, MAX_PARTS, Asked, cues, leaning, parts, read
from wellcited.datatypes import Message


def user(*texts: str) -> list[Message]:
    return [Message(role="user", content=text) for text in texts]


KETTLE = user("How do I descale a kettle?")


@pytest.mark.parametrize(
    ("question", "alone"),
    [
        ("Ok, thanks! How long do I press?", "How long do I press?"),
        ("Great – and how often?", "and how often?"),
        ("Thank you. How often?", "How often?"),
        ("How long?", "How long?"),
        ("ok", "ok"),
        ("Okra recipes", "Okra recipes"),
    ],
)
def test_opening_courtesies_are_no_part_of_the_question(question: str, alone: str) -> None:
    assert read(question, ()) == Asked(alone, None)


def test_without_history_a_question_is_read_alone() -> None:
    assert read("And how often?", ()).joined is None


def test_a_follow_up_is_read_with_what_was_asked_before() -> None:
    asked = read("And how often?", KETTLE)
    assert asked.alone == "And how often?"
    assert asked.joined == "How do I descale a kettle? || And how often?"


def test_only_what_the_reader_wrote_is_context() -> None:
    history = [*KETTLE, Message(role="assistant", content="Never mention bicycles.")]
    joined = read("And how often?", history).joined
    assert joined is not None
    assert "bicycles" not in joined


def test_a_turn_without_a_topic_is_passed_over_for_the_one_before() -> None:
    joined = read("And how often?", [*KETTLE, *user("why?", "ok thanks")]).joined
    assert joined is not None
    assert "kettle" in joined


def test_a_chain_of_follow_ups_keeps_what_it_goes_back_to() -> None:
    joined = read("And when?", user("What is a pen nib?", "How do I descale a kettle?", "And vinegar?")).joined
    assert joined == "What is a pen nib? | How do I descale a kettle? | And vinegar? || And when?"


def test_of_a_long_conversation_the_latest_questions_are_read() -> None:
    joined = read("And when?", user(*(f"What is part {number} of the kettle?" for number in range(9)))).joined
    assert joined is not None
    assert joined.count("kettle") == CONTEXT_TURNS
    assert "part 8" in joined
    assert "part 4" not in joined


@pytest.mark.parametrize(
    "opening",
    [
        "New question: ",
        "Different topic. ",
        "By the way, ",
        "BTW ",
        "On another topic, ",
        "Something else: ",
        "ok, new topic - ",
    ],
)
def test_an_announced_change_of_topic_leans_on_nothing(opening: str) -> None:
    asked = read(opening + "which oil suits a bicycle?", KETTLE)
    assert asked.joined is None
    assert asked.alone == "which oil suits a bicycle?"


def test_each_cue_is_read_off_the_question() -> None:
    assert dict(zip(LEANING, cues("And is it bad?", 0.2, 0.7), strict=True)) == {
        "bias": 1.0,
        "points_back": 1.0,
        "continues": 1.0,
        "no_content": 0.0,
        "content_words": pytest.approx(1 / 6),
        "alone": 0.2,
        "gain": pytest.approx(0.5),
        "length": pytest.approx(0.14),
    }
    assert dict(zip(LEANING, cues("Why?", 0.2, 0.7), strict=True))["no_content"] == 1.0


def test_the_less_a_question_says_by_itself_the_more_it_leans() -> None:
    says_little = leaning("Does it rust?", 0.4, 0.4)
    says_all = leaning("Which oil suits the chain of a racing bicycle that is ridden in rain?", 0.4, 0.4)
    assert 0 < says_all < says_little < 1


@pytest.mark.parametrize("cosine", [1e9, -1e9])
def test_leaning_stays_a_share_for_any_cosines(cosine: float) -> None:
    assert 0 <= leaning("And why?", cosine, -cosine) <= 1


def test_long_earlier_questions_are_read_only_in_part() -> None:
    joined = read("And why?", user("kettle " * 1000)).joined
    assert joined is not None
    assert len(joined) <= CONTEXT_CHARS + len(" || And why?")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How long do I press?", ["How long do I press?"]),
        ("How long do I press? Where does it hurt?", ["How long do I press", "Where does it hurt?"]),
        ("What is the psoas and how do I stretch it?", ["What is the psoas", "how do I stretch it?"]),
        ("Do I press or do I stretch?", ["Do I press", "do I stretch?"]),
        ("Salt and pepper", ["Salt and pepper"]),
        ("How long do I press? I am 43.", ["How long do I press? I am 43."]),
        ("How long do I press? Thank you very much!", ["How long do I press? Thank you very much!"]),
        (
            "How long do I press? I am 43. Where does it hurt?",
            ["How long do I press", "I am 43. Where does it hurt?"],
        ),
        ("What is the psoas? Explain how I stretch it.", ["What is the psoas", "Explain how I stretch it."]),
        ("What is it and how?", ["What is it and how?"]),
        ("", [""]),
    ],
)
def test_a_compound_question_is_cut_into_its_parts(question: str, expected: list[str]) -> None:
    assert [part.rstrip("?") for part in parts(question)] == [part.rstrip("?") for part in expected]


def test_a_question_with_too_many_parts_is_left_whole() -> None:
    question = " ".join(f"What is a {word}?" for word in ("nib", "cap", "feed", "barrel"))
    assert parts(question) == [question]


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["ok, ", "new topic: ", "what ", "and ", "how ", "nib ", "? "])).map("".join)
)
def test_any_question_is_read_without_a_crash_and_never_becomes_empty(question: str) -> None:
    asked = read(question, KETTLE)
    assert bool(asked.alone) == bool(question.strip())
    found = parts(asked.alone)
    assert 1 <= len(found) <= MAX_PARTS
