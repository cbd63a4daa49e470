"""What a reader is told when the server is slow, gone, busy, not ready or refuses, the emergency line with it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Route, expect

from web.fakes import ANSWER, HOLD, FakeAssistant

from .conftest import Go, Served, Site, Visit, answering

pytestmark = pytest.mark.browser

NUMBERS = ["tel:112", "tel:911", "tel:999"]
NOT_LOADED = ("Failed to load resource", "net::ERR")


def numbers(place: Locator) -> list[str | None]:
    """Return where the emergency numbers that can be seen lead."""
    return [link.get_attribute("href") for link in place.locator(".calls a:visible").all()]


def problem(status: int, detail: str = "Told by the server.", **more: object) -> dict[str, object]:
    return {"type": "about:blank", "title": "x", "status": status, "detail": detail, **more}


@pytest.mark.parametrize(
    ("status", "body", "said", "detail"),
    [
        (401, problem(401), "The guide does not take questions from this site.", ""),
        (403, problem(403), "The guide does not take questions from this site.", ""),
        (413, problem(413), "This question could not be taken.", "Told by the server."),
        (422, problem(422), "This question could not be taken.", "Told by the server."),
        (422, problem(422, errors=["a shorter line"]), "This question could not be taken.", "a shorter line"),
        (500, problem(500), "Something went wrong, and there is no answer.", ""),
        (502, "<html>proxy</html>", "Something went wrong, and there is no answer.", ""),
        (503, problem(503), "The guide cannot take a question just now. Please ask again in a moment.", ""),
        (None, None, "The guide could not be reached just now.", ""),
        (200, {"kind": "answer"}, "Something went wrong, and there is no answer.", ""),
        (200, {**ANSWER.model_dump(mode="json"), "kind": "poem"}, "Something went wrong", ""),
        (200, {**ANSWER.model_dump(mode="json"), "citations": []}, "Something went wrong", ""),
        (200, {**ANSWER.model_dump(mode="json"), "suggestions": None}, "Something went wrong", ""),
        (200, [], "Something went wrong", ""),
        (204, "", "Something went wrong", ""),
    ],
)
def test_every_trouble_is_told_with_the_emergency_line_and_a_way_to_ask_again(
    visit: Go, status: int | None, body: object, said: str, detail: str
) -> None:
    there = visit(expected=NOT_LOADED)
    there.page.evaluate("addEventListener('wellcited:error', (event) => (window.error = event.detail))")
    there.open()
    there.answer_with(status or 0, body if status else None)
    reply = there.ask("How long should I press?")
    expect(reply.locator("p").first).to_contain_text(said)
    expect(reply.locator(".detail")).to_have_text([detail] if detail else [])
    assert numbers(reply) == NUMBERS
    expect(there.field).to_have_value("How long should I press?")
    told = there.page.evaluate("window.error")
    assert told["status"] == (status or 0)
    assert told["detail"]

    there.context.unroute("**/api/ask")
    reply.get_by_role("button", name="Ask again").click()
    expect(there.frame.locator(".turn")).to_have_count(1)
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)
    expect(there.field).to_have_value("")
    assert there.focused() == "input"


def test_a_rate_limit_says_when_and_holds_the_button_until_then(visit: Go) -> None:
    there = visit(expected=NOT_LOADED)
    there.open()
    there.page.clock.install()
    there.answer_with(429, problem(429), {"Retry-After": "20"})
    reply = there.ask("How long should I press?")
    expect(reply).to_contain_text("There are too many questions just now.")
    expect(reply).to_contain_text("You can ask again in 20 s.")
    assert numbers(reply) == NUMBERS
    again = reply.get_by_role("button", name="Ask again")
    expect(again).to_have_attribute("aria-disabled", "true")
    again.click(force=True)
    expect(there.frame.locator(".turn")).to_have_count(1)
    expect(reply.locator(".detail")).to_be_visible()
    there.context.unroute("**/api/ask")
    there.page.clock.fast_forward(20_500)
    expect(again).not_to_have_attribute("aria-disabled", "true")
    again.click()
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("1", "in 1 s."),
        ("0", "in 1 s."),
        ("99999", "in 3600 s."),
        ("soon", ""),
        ("", ""),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "in 1 s."),
    ],
)
def test_an_odd_retry_after_does_no_harm(visit: Go, after: str, said: str) -> None:
    there = visit(expected=NOT_LOADED)
    there.open()
    there.answer_with(429, problem(429), {"Retry-After": after} if after else {})
    reply = there.ask("How long should I press?")
    expect(reply.locator(".detail")).to_have_count(1 if said else 0)
    if said:
        expect(reply.locator(".detail")).to_contain_text(said)


def test_a_slow_server_is_told_to_be_slow_and_given_up_in_the_end(visit: Go) -> None:
    there = visit()
    there.open()
    there.page.clock.install()
    there.context.route("**/api/ask", lambda route: None)
    there.field.fill("How long should I press?")
    there.field.press("Enter")
    status = there.frame.get_by_role("status")
    there.page.clock.fast_forward(400)
    expect(status).to_have_text("Looking in the guide…")
    there.page.clock.fast_forward(7_700)
    expect(status).to_have_text("This takes longer than usual. Still looking…")
    assert numbers(there.frame) == NUMBERS
    there.page.clock.fast_forward(22_000)
    reply = there.replies.last
    expect(reply).to_contain_text("The guide did not answer in time.")
    assert numbers(reply) == NUMBERS
    expect(status).to_have_text("")


def test_a_slow_answer_that_comes_is_shown(visit: Go) -> None:
    there = visit()
    there.open()
    held: list[Route] = []
    there.context.route("**/api/ask", lambda route: held.append(route))
    there.field.fill("How long should I press?")
    there.field.press("Enter")
    expect(there.frame.get_by_role("status")).to_have_text("Looking in the guide…")
    held[0].continue_()
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)
    expect(there.frame.get_by_role("status")).to_have_text("")


def test_a_server_that_stops_while_the_page_is_open(visit: Go, site: Site) -> None:
    with answering(FakeAssistant(), site.url) as mine:
        there = visit(server=mine, expected=NOT_LOADED)
        there.open()
        there.ask("How long should I press?")
    reply = there.ask("Why does sitting matter?")
    expect(reply).to_contain_text("The guide could not be reached just now.")
    assert numbers(reply) == NUMBERS
    expect(there.replies.first.locator(".said")).to_contain_text(HOLD.quote)


def test_a_server_that_stops_before_the_chat_is_opened(visit: Go) -> None:
    with answering(FakeAssistant()) as mine:
        there = visit(server=mine, expected=NOT_LOADED)
        expect(there.chat.locator(".launcher")).to_be_visible()
    there.chat.locator(".launcher").click()
    failed = there.chat.get_by_role("alert")
    expect(failed).to_contain_text("The chat could not be loaded.")
    assert numbers(failed) == NUMBERS
    there.page.keyboard.press("Escape")
    expect(failed).to_have_count(0)


def test_a_chat_that_could_not_be_loaded_can_be_tried_again(visit: Go) -> None:
    there = visit(expected=NOT_LOADED)
    there.context.route("**/panel.js", lambda route: route.abort())
    there.chat.locator(".launcher").click()
    expect(there.chat.get_by_role("alert")).to_be_visible()
    there.context.unroute("**/panel.js")
    there.open()
    expect(there.chat.locator(".failed")).to_have_count(0)


def test_a_chat_in_the_text_that_could_not_be_loaded_can_be_tried_again(visit: Go) -> None:
    there = visit(body="<wellcited-chat></wellcited-chat>", expected=NOT_LOADED, html="")
    # It loads as soon as it is near: break it before the page is loaded again.
    there.context.route("**/panel.js", lambda route: route.abort())
    there.page.reload()
    failed = there.chat.get_by_role("alert")
    expect(failed).to_contain_text("The chat could not be loaded.")
    assert numbers(failed) == NUMBERS
    there.context.unroute("**/panel.js")
    there.chat.get_by_role("button", name="Ask the guide").click()
    expect(there.frame).to_be_visible()
    expect(there.field).to_be_visible()


def test_a_chat_that_takes_too_long_to_load_is_told(visit: Go) -> None:
    there = visit(expected=NOT_LOADED)
    there.page.clock.install()
    there.context.route("**/panel.js", lambda route: None)
    there.chat.locator(".launcher").click()
    expect(there.chat.locator(".launcher")).to_have_attribute("aria-busy", "true")
    for _ in range(2):
        there.page.clock.fast_forward(9_500)
        there.page.wait_for_timeout(50)
    expect(there.chat.get_by_role("alert")).to_contain_text("The chat could not be loaded.")


def test_a_page_older_than_the_server_gets_the_chat_that_is_there_now(visit: Go) -> None:
    there = visit(expected=NOT_LOADED)
    there.context.route("**/widget/*/panel.js", lambda route: route.fulfill(status=404))
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)


def pinned(served: Served, there: Visit) -> dict[str, str]:
    told: dict[str, dict[str, dict[str, str]]] = there.context.request.get(f"{served.url}/widget.json").json()
    return told["scripts"]["widget"]


def test_a_page_that_pins_the_widget_by_its_digest_gets_it_and_nothing_else(visit: Go, served: Served) -> None:
    script = pinned(served, visit())
    html = (
        "<!doctype html><html lang=en><title>x</title><body>"
        f'<script src="{served.url}/{script["path"]}" integrity="{script["integrity"]}" crossorigin="anonymous" '
        "defer></script>"
    )
    there = visit(html=html, policy=f"script-src {served.url}; connect-src {served.url}")
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)

    tampered = visit(html=html, expected=("Failed to find a valid digest", *NOT_LOADED))
    there.context.unroute_all()

    def changed(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + "\n;window.ran.push('tampered');")

    tampered.context.route("**/panel.js", changed)
    tampered.chat.locator(".launcher").click()
    expect(tampered.chat.get_by_role("alert")).to_contain_text("The chat could not be loaded.")
    paths = [entry.url.removeprefix(served.url) for entry in tampered.requests]
    assert "/widget/panel.js" not in paths, "a page that pins wants no other chat"


def test_the_pages_own_scripts_are_untouched_where_the_widget_cannot_be_loaded(visit: Go) -> None:
    script = "<script src='http://127.0.0.1:9/widget.js' defer></script>"
    html = f"<!doctype html><html lang=en><title>x</title><p id=mine>x</p>{script}"
    there = visit(html=html, expected=NOT_LOADED)
    expect(there.page.locator("#mine")).to_be_visible()
    expect(there.chat).to_have_count(0)


def test_a_site_that_the_server_does_not_allow_is_told_that_there_is_no_answer(visit: Go) -> None:
    with answering(FakeAssistant(), "https://another.example") as closed:
        there = visit(server=closed, expected=(*NOT_LOADED, "blocked by CORS policy"))
        there.open()  # the scripts are for any page
        reply = there.ask("Why does sitting matter?")
        expect(reply).to_contain_text("The guide could not be reached just now.")
        assert numbers(reply) == NUMBERS
        assert "Why does sitting matter?" not in [question for question, _ in closed.assistant.asked]
