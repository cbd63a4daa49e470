"""Answers as the chat window shows them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.datatypes import Answer, Receipt, Triage
from wellcited.settings import Settings
from wellcited.web.chat import chat_title, shell_html, take_turn
from wellcited.web.markup import escape
from wellcited.web.replies import copy_text, referral_words, reply, said_html

from .fakes import (
    ANSWER,
    EMERGENCY,
    GUIDE,
    HOLD,
    NOT_COVERED,
    ONCE,
    PROFESSIONAL,
    RECEIPT,
    SMALLTALK,
    URGENT,
    FakeAssistant,
    citation,
    referral,
)
from .test_reader import Page

DOCUMENTS = {GUIDE.id: GUIDE}
NUMBERS = ("112", "911")
HOSTILE = "<img src=x onerror=alert(1)> **b** $$x^2$$ `{{y}}` ${z} \u202eevil\x00 </template>"


def html_of(answer: Answer) -> str:
    return reply(answer, DOCUMENTS, NUMBERS)["html"]


def test_an_answer_shows_its_quotes_each_with_a_number_to_press() -> None:
    page = Page(said_html(ANSWER.text, ANSWER.citations))
    assert page.text == f"{HOLD.quote}1{ONCE.quote}2"
    html = html_of(ANSWER)
    assert '<q>Hold the pressure for thirty to ninety <span class="keep">seconds.<button' in html
    assert 'data-cite="1" aria-expanded="false" aria-label="Passage 1: How long to press"' in html


def test_an_answer_that_is_not_sure_says_so_before_its_quotes() -> None:
    unsure = Page(html_of(ANSWER.model_copy(update={"confidence": 0.3}))).text
    assert unsure.index("may not answer this") < unsure.index(HOLD.quote)
    assert "may not answer" not in html_of(ANSWER)
    assert "may not answer" not in html_of(NOT_COVERED)


@pytest.mark.parametrize("text", ["{0}\n{1}", "{0} [1]\n{1} [2]", "In short: {0} And: {1}", "nothing of it", "[9] {0}"])
def test_every_citation_gets_its_number_once_however_the_text_is_written(text: str) -> None:
    html = said_html(text.format(HOLD.quote, ONCE.quote), ANSWER.citations)
    assert re.findall(r'data-cite="(\d+)"', html) == ["1", "2"]


def test_a_quote_over_two_lines_is_found_in_the_text_on_one() -> None:
    broken = citation("Stop when the muscle softens. Once a day", ("x",))
    broken = broken.model_copy(update={"quote": broken.quote.replace(". ", ".\n")})
    assert '<q>Stop when the muscle softens. Once a <span class="keep">day<button' in said_html(
        "Stop when the muscle softens. Once a day [1]", (broken,)
    )


def test_a_passage_opens_with_the_quote_marked_where_it_stands() -> None:
    html = html_of(ANSWER)
    passage = re.search(r'<template data-passage="1">(.*?)</template>', html, re.S)
    assert passage
    page = Page(passage[1])
    assert page.marked == HOLD.quote
    assert "Find the tender spot" in page.text
    assert "Stop when the muscle softens." in page.text  # the block below
    assert "Lie on your front." not in page.text
    assert HOLD.url in page.hrefs


def test_further_quotes_are_folded_and_named() -> None:
    assert '<details class="further"><summary>More from the guide' in html_of(ANSWER)
    nearest = html_of(NOT_COVERED)
    assert '<details class="further"><summary>The nearest the guide comes' in nearest
    assert 'data-passage="f1"' in nearest
    assert nearest.count("data-ask") == 2


@pytest.mark.parametrize("answer", [EMERGENCY, URGENT, PROFESSIONAL])
def test_a_referral_shows_no_word_of_the_guide(answer: Answer) -> None:
    html = html_of(answer)
    assert "data-cite" not in html
    assert "<template" not in html
    assert answer.triage.message.partition(".")[0] in html
    assert f'class="card {answer.triage.tier}"' in html
    assert html.count('href="tel:') == {"emergency": 2, "urgent": 1, "professional": 0}[answer.triage.tier]


def test_the_numbers_of_a_referral_can_be_pressed() -> None:
    text = (
        "Call 112, 911 or 999, now. UK 0808 2000 247, US 1-800-799-7233; 116 123. Within 24 to 48 hours, 1.300 times."
    )
    html = html_of(referral("urgent", f"{text}\nYou wrote: “since 2019, 555 <b>”."))
    assert re.findall(r'href="tel:(\d+)"', html) == ["112", "911", "999", "08082000247", "18007997233", "116123"]
    assert "“since 2019, 555 &lt;b&gt;”" in html


def test_a_referral_is_told_in_short_lines() -> None:
    text = "Go now. You wrote: “it hurts. A lot. Really”. Stop: do not press. ¿No? Call 112.\nI cannot examine you."
    lines = re.findall(r'<p dir="auto">(.*?)</p>', html_of(referral("emergency", text)))
    assert [Page(line).text for line in lines] == [
        "Go now.",
        "You wrote: “it hurts. A lot. Really”.",
        "Stop: do not press.",
        "¿No?",
        "Call 112.",
        "I cannot examine you.",
    ]


def test_in_an_emergency_the_number_comes_first() -> None:
    html = html_of(EMERGENCY)
    assert html.index("tel:112") < html.index("bladder")


def test_hostile_words_are_shown_as_text() -> None:
    answer = Answer(
        kind="not_covered", text=HOSTILE, suggestions=(HOSTILE,),
        further=(HOLD.model_copy(update={"quote": HOSTILE, "headings": (HOSTILE,), "document_id": HOSTILE}),),
        receipt=RECEIPT,
    )  # fmt: skip
    page = Page(html_of(answer))
    assert "img" not in page.tags
    assert page.text.count("<img src=x onerror=alert(1)> **b** $$x^2$$ `{{y}}` ${z} \u202eevil\ufffd </template>") >= 3


@given(
    st.text(
        max_size=80,
        alphabet=st.characters(codec="utf-8", exclude_characters="\x1c\x1d\x1e\x1f\x0b\x0c\x85\u2028\u2029"),
    )
)
def test_any_text_is_shown_as_it_is(text: str) -> None:
    page = Page(said_html(text, ()))
    expected = "".join("\ufffd" if (ord(c) < 32 and c not in "\t\n\r") or ord(c) == 127 else c for c in text)
    assert re.sub(r"\s", "", page.text) == re.sub(r"\s", "", expected)


def test_where_there_are_several_guides_each_source_names_its_own() -> None:
    several = {**DOCUMENTS, "other": GUIDE.model_copy(update={"id": "other", "title": "Another guide"})}
    assert "<span>The hip guide</span>" in reply(ANSWER, several, NUMBERS)["html"]
    assert "<span>The hip guide</span>" not in html_of(ANSWER)


def test_a_quote_from_a_paged_file_says_its_page_wherever_it_is_named() -> None:
    paged = ANSWER.model_copy(
        update={"citations": tuple(one.model_copy(update={"page": 3}) for one in ANSWER.citations), "further": ()}
    )
    html = html_of(paged)
    assert "<span>page 3</span>" in html
    assert 'aria-label="Passage 1: How long to press, page 3"' in html
    assert "page 3" not in html_of(ANSWER)


def test_a_copied_answer_carries_its_sources() -> None:
    text = copy_text(ANSWER)
    assert text.startswith(ANSWER.text + "\n\nSources\n[1] The hip guide")
    assert f"How long to press\n    {HOLD.url}" in text
    assert copy_text(SMALLTALK) == SMALLTALK.text


@pytest.mark.parametrize(
    ("turn", "said"),
    [
        ({"question": " \n"}, "Please type a question first."),
        ({"question": "x" * 101}, "101 characters"),
        ({"question": "x", "history": [{"role": "user", "content": "x"}] * 3}, "too long to follow"),
        ({"question": 7}, "could not be read"),
        ({"question": "x", "history": [{"role": "system", "content": "x"}]}, "could not be read"),
        ("x", "could not be read"),
        (None, "could not be read"),
    ],
)
def test_what_cannot_be_asked_is_told_kindly(turn: Any, said: str) -> None:
    assistant = FakeAssistant()
    shown = take_turn(assistant, Settings(max_question_chars=100, max_history_turns=2), turn)
    assert shown["kind"] == "problem"
    assert said in shown["html"]


def test_what_is_too_long_to_answer_is_still_referred() -> None:
    settings = Settings(max_question_chars=100, max_history_turns=2, emergency_numbers=("112",))
    told = {"role": "user", "content": "x"}
    for turn in ({"question": "emergency " + "x" * 200}, {"question": "emergency", "history": [told] * 5}):
        assert take_turn(FakeAssistant(), settings, turn)["kind"] == "referral"
    assert "112" in take_turn(FakeAssistant(), settings, {"question": "y" * 200})["html"]


def test_a_fault_still_says_what_to_do_in_an_emergency() -> None:
    shown = take_turn(FakeAssistant(), Settings(emergency_numbers=("112",)), {"question": "explode"})
    assert shown["kind"] == "problem"
    assert "call your local emergency number (112)" in shown["html"]
    assert "fault" not in shown["html"]


def test_the_whole_conversation_is_sent_along() -> None:
    assistant = FakeAssistant()
    history = [{"role": "user", "content": "press"}, {"role": "assistant", "content": ANSWER.text}]
    take_turn(assistant, Settings(), {"question": "why?", "history": history})
    assert [(asked, [turn.model_dump() for turn in told]) for asked, told in assistant.asked] == [("why?", history)]


def test_the_window_is_named_after_the_guide() -> None:
    assert chat_title(DOCUMENTS) == ("The hip guide", "Why it aches and how to let go")
    assert chat_title({}) == ("Ask the guides", "")
    shell = shell_html(FakeAssistant(), Settings())
    Page(shell)
    assert "How long should I press?" in shell
    assert "not medical advice" in shell


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "pt", "it"])
def test_a_referral_card_speaks_the_language_of_its_message(language: str) -> None:
    triage = Triage(tier="emergency", reasons=("r",), message="…", language=language)
    answer = Answer(kind="referral", text="…", triage=triage, receipt=Receipt(bundle_id="b", rules_version="r"))
    html = reply(answer, {}, ("112",))["html"]
    words = referral_words(language)
    assert f'lang="{language}"' in html
    assert all(escape(words[name]) in html for name in ("emergency", "call"))
    assert (words == referral_words("en")) == (language == "en")


def test_a_referral_in_a_language_without_titles_has_english_ones() -> None:
    assert referral_words("eo") == referral_words("en")
