"""Greetings and thanks get a human line; a question never does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellcited.smalltalk import MAX_CHARS, reply_to


@pytest.mark.parametrize(
    "message",
    [
        "hi", "Hello!", "HEY there :)", "good morning", "Hola", "how are you?", "who are you", "Are you a robot?",
        "what's your name?", "thanks", "Thank you so much!!", "ok thanks, that was very helpful", "ok", "got it",
        "bye", "Good night.", "sorry", "What can you do?", "merci beaucoup", "héllo",
    ],
)  # fmt: skip
def test_small_talk_gets_a_line(message: str) -> None:
    assert reply_to(message)


@pytest.mark.parametrize(
    "message",
    [
        "hi, how long do I press?", "thanks, and how often?", "hello my hip hurts", "I can't feel my leg",
        "help, I fell", "what is the psoas?", "ok so what next?", "is it good to stretch?", "bye bye pain?",
        "thank god it hurts less", "", " ", "!?", "😀", "no, it hurts", "yes it hurts", "sorry for the pain",
        "I am not ok",
    ],
)  # fmt: skip
def test_what_says_more_is_no_small_talk(message: str) -> None:
    assert reply_to(message) is None


def test_greeting_and_goodbye_are_answered_differently() -> None:
    assert len({reply_to(message) for message in ("hi", "bye", "thanks", "who are you")}) == 4


def test_a_long_message_is_no_small_talk() -> None:
    assert reply_to("hi " + "there " * 10)
    assert reply_to("hi " + "there " * MAX_CHARS) is None


@settings(max_examples=150)  # with its deadline: no message may make the patterns run away
@given(
    st.lists(
        st.sampled_from(
            "good to know that makes sense ok thanks great very helpful ah oh hi there bye no the k x".split()
        ),
        max_size=40,
    )
)
def test_any_message_is_judged_quickly(chosen: list[str]) -> None:
    message = " ".join(chosen)[: MAX_CHARS - 2]
    assert reply_to(message) == reply_to(message.upper() + " !")


@pytest.mark.parametrize(
    "message",
    [
        "great, thanks a lot, that helped",
        "thanks, you've been great",
        "Thanks a million, that clears it up!",
        "thank you so much for your help, you're a star",
        "Thanks, I'll try that",
    ],
)
def test_thanks_come_in_many_words(message: str) -> None:
    assert reply_to(message) is not None


@pytest.mark.parametrize(
    "message", ["thanks, what is the psoas?", "thanks for that. and how often?", "thanks, how long?"]
)
def test_thanks_before_a_question_are_no_small_talk(message: str) -> None:
    assert reply_to(message) is None
