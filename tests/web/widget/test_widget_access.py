"""The widget for everyone: axe, contrast, targets, text size, motion, forced colours, small windows, right to left."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from web.fakes import HOLD

from .conftest import TEXT, Go, Served, Visit

pytestmark = pytest.mark.browser

EVERYTHING = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations", "incomplete"],
}
PHONE = {"width": 390, "height": 780, "has_touch": True, "is_mobile": True}
ANSWERED = "How long should I press?"
EMERGENCY = "I lost control of my bladder"
# The contrast of every visible text of the widget with what lies under it, as WCAG 2.2 computes it.
FAINT = """() => {
  const channel = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    paint.clearRect(0, 0, 1, 1);
    paint.fillStyle = css;
    paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  };
  const light = (colour) => 0.2126 * channel(colour[0]) + 0.7152 * channel(colour[1]) + 0.0722 * channel(colour[2]);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [1, 1, 1, 1];
  };
  const faint = [];
  for (const chat of document.querySelectorAll("wellcited-chat")) {
    const walker = document.createTreeWalker(chat.shadowRoot, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode.parentElement;
      if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.localName === "style") continue;
      const [dark, bright] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((a, b) => a - b);
      const ratio = (bright + 0.05) / (dark + 0.05);
      if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${walker.currentNode.data.slice(0, 40)}`);
    }
  }
  return faint;
}"""


def check_axe(page: Page, *without: str) -> None:
    rules = {rule: {"enabled": False} for rule in without}
    found = Axe().run(page, options={**EVERYTHING, "rules": rules})
    lines = [
        f"{found['id']}: {node['html'][:160]} {node['failureSummary']}"
        for found in found.response["violations"]
        for node in found["nodes"]
    ]
    assert lines == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_in_any_state(visit: Go, theme: str, size: dict[str, Any]) -> None:
    there = visit(f'data-theme="{theme}"', expected=("Failed to load resource",), **size)
    check_axe(there.page)  # closed
    there.open()
    expect(there.frame.locator(".suggestion")).to_have_count(4)
    check_axe(there.page)
    for question in (ANSWERED, EMERGENCY, "fever", "pain at night", "the moon?", "thanks"):
        there.ask(question)
        for details in there.replies.last.locator("details").all():
            details.locator("summary").click()
        check_axe(there.page)
        assert there.page.evaluate(FAINT) == []
    there.answer_with(0)
    there.ask("gone")
    there.answer_with(429, {"detail": "x"}, {"Retry-After": "60"})
    there.ask("busy")
    check_axe(there.page)
    assert there.page.evaluate(FAINT) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_text_or_the_frame_or_the_configurator(visit: Go, served: Served, theme: str) -> None:
    there = visit(f'data-theme="{theme}"', body=f"{TEXT}<wellcited-chat></wellcited-chat>")
    expect(there.frame).to_be_visible()
    there.ask(ANSWERED)
    check_axe(there.page)
    frame = visit(address=f"{served.url}/embed?theme={theme}", color_scheme=theme)
    expect(frame.frame).to_be_visible()
    check_axe(frame.page)
    frame.ask(EMERGENCY)
    check_axe(frame.page)
    demo = visit(address=f"{served.url}/embed-demo", color_scheme=theme)
    for way in ("In the corner", "In the text", "In a frame"):
        demo.page.get_by_role("radio", name=way).check()
        preview = demo.page if way != "In a frame" else demo.page.frame_locator("#preview iframe")
        expect(preview.locator(".launcher" if way == "In the corner" else ".suggestion").first).to_be_visible()
        check_axe(demo.page)


def test_axe_finds_nothing_where_the_chat_could_not_be_loaded(visit: Go) -> None:
    there = visit(expected=("Failed to load resource",))
    there.context.route("**/panel.js", lambda route: route.abort())
    there.chat.locator(".launcher").click()
    expect(there.chat.get_by_role("alert")).to_be_visible()
    check_axe(there.page)
    assert there.page.evaluate(FAINT) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "accent",
    ["#ffd400", "#fff", "#000", "#888", "#777777", "#ff0000", "#00ff00", "#0000ff", "hsl(200 90% 45%)", "tomato"],
)  # fmt: skip
def test_any_accent_can_be_read(visit: Go, accent: str, theme: str) -> None:
    there = visit(f'data-accent="{accent}" data-theme="{theme}"')
    assert there.page.evaluate(FAINT) == []
    there.open()
    there.ask(ANSWERED)
    there.replies.last.locator("summary").first.click()
    assert there.page.evaluate(FAINT) == []


def test_what_is_no_colour_leaves_the_usual_one(visit: Go) -> None:
    for accent in ("nonsense", "url(x)", "rgb(1 2", "", "transparent"):
        there = visit(f'data-accent="{accent}"')
        expect(there.chat.locator(".launcher")).to_have_css("background-color", "rgb(23, 89, 79)")


def small_targets(there: Visit) -> list[str]:
    found: list[str] = there.page.evaluate(
        """() => [...document.querySelector("wellcited-chat").shadowRoot
          .querySelectorAll("a, button, summary, textarea")]
          .filter((node) => node.checkVisibility())
          .filter((node) => {
            const box = node.getBoundingClientRect();
            return Math.min(box.width, box.height) < 24 && !(node.closest(".message, .held"));
          })
          .map((node) => `${node.outerHTML.slice(0, 80)} ${JSON.stringify(node.getBoundingClientRect())}`)"""
    )
    return found


@pytest.mark.parametrize("size", [{}, PHONE], ids=["desktop", "phone"])
def test_every_target_is_24_pixels_or_a_link_in_a_sentence(visit: Go, size: dict[str, Any]) -> None:
    there = visit(expected=("Failed to load resource",), **size)
    assert small_targets(there) == []
    there.open()
    for question in (ANSWERED, EMERGENCY, "the moon?"):
        there.ask(question)
    there.answer_with(0)
    there.ask("gone")
    assert small_targets(there) == []  # WCAG 2.2, 2.5.8; links within a sentence are excepted there


def overflowing(place: Locator) -> list[str]:
    """Return what is cut off at a side, or needs scrolling sideways."""
    found: list[str] = place.evaluate(
        """frame => [...frame.querySelectorAll("*")]
          .filter((node) => node.checkVisibility() && !node.closest(".unseen"))
          .filter((node) => {
            const [box, whole] = [node.getBoundingClientRect(), frame.getBoundingClientRect()];
            return box.right > whole.right + 1 || box.left < whole.left - 1;
          })
          .map((node) => node.outerHTML.slice(0, 100))"""
    )
    return found


@pytest.mark.parametrize(("width", "height"), [(320, 568), (320, 256), (640, 360), (390, 780), (1280, 800)])
def test_nothing_is_wider_than_a_small_window(visit: Go, width: int, height: int) -> None:
    there = visit(width=width, height=height)
    there.open()
    for question in ("x" * 290, ANSWERED, EMERGENCY, "the moon?"):
        there.ask(question)
        for details in there.replies.last.locator("details").all():
            details.evaluate("details => (details.open = true)")
        assert overflowing(there.frame) == []
    expect(there.field).to_be_in_viewport()
    there.page.evaluate("window.wellcited.restart()")
    there.ask(ANSWERED)
    expect(there.replies.last.locator(".said p").first).to_be_in_viewport()


@pytest.mark.parametrize("width", [1280, 390])
def test_text_at_twice_its_size_stays_whole(visit: Go, width: int) -> None:
    # As a browser's own setting does it: the initial value of font-size doubles.
    there = visit(width=width)
    there.open()
    there.chat.locator(".root").evaluate("root => (root.style.fontSize = '200%')")
    for question in (ANSWERED, EMERGENCY):
        there.ask(question)
        assert overflowing(there.frame) == []
        clipped = there.frame.evaluate(
            """frame => [...frame.querySelectorAll("p, h3, button, a, summary, blockquote")]
              .filter((node) => node.checkVisibility() && !node.closest(".unseen"))
              .filter((node) => getComputedStyle(node).overflow === "hidden")
              .filter((node) => node.scrollHeight > node.clientHeight + 2)
              .map((node) => node.outerHTML.slice(0, 80))"""
        )
        assert clipped == []
    expect(there.field).to_be_in_viewport()
    expect(there.frame.get_by_role("button", name="Close")).to_be_in_viewport()


@pytest.mark.parametrize("wish", ["reduce", "no-preference"])
def test_motion_is_spared_where_a_reader_asks_for_it(visit: Go, wish: str) -> None:
    there = visit(reduced_motion=wish)
    there.open()
    there.context.route("**/api/ask", lambda route: None)
    there.field.fill(ANSWERED)
    there.field.press("Enter")
    expect(there.frame.locator(".dots")).to_be_visible()
    moving = there.page.evaluate(
        """() => [...document.querySelector("wellcited-chat").shadowRoot.querySelectorAll("*")]
          .flatMap((node) => [node.getAnimations().length, getComputedStyle(node).animationName === "none" ? 0 : 1])
          .some(Boolean)"""
    )
    assert moving == (wish == "no-preference")
    there.page.evaluate("window.wellcited.close()")


def test_forced_colours_keep_every_border_that_tells_something(visit: Go) -> None:
    there = visit(forced_colors="active")
    borders = "node => parseFloat(getComputedStyle(node).borderTopWidth)"
    assert there.chat.locator(".launcher").evaluate(borders) >= 1
    there.open()
    there.ask(ANSWERED)
    there.ask(EMERGENCY)
    for part in (".frame", ".send", ".field", "a.number", ".asked p", ".card", ".numbers a"):
        assert there.frame.locator(part).first.evaluate(borders) >= 1 if part != ".frame" else True, part
    there.field.focus()
    assert there.frame.locator(".field").evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


def test_a_reader_of_screens_is_told(visit: Go) -> None:
    there = visit()
    launcher = there.page.get_by_role("button", name="Ask the guide")
    expect(launcher).to_have_attribute("aria-haspopup", "dialog")
    launcher.click()
    dialog = there.page.get_by_role("dialog", name="The hip guide")
    expect(dialog).to_be_visible()
    log = dialog.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    there.ask(ANSWERED)
    expect(log.get_by_role("heading", name="You asked")).to_have_count(1)
    expect(log.get_by_role("heading", name="The guide")).to_have_count(1)
    expect(log.get_by_role("link", name="Source 1: How long to press (opens in a new tab)")).to_be_visible()
    expect(dialog.get_by_role("textbox", name="Your question")).to_have_accessible_description(
        "Enter asks, Shift and Enter start a new line."
    )
    expect(dialog.get_by_role("status")).to_be_attached()
    assert there.frame.locator(".said").get_attribute("lang") == "en"
    inline = visit(body="<wellcited-chat title='Ask us'></wellcited-chat>")
    expect(inline.page.get_by_role("region", name="Ask us")).to_be_visible()
    assert inline.chat.locator(".root").get_attribute("title") == ""  # no tooltip over the text


def test_right_to_left_mirrors_the_window_and_leaves_each_text_its_own_direction(visit: Go) -> None:
    there = visit(root='lang="ar" dir="rtl"')
    box = there.chat.locator(".launcher").bounding_box()
    assert box
    assert box["x"] < 100
    there.open()
    there.ask("كم من الوقت؟ (112)")
    there.ask(ANSWERED)
    close, title = there.frame.locator(".close").bounding_box(), there.frame.locator("h2").bounding_box()
    assert close
    assert title
    assert close["x"] < title["x"]
    direction = "node => getComputedStyle(node).direction"
    asked = there.frame.locator(".asked p")
    assert asked.nth(0).evaluate(direction) == "rtl"
    assert asked.nth(1).evaluate(direction) == "ltr"
    expect(there.frame.locator(".said p").first).to_have_text(f"{HOLD.quote}1")
    assert overflowing(there.frame) == []
