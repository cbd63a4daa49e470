"""The chat window and the guide in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from wellcited.datatypes import Message

from .conftest import Open, Running
from .fakes import EMERGENCY, HOLD, PROFESSIONAL

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>x</b> **y** $$z^2$$ {{w}} ${v} 🦵 \u202eabc \u0628"


def ask(page: Page, question: str) -> None:
    before = page.locator(".reply").count()
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_count(before + 1)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.className || document.activeElement.id"))


def overflow(page: Page) -> int:
    return int(page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth"))


def test_a_conversation_from_the_first_question_to_a_new_one(open_page: Open, server: Running) -> None:
    page = open_page()
    expect(page).to_have_title("The hip guide")
    expect(page.get_by_role("heading", level=1)).to_have_text("The hip guide")

    page.get_by_role("button", name="How long should I press?").click()
    reply = page.locator(".reply").last
    expect(reply.locator("q").first).to_contain_text(HOLD.quote)
    expect(page.locator(".welcome")).to_be_hidden()

    page.get_by_role("button", name="Passage 1: How long to press").click()
    panel = page.get_by_role("dialog", name="Passage of the guide")
    expect(panel.locator("mark")).to_have_text(HOLD.quote)
    expect(panel).to_contain_text("Find the tender spot and rest on it.")
    expect(panel.get_by_role("link", name="Open in the guide")).to_have_attribute("href", HOLD.url)

    ask(page, "And why?")
    expect(panel).to_be_hidden()
    question, history = server.assistant.asked[-1]
    assert question == "And why?"
    said = [Message.model_validate(message) for message in history]
    assert [message.role for message in said] == ["user", "assistant"]
    assert said[0].content == "How long should I press?"
    expect(page.locator(".reply").last.locator("q")).to_contain_text("Sitting for eight hours")

    page.reload()
    page.wait_for_selector("gradio-app .wc")
    expect(page.locator(".reply")).to_have_count(2)

    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".turn")).to_have_count(0)
    expect(page.locator(".welcome")).to_be_visible()
    ask(page, "why now?")
    assert server.assistant.asked[-1] == ("why now?", [])


def test_an_emergency_is_a_number_to_call_and_no_passage(open_page: Open) -> None:
    page = open_page()
    ask(page, "I lost control of my bladder")
    card = page.get_by_role("region", name="This may be an emergency")
    expect(card).to_contain_text(EMERGENCY.text)
    expect(card.get_by_role("link", name="Call 112")).to_have_attribute("href", "tel:112")
    expect(page.locator("[data-cite], .reply details, .reply q")).to_have_count(0)

    ask(page, "It wakes me at night")
    expect(page.get_by_role("region", name="This is one for a professional")).to_contain_text(PROFESSIONAL.text)
    expect(page.locator(".card.professional a")).to_have_count(0)


def test_where_the_guide_is_silent_it_says_so_and_offers_what_it_covers(open_page: Open) -> None:
    page = open_page()
    ask(page, "What does a flight to the moon cost?")
    reply = page.locator(".reply").last
    expect(reply).to_contain_text("The guide does not say")
    expect(reply.locator("blockquote")).to_be_hidden()
    reply.get_by_text("The nearest the guide comes").click()
    expect(reply.locator("blockquote")).to_be_visible()
    reply.get_by_role("button", name="Passage: What helps tight hip flexors").click()
    expect(page.get_by_role("dialog").locator("mark")).to_contain_text("The motto")
    reply.get_by_role("button", name="How long should I press?").click()
    expect(page.locator(".reply").last.locator("q").first).to_contain_text(HOLD.quote)


def test_everything_can_be_done_with_the_keyboard(open_page: Open) -> None:
    page = open_page()
    assert focused(page) == "wc-question"
    page.keyboard.type("How long")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("should I press?")
    assert page.get_by_label("Your question").input_value() == "How long\nshould I press?"
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_count(1)
    assert focused(page) == "wc-question"

    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if focused(page) == "number":
            break
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    number = page.evaluate("document.activeElement.dataset.cite")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert focused(page) == "panel"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.hasAttribute('data-close')")
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.cite") == number


def test_what_cannot_be_asked_is_told_where_it_is_typed(open_page: Open, server: Running) -> None:
    page = open_page()
    before = len(server.assistant.asked)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Please type a question first.")
    page.get_by_label("Your question").fill("x" * 301)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("301 characters")
    assert page.get_by_label("Your question").input_value() == "x" * 301
    assert len(server.assistant.asked) == before

    ask(page, "explode")
    expect(page.locator(".reply").last).to_contain_text("Something went wrong")
    assert page.get_by_label("Your question").input_value() == "explode"


def test_a_long_conversation_ends_with_an_offer_to_begin_anew(open_page: Open) -> None:
    page = open_page()
    for _ in range(6):
        ask(page, "press")
    reply = page.locator(".reply").last
    expect(reply).to_contain_text("too long to follow")
    reply.get_by_role("button", name="Start a new conversation").click()
    expect(page.locator(".turn")).to_have_count(0)


def test_a_server_that_cannot_be_reached_loses_no_question(open_page: Open) -> None:
    page = open_page()
    page.route("**/component_server*/**", lambda route: route.fulfill(json={}))
    ask(page, "How long should I press?")
    expect(page.locator(".reply")).to_contain_text("could not be reached")
    page.unroute_all()
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".reply q").first).to_contain_text(HOLD.quote)


def test_asking_again_keeps_the_next_question_and_the_place(open_page: Open, server: Running) -> None:
    page = open_page()
    page.route("**/component_server*/**", lambda route: route.fulfill(json={}))
    ask(page, "How long should I press?")
    note = page.locator(".reply.problem")
    calls = page.locator(".fine .emergency-calls")
    assert note.locator(".emergency-calls").inner_html() == calls.inner_html()
    page.get_by_label("Your question").fill("and then")
    page.unroute_all()
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".reply q").first).to_contain_text(HOLD.quote)
    assert server.assistant.asked[-1] == ("How long should I press?", [])
    assert page.get_by_label("Your question").input_value() == "and then"
    assert focused(page) == "wc-question"


def test_a_server_that_never_answers_holds_up_nothing(open_page: Open) -> None:
    page = open_page()
    held: list[Route] = []
    holding = [True, False, True, False]  # which of the four questions the server leaves without an answer
    page.route("**/component_server*/**", lambda route: held.append(route) if holding.pop(0) else route.continue_())
    page.get_by_label("Your question").fill("How long should I press?")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Looking in the guide…")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".status")).to_be_empty()
    ask(page, "Why does sitting matter?")
    with page.expect_response("**/component_server*/**"):
        held[0].continue_()  # the answer to a question of the conversation before
    expect(page.locator(".reply")).to_have_count(1)
    expect(page.locator(".reply q")).to_contain_text("Sitting for eight hours")

    page.locator(".wc").evaluate("shell => (shell.dataset.patience = 1)")  # second
    ask(page, "press")
    expect(page.locator(".reply").last).to_contain_text("could not be reached")
    page.locator(".wc").evaluate("shell => (shell.dataset.patience = 20)")
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator(".reply").last.locator("q").first).to_contain_text(HOLD.quote)


def test_whatever_is_typed_is_shown_as_text(open_page: Open) -> None:
    page = open_page()
    ask(page, HOSTILE)
    words = page.locator(".asked .words")
    assert words.text_content() == HOSTILE
    assert words.locator("*").count() == 0
    expect(page).to_have_title("The hip guide")
    ask(page, "Why does sitting matter?")
    page.locator(".reply").last.locator(".number").click()
    expect(page.get_by_role("dialog")).to_contain_text("<script>alert('guide')</script>")


def test_an_answer_can_be_copied_with_its_sources(open_page: Open, server: Running) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, "How long should I press?")
    page.get_by_role("button", name="Copy with sources").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f"{HOLD.quote} [1]" in copied
    assert f"{server.url}{HOLD.url}" in copied


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_small_screen(open_page: Open, width: int) -> None:
    page = open_page(width=width, height=740)
    assert overflow(page) == 0
    for question in ("x" * 290, "How long should I press?", "I lost control of my bladder", "the moon?"):
        ask(page, question)
        assert overflow(page) == 0
        assert page.evaluate(
            "[...document.querySelectorAll('.talk *')].every(e => e.getBoundingClientRect().right <= innerWidth + 1)"
        )
    page.locator(".number").first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_be_visible()
    box = panel.bounding_box()
    assert box
    assert box["y"] + box["height"] == pytest.approx(740, abs=1)  # a sheet from the bottom
    assert overflow(page) == 0
    assert page.evaluate("document.querySelector('.composer').inert")
    page.mouse.click(width / 2, 20)  # beside the sheet
    expect(page.locator(".panel")).to_be_hidden()
    guide = open_page("/guide/hip-guide", width=width, height=740)
    assert overflow(guide) == 0


@pytest.mark.parametrize(("width", "height"), [(360, 640), (320, 256), (640, 400)])
def test_a_small_screen_opens_at_the_heading_and_has_room_for_an_answer(
    open_page: Open, width: int, height: int
) -> None:
    page = open_page(width=width, height=height)
    assert page.evaluate("[document.querySelector('.wc').scrollTop, document.querySelector('.talk').scrollTop]") == [
        0,
        0,
    ]
    expect(page.locator(".tagline")).to_be_in_viewport()
    ask(page, "How long should I press?")
    expect(page.locator(".asked .words")).to_be_in_viewport()
    expect(page.get_by_label("Your question")).to_be_in_viewport()
    free = page.evaluate(
        "document.querySelector('.composer').getBoundingClientRect().top"
        " - Math.max(0, document.querySelector('.talk').getBoundingClientRect().top)"
    )
    assert free > 0.55 * height
    assert overflow(page) == 0


def test_a_tablet_that_is_turned_keeps_its_passage_within_reach(open_page: Open) -> None:
    page = open_page(width=1180, height=820)
    ask(page, "How long should I press?")
    page.locator(".number").first.click()
    panel = page.locator(".panel")
    parts = "['.bar', '.talk', '.composer', '.fine'].map(part => document.querySelector(part).inert)"
    assert page.evaluate(parts) == [False] * 4
    page.get_by_label("Your question").focus()
    page.set_viewport_size({"width": 820, "height": 1180})
    expect(panel).to_have_attribute("aria-modal", "true")
    assert page.evaluate(parts) == [True] * 4
    assert focused(page) == "panel"
    page.set_viewport_size({"width": 1180, "height": 820})
    expect(panel).not_to_have_attribute("aria-modal", "true")
    assert page.evaluate(parts) == [False] * 4
    expect(page.locator(".veil")).to_be_hidden()


def test_it_follows_the_system_into_the_dark_and_back_by_hand(open_page: Open) -> None:
    page = open_page(color_scheme="dark")
    paper = "getComputedStyle(document.querySelector('.wc')).backgroundColor"
    assert page.evaluate(paper) == "rgb(20, 24, 22)"
    toggle = page.get_by_role("button", name="Dark colours")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    assert page.evaluate(paper) == "rgb(251, 249, 244)"
    page.goto(page.url + "guide/hip-guide")  # the choice holds for the guide too
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 249, 244)"


def test_a_reader_of_screens_is_told(open_page: Open) -> None:
    page = open_page()
    ask(page, "How long should I press?")
    log = page.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    expect(log.get_by_role("heading", name="You asked")).to_have_count(1)
    expect(log.get_by_role("heading", name="The guide")).to_have_count(1)
    unnamed = page.evaluate(
        "[...document.querySelectorAll('.wc button, .wc a')].filter(e => !(e.ariaLabel || e.textContent.trim())).length"
    )
    assert unnamed == 0
    small = page.evaluate(
        "[...document.querySelectorAll('.wc button')].filter(e => e.checkVisibility())"
        ".filter(e => e.getBoundingClientRect().height < 24).map(e => e.outerHTML)"
    )
    assert small == []  # WCAG 2.2, 2.5.8
    for link in page.locator(".fine a").all():
        box = link.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 24
    assert page.locator("gradio-app footer:visible").count() == 0
    assert not re.search("gradio", page.locator("body").inner_text(), re.I)


def test_the_guide_opens_at_the_quote(open_page: Open) -> None:
    page = open_page(HOLD.url, height=300)
    mark = page.locator("mark#cite")
    expect(mark).to_have_text(HOLD.quote)
    expect(mark).to_be_in_viewport()
    assert page.evaluate("scrollY") > 0
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="What not to do & why").click()
    assert page.url.endswith("#what-not-to-do-why")


def test_the_guide_needs_no_script(open_page: Open) -> None:
    page = open_page("/guide/hip-guide#how-long-to-press", java_script_enabled=False, width=360)
    expect(page.get_by_role("heading", name="How long to press")).to_be_in_viewport()
    contents = page.get_by_role("navigation", name="Contents")
    contents.get_by_text("Contents").click()
    expect(contents.get_by_role("link").first).to_be_visible()
