"""A reader asks in the widget, on a page of another site with a strict policy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from web.fakes import ANSWER, EMERGENCY, FOLLOW_UP, HOLD, MOTTO, ONCE, PROFESSIONAL, URGENT
from wellcited.datatypes import Message

from .conftest import TEXT, Go, Served, Site

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 780, "has_touch": True, "is_mobile": True}
SMALL = {"width": 320, "height": 568, "has_touch": True, "is_mobile": True}
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE, SMALL], ids=["desktop", "phone", "small phone"])


def strict(served: Served) -> str:
    return f"default-src 'none'; script-src {served.url}; connect-src {served.url}; style-src 'none'"


@SIZES
def test_a_conversation_on_a_page_with_a_strict_policy(
    visit: Go, served: Served, site: Site, size: dict[str, Any]
) -> None:
    there = visit(policy=strict(served), **size)
    there.open()
    expect(there.frame.get_by_role("heading", name="The hip guide")).to_be_visible()
    there.frame.get_by_role("button", name="How long should I press?").click()
    reply = there.replies.last
    expect(reply.locator(".said")).to_have_text(f"{HOLD.quote}1{ONCE.quote}2")

    number = reply.get_by_role("link", name="Source 1: How long to press (opens in a new tab)")
    expect(number).to_have_attribute("href", served.url + HOLD.url)
    expect(number).to_have_attribute("target", "_blank")
    place = reply.locator("details").first
    expect(place.locator("blockquote").first).to_be_hidden()
    place.locator("summary").click()
    expect(place.locator("blockquote")).to_have_text([HOLD.quote, ONCE.quote])
    expect(place.get_by_role("link", name="Open in the guide").first).to_have_attribute("href", served.url + HOLD.url)
    expect(reply.get_by_text("More from the guide (1)")).to_be_visible()
    expect(reply.get_by_text(MOTTO.quote)).to_be_hidden()

    expect(there.ask("And why?").locator(".said")).to_contain_text(FOLLOW_UP.citations[0].quote)
    question, history = served.assistant.asked[-1]
    said = [Message.model_validate(message) for message in history]
    assert question == "And why?"
    assert [(message.role, message.content) for message in said] == [
        ("user", "How long should I press?"),
        ("assistant", ANSWER.text),
    ]

    there.frame.get_by_role("button", name="New conversation").click()
    expect(there.frame.locator(".turn")).to_have_count(0)
    expect(there.frame.locator(".greeting")).to_be_visible()
    there.ask("Why does sitting matter?")
    assert served.assistant.asked[-1] == ("Why does sitting matter?", [])

    there.frame.get_by_role("button", name="Close").click()
    expect(there.frame).to_be_hidden()
    expect(there.chat.locator(".launcher")).to_be_visible()
    there.open()
    expect(there.replies).to_have_count(1)  # closing ends no conversation


@SIZES
def test_an_emergency_is_a_card_with_numbers_to_call_and_no_passage(visit: Go, size: dict[str, Any]) -> None:
    there = visit(**size)
    there.open()
    reply = there.ask("I lost control of my bladder")
    card = reply.get_by_role("region", name="This may be an emergency")
    for number in ("112", "911", "999"):
        call = card.get_by_role("link", name=f"Call {number}")
        expect(call).to_have_attribute("href", f"tel:{number}")
        expect(call).to_be_in_viewport()
    assert card.locator(".message p").all_inner_texts() == re.split(r"(?<=\.) ", EMERGENCY.text)
    expect(reply.locator("details, .number, .said, .copy")).to_have_count(0)
    first = reply.evaluate("reply => reply.firstElementChild.matches('.card')")
    assert first, "nothing stands before the card"

    there.ask("It is hot and I have a fever")
    card = there.frame.get_by_role("region", name="Please have this checked today")
    expect(card).to_contain_text("“fever since 112”")
    expect(card.get_by_role("link")).to_have_count(1)  # the number to call, not the one in the reader's own words
    assert URGENT.text.endswith("call 112.")
    there.ask("It wakes me at night")
    card = there.frame.get_by_role("region", name="This is one for a professional")
    expect(card).to_contain_text(PROFESSIONAL.text)
    expect(card.get_by_role("link")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "title", "call"),
    [("es", "Puede ser una emergencia", "Llame al"), ("de", "Das kann ein Notfall sein", "Anrufen:")],
)
def test_a_referral_speaks_the_language_of_its_message(visit: Go, language: str, title: str, call: str) -> None:
    there = visit('data-lang="en"')
    there.open()
    answer = EMERGENCY.model_copy(update={"triage": EMERGENCY.triage.model_copy(update={"language": language})})
    there.answer_with(200, answer.model_dump(mode="json"))
    card = there.ask("me duele").locator(".card")
    expect(card).to_have_attribute("lang", language)
    expect(card.get_by_role("heading", name=title)).to_be_visible()
    expect(card.get_by_role("link", name=f"{call} 112")).to_be_visible()


def test_numbers_of_every_kind_can_be_dialled(visit: Go) -> None:
    there = visit()
    there.open()
    text = "Call 116 123, 0808 2000 247 or 1-800-799-7233. Within 24 to 48 hours, in 2026-11-23, 1.112 or A112: no."
    answer = URGENT.model_copy(update={"text": text})
    there.answer_with(200, answer.model_dump(mode="json"))
    links = there.ask("help").locator(".card a")
    assert [link.get_attribute("href") for link in links.all()] == ["tel:116123", "tel:08082000247", "tel:18007997233"]
    assert [link.inner_text() for link in links.all()] == ["116 123", "0808 2000 247", "1-800-799-7233"]
    assert "".join(there.replies.last.locator(".message p").all_inner_texts()) == text.replace(". W", ".W")


@SIZES
def test_where_the_guide_is_silent_it_says_so_and_offers_what_it_covers(visit: Go, size: dict[str, Any]) -> None:
    there = visit(**size)
    there.open()
    reply = there.ask("What does a flight to the moon cost?")
    expect(reply.locator(".own")).to_have_text("The guide does not say anything about that.")
    expect(reply.locator("blockquote")).to_be_hidden()
    reply.get_by_text("The nearest the guide comes (1)").click()
    expect(reply.locator("blockquote")).to_have_text(MOTTO.quote)
    expect(reply.get_by_text("The guide does cover")).to_be_visible()
    reply.get_by_role("button", name="How long should I press?").click()
    expect(there.replies).to_have_count(2)
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)


def test_an_answer_that_is_not_sure_says_so_first(visit: Go) -> None:
    there = visit()
    there.open()
    there.answer_with(200, ANSWER.model_copy(update={"confidence": 0.49}).model_dump(mode="json"))
    reply = there.ask("How long should I press?")
    expect(reply.locator(".own")).to_have_text("The guide may not answer this. The nearest it says:")
    there.answer_with(200, ANSWER.model_copy(update={"confidence": 0.51}).model_dump(mode="json"))
    expect(there.ask("How long should I press?").locator(".own")).to_have_count(0)


def test_numbers_stand_where_the_answer_has_them_and_every_citation_has_one(visit: Go) -> None:
    there = visit()
    there.open()
    answer = ANSWER.model_dump(mode="json")
    answer["text"] = f"{HOLD.quote} [1] And [7] more."
    there.answer_with(200, answer)
    said = there.ask("press").locator(".said")
    expect(said).to_have_text(f"{HOLD.quote}1 And [7] more.2")
    assert [link.inner_text() for link in said.locator("a.number").all()] == ["1", "2"]
    answer["text"] = HOLD.quote
    there.answer_with(200, answer)
    said = there.ask("press").locator(".said")
    expect(said).to_have_text(f"{HOLD.quote}12")


def test_a_publishers_own_page_is_where_a_number_leads_if_the_server_names_it(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    answer = ANSWER.model_dump(mode="json")
    answer["citations"][0]["source_url"] = "https://publisher.example/guide#:~:text=Hold%20the%20pressure"
    answer["citations"][1]["source_url"] = "javascript:alert(1)"
    there.answer_with(200, answer)
    links = there.ask("press").locator(".said a.number")
    expect(links.nth(0)).to_have_attribute("href", answer["citations"][0]["source_url"])
    expect(links.nth(1)).to_have_attribute("href", served.url + ONCE.url)


def test_a_citation_opens_the_guide_at_its_passage(visit: Go) -> None:
    there = visit()
    there.open()
    reply = there.ask("How long should I press?")
    with there.context.expect_page() as opened:
        reply.locator("a.number").first.click()
    expect(opened.value.locator("mark#cite")).to_have_text(HOLD.quote)
    expect(opened.value.locator("mark#cite")).to_be_in_viewport()


def test_an_answer_is_copied_with_its_sources(visit: Go, served: Served) -> None:
    there = visit(permissions=["clipboard-read", "clipboard-write"])
    there.open()
    there.ask("How long should I press?").get_by_role("button", name="Copy with sources").click()
    expect(there.replies.last.get_by_role("button", name="Copied")).to_be_visible()
    copied = there.page.evaluate("navigator.clipboard.readText()")
    assert f"{HOLD.quote} [1]" in copied
    assert f"[1] {HOLD.title} › What helps tight hip flexors › How long to press\n    {served.url}{HOLD.url}" in copied


def test_without_a_clipboard_copying_still_works(visit: Go) -> None:
    there = visit()
    there.page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    there.open()
    there.page.evaluate("document.addEventListener('copy', () => (window.got = getSelection().toString()), true)")
    there.ask("How long should I press?").get_by_role("button", name="Copy with sources").click()
    expect(there.replies.last.get_by_role("button", name="Copied")).to_be_visible()
    assert there.focused() == "copy"


def test_everything_can_be_done_with_the_keyboard(visit: Go) -> None:
    there = visit(body='<a href="#x" id="before">A link of the page</a>' + TEXT)
    page = there.page
    page.locator("#before").focus()
    page.keyboard.press("Tab")
    assert there.focused() == "launcher"
    assert page.evaluate(
        "getComputedStyle(document.querySelector('wellcited-chat').shadowRoot.activeElement).outlineStyle"
    ) == ("solid")
    page.keyboard.press("Enter")
    expect(there.frame).to_be_visible()
    expect(there.frame).to_have_attribute("aria-labelledby", "title")
    assert there.focused() == "input"
    page.keyboard.type("How long")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("should I press?")
    expect(there.field).to_have_value("How long\nshould I press?")
    page.keyboard.press("Enter")
    expect(there.replies).to_have_count(1)
    assert there.focused() == "input"

    order = []
    there.frame.locator(".close").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        order.append(there.focused())
        if order[-1] == "send":
            break
        outline = "getComputedStyle(document.querySelector('wellcited-chat').shadowRoot.activeElement).outlineStyle"
        assert order[-1] == "input" or page.evaluate(outline) == "solid", order
    assert order == [
        "log", "citation", "citation", "summary", "summary", "copy", "suggestion", "input", "send",
    ]  # fmt: skip
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Escape")
    expect(there.frame).to_be_hidden()
    assert there.focused() == "launcher"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.id") == "before"


def test_the_focus_goes_back_to_where_it_was(visit: Go) -> None:
    there = visit(body='<button id="mine">Ask</button>' + TEXT)
    there.page.evaluate("() => { document.getElementById('mine').onclick = () => window.wellcited.open(); }")
    there.page.locator("#mine").focus()
    there.page.keyboard.press("Enter")
    expect(there.frame).to_be_visible()
    assert there.focused() == "input"
    there.page.keyboard.press("Escape")
    expect(there.frame).to_be_hidden()
    assert there.page.evaluate("document.activeElement.id") == "mine"

    there.page.evaluate("window.wellcited.open()")
    expect(there.frame).to_be_visible()
    there.page.locator("#mine").focus()  # the reader went on in the page
    there.page.evaluate("window.wellcited.close()")
    expect(there.frame).to_be_hidden()
    assert there.page.evaluate("document.activeElement.id") == "mine"


def test_on_a_phone_the_page_behind_is_out_of_reach_and_the_keyboard_stays_away(visit: Go) -> None:
    there = visit(body='<a href="#x" id="before">A link of the page</a>' + TEXT, **PHONE)
    there.open()
    assert there.frame.evaluate("frame => frame.matches(':modal')")
    box = there.frame.bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 780}
    assert there.focused() == "log"  # not the field: it would call up the keyboard
    seen = set()
    for _ in range(20):
        there.page.keyboard.press("Tab")
        seen.add(there.page.evaluate("document.activeElement.tagName"))
    assert "A" not in seen
    there.page.keyboard.press("Escape")
    expect(there.frame).to_be_hidden()
    assert there.focused() == "launcher"


def test_a_window_that_becomes_narrow_while_the_chat_is_open_keeps_everything(visit: Go) -> None:
    there = visit()
    there.open()
    there.ask("How long should I press?")
    there.field.fill("a draft")
    there.page.set_viewport_size({"width": 400, "height": 700})
    expect(there.frame).to_have_class(re.compile("sheet"))
    assert there.frame.evaluate("frame => frame.matches(':modal')")
    assert there.focused() == "input"
    there.page.set_viewport_size({"width": 1280, "height": 800})
    expect(there.frame).not_to_have_class(re.compile("sheet"))
    assert not there.frame.evaluate("frame => frame.matches(':modal')")
    expect(there.field).to_have_value("a draft")
    expect(there.replies).to_have_count(1)
    assert there.focused() == "input"


def test_the_sheet_stays_above_the_keyboard_of_a_phone(visit: Go) -> None:
    there = visit(**PHONE)
    there.open()
    there.page.evaluate(
        """() => {
          const fake = { height: 400, offsetTop: 60, scale: 1 };
          for (const name in fake) {
            Object.defineProperty(visualViewport, name, { get: () => fake[name], configurable: true });
          }
          visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    assert there.frame.bounding_box() == {"x": 0, "y": 60, "width": 390, "height": 400}
    expect(there.field).to_be_in_viewport()
    there.page.evaluate(
        """() => {
          Object.defineProperty(visualViewport, "scale", { get: () => 2 });
          visualViewport.dispatchEvent(new Event("resize"));
        }"""
    )
    box = there.frame.bounding_box()
    assert box
    assert box["height"] == 780  # zoomed in by hand, the sheet stays as it is


def test_one_question_at_a_time_and_none_that_is_empty(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    asked = len(served.assistant.asked)
    there.field.press("Enter")
    expect(there.frame.get_by_role("alert")).to_have_text("Please type a question first.")
    there.field.fill("   ")
    there.frame.get_by_role("button", name="Ask", exact=True).click()
    assert len(served.assistant.asked) == asked

    held: list[Route] = []
    there.context.route("**/api/ask", lambda route: held.append(route))
    there.field.fill("How long should I press?")
    there.field.press("Enter")
    there.field.fill("and a second one")
    there.field.press("Enter")
    expect(there.frame.locator(".turn")).to_have_count(1)
    expect(there.field).to_have_value("and a second one")  # a draft, until the first is answered
    there.page.wait_for_timeout(50)
    assert len(held) == 1
    held[0].continue_()
    expect(there.replies).to_have_count(1)
    expect(there.field).to_have_value("and a second one")


@pytest.mark.parametrize("way", ["close", "restart"])
def test_a_question_under_way_ends_with_the_chat(visit: Go, way: str) -> None:
    there = visit()
    there.open()
    there.context.route("**/api/ask", lambda route: None)
    failed: list[str] = []
    there.page.on("requestfailed", lambda request: failed.append(request.url))
    there.field.fill("How long should I press?")
    there.field.press("Enter")
    expect(there.frame.get_by_role("status")).to_have_text("Looking in the guide…")
    there.page.evaluate(f"window.wellcited.{way}()")
    expect(there.frame.locator(".turn")).to_have_count(0)
    there.page.wait_for_timeout(100)
    assert [url for url in failed if url.endswith("/api/ask")] != []
    if way == "close":
        there.open()
        expect(there.field).to_have_value("How long should I press?")  # nothing written is lost
    there.context.unroute("**/api/ask")
    expect(there.ask("Why does sitting matter?").locator(".said")).to_be_visible()


def test_waiting_is_shown_only_where_one_waits(visit: Go) -> None:
    there = visit()
    there.open()
    there.page.evaluate(
        """() => {
          window.told = [];
          const status = document.querySelector("wellcited-chat").shadowRoot.querySelector("[role=status]");
          new MutationObserver(() => window.told.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    there.ask("How long should I press?")
    assert [line for line in there.page.evaluate("window.told") if line] == []


def test_a_long_conversation_is_cut_to_what_the_server_takes(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    for number in range(45):
        question = "I lost control of my bladder" if number == 0 else f"press {number}"
        there.ask(question)
    _, history = served.assistant.asked[-1]
    assert len(history) == 40
    said = [Message.model_validate(message) for message in history]
    # Earlier answers went first, then questions; the referred one still counts and stays.
    assert said[0].content == "I lost control of my bladder"
    assert sum(message.role == "user" for message in said) == 40
    assert said[-1].content == "press 43"


def test_a_conversation_of_long_words_is_cut_by_its_bytes(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    for number in range(6):
        there.ask(f"press {number} " + "ü" * 3900)
    for number in range(4):
        there.ask(f"press {number} " + "字" * 3900)
    _, history = served.assistant.asked[-1]
    assert sum(len(Message.model_validate(message).content.encode()) for message in history) <= 64 * 1024
    assert Message.model_validate(history[-1]).content.startswith("press 2")


def strings(page: Page) -> str:
    return str(page.locator("wellcited-chat .frame").inner_text())


@pytest.mark.parametrize(
    ("data", "root", "words"),
    [
        ("", "lang=en", "Ask in your own words."),
        ("", "lang=de-CH", "Fragen Sie in Ihren Worten."),
        ("", "lang=pt-BR", "Pergunte com as suas palavras."),
        ('data-lang="fr"', "lang=de", "Posez votre question avec vos mots."),
        ("", 'lang="ja"', "Ask in your own words."),
        ("", "", "Ask in your own words."),
        ("", 'lang="ES"', "Pregunte con sus propias palabras."),
        ('data-lang="it"', "", "Chieda con parole sue."),
    ],
)
def test_the_words_are_in_the_pages_language(visit: Go, data: str, root: str, words: str) -> None:
    there = visit(data, root=root)
    there.open()
    expect(there.frame).to_contain_text(words)
