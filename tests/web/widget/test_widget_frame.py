"""The chat in a frame of a page that allows no scripts, and the configurator that makes the snippets."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from playwright.sync_api import FrameLocator, expect

from web.fakes import EMERGENCY, HOLD, FakeAssistant

from .conftest import Go, Served, answering

pytestmark = pytest.mark.browser


def page_with(frame: str) -> str:
    return f'<!doctype html><html lang="en"><title>Practice</title><h1>Practice</h1>{frame}'


def ask(frame: FrameLocator, question: str) -> None:
    before = frame.locator(".reply").count()
    frame.locator("textarea").fill(question)
    frame.locator("textarea").press("Enter")
    expect(frame.locator(".reply")).to_have_count(before + 1)


@pytest.mark.parametrize("width", [700, 320])
def test_a_page_that_allows_no_script_shows_the_chat_in_a_frame(visit: Go, served: Served, width: int) -> None:
    frame = (
        f'<iframe src="{served.url}/embed?title=Ask+us&amp;lang=fr&amp;theme=dark" title="Ask" '
        'width="100%" height="600" sandbox="allow-scripts allow-same-origin allow-popups"></iframe>'
    )
    policy = f"default-src 'none'; frame-src {served.url}"
    there = visit(html=page_with(frame), policy=policy, width=width)
    inside = there.page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="Ask us").last).to_be_visible()
    ask(inside, "How long should I press?")
    expect(inside.locator(".said")).to_contain_text(HOLD.quote)
    ask(inside, "I lost control of my bladder")
    expect(inside.get_by_role("link", name="Call 112")).to_have_attribute("href", "tel:112")
    expect(inside.locator(".card")).to_contain_text(EMERGENCY.text.split(". ")[0])
    assert inside.locator("html").evaluate("html => html.scrollWidth <= html.clientWidth")
    box = inside.locator(".frame").bounding_box()
    assert box
    assert box["height"] == 600


def test_a_frame_has_its_token_behind_its_address_and_takes_a_new_one(visit: Go, served: Served) -> None:
    frame = f'<iframe src="{served.url}/embed?title=Ask#token=one" title="Ask" width="600" height="600"></iframe>'
    there = visit(html=page_with(frame))
    inside = there.page.frame_locator("iframe")
    with there.page.expect_request("**/api/ask") as first:
        ask(inside, "How long should I press?")
    before = there.page.evaluate("history.length")
    address = f"{served.url}/embed?title=Ask#token=two"
    there.page.evaluate("to => document.querySelector('iframe').contentWindow.location.replace(to)", address)
    with there.page.expect_request("**/api/ask") as second:
        ask(inside, "How long should I press, then?")
    assert [asked.value.headers["authorization"] for asked in (first, second)] == ["Bearer one", "Bearer two"]
    expect(inside.locator(".reply")).to_have_count(2)  # the conversation went on
    assert there.page.evaluate("history.length") == before


def test_a_site_that_is_not_allowed_cannot_frame_it(visit: Go) -> None:
    with answering(FakeAssistant()) as closed:
        frame = f'<iframe src="{closed.url}/embed" title="Ask" width="600" height="600"></iframe>'
        there = visit(html=page_with(frame), expected=("frame-ancestors", "ERR_BLOCKED"))
        there.page.wait_for_timeout(500)
        expect(there.page.frame_locator("iframe").locator("wellcited-chat")).to_have_count(0)
        assert any("frame-ancestors" in line for line in there.complaints)


def test_without_scripts_the_frame_leads_to_the_guide(visit: Go, served: Served) -> None:
    there = visit()
    plain = there.context.browser
    assert plain
    context = plain.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/embed")
    expect(page.get_by_role("link", name="read the guide")).to_be_visible()
    context.close()


class Tags(HTMLParser):
    """The tags of a snippet with their attributes."""

    def __init__(self, snippet: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(snippet)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_configurator_makes_a_snippet_that_works_as_it_stands(visit: Go, served: Served) -> None:
    demo = visit(address=f"{served.url}/embed-demo", permissions=["clipboard-read", "clipboard-write"])
    page = demo.page
    launcher = demo.chat.locator(".launcher")
    page.get_by_label("Title", exact=True).fill('Ask "us" & <them>')
    page.get_by_label("Words on the button").fill("Ask")
    expect(launcher).to_have_text("Ask")
    page.get_by_label("Suggested questions, one a line").fill("How long should I press?\n\nWhy | what?")
    page.get_by_role("textbox", name="Accent").fill("#7a1fa2")
    expect(launcher).to_have_css("background-color", "rgb(122, 31, 162)")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("combobox", name="Corner").select_option("bottom-left")
    page.get_by_label("Pin this version").check()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    snippet = page.evaluate("navigator.clipboard.readText()")
    assert snippet == page.locator("#snippet").text_content()
    ((tag, attributes),) = Tags(snippet).found
    told = page.request.get(f"{served.url}/widget.json").json()["scripts"]["widget"]
    assert tag == "script"
    assert attributes == {
        "src": f"{served.url}/{told['path']}", "integrity": told["integrity"],
        "crossorigin": "anonymous", "defer": None,
        "data-title": 'Ask "us" & <them>',
        "data-label": "Ask", "data-accent": "#7a1fa2", "data-lang": "de",
        "data-position": "bottom-left", "data-questions": '["How long should I press?","Why | what?"]',
    }  # fmt: skip
    policy = page.locator("#policy").text_content() or ""
    there = visit(html=page_with(snippet), policy=policy)
    there.open()
    expect(there.frame.get_by_role("heading", name='Ask "us" & <them>')).to_be_visible()
    expect(there.frame.locator(".suggestion")).to_have_text(["How long should I press?", "Why | what?"])
    there.frame.get_by_role("button", name="How long should I press?").click()
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)


@pytest.mark.parametrize("way", ["In the text", "In a frame"])
def test_the_other_ways_work_as_they_stand(visit: Go, served: Served, way: str) -> None:
    demo = visit(address=f"{served.url}/embed-demo")
    demo.page.get_by_role("radio", name=way).check()
    demo.page.get_by_label("Greeting").fill("Hello & welcome.")
    demo.page.get_by_label("Greeting").blur()
    place = demo.page.frame_locator("#preview iframe") if way == "In a frame" else demo.page.locator("#preview")
    expect(place.locator(".greeting")).to_have_text("Hello & welcome.")
    snippet, policy = (demo.page.locator(id_).text_content() or "" for id_ in ("#snippet", "#policy"))
    there = visit(html=page_with(snippet), policy=f"default-src 'none'; {policy}")
    chat = there.page.frame_locator("iframe") if way == "In a frame" else there.page.locator("wellcited-chat")
    expect(chat.locator(".greeting")).to_have_text("Hello & welcome.")
    assert len(there.page.query_selector_all("script, iframe")) == 1


def test_the_configurator_fits_a_phone(visit: Go, served: Served) -> None:
    demo = visit(address=f"{served.url}/embed-demo", width=320, height=640)
    assert demo.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(demo.page.locator("#snippet")).to_have_text(re.compile(r"^<script src=.*></script>$"))
