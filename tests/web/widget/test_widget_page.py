"""The widget and the page around it: neither does the other any harm."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from web.fakes import HOLD

from .conftest import TEXT, Go, Served, Visit

pytestmark = pytest.mark.browser

GLOBALS = "Object.getOwnPropertyNames(window).sort()"
# What a page's own rules could do to what stands in it: all of it, with and without !important.
HOSTILE = """
*:not(html) { all: unset !important; display: block !important; color: red !important; font: 40px fantasy !important;
    visibility: hidden !important; opacity: .1 !important; transform: rotate(9deg) !important;
    position: static !important }
div, button, dialog, form, textarea, section, wellcited-chat { display: none !important; width: 1px !important }
html > :last-child, body > :last-child { display: none !important; pointer-events: none !important }
:not(#x):not(#y):not(#z) { z-index: -1 !important; letter-spacing: 2em !important }
:not(#x):not(#y):not(#z) { text-transform: uppercase !important }
html { font-size: 3px !important } body { transform: translateX(300px); overflow: hidden; filter: blur(1px) }
"""
WAR = "<div style='position:fixed;inset:0;z-index:2147483647;background:#fee'>The page is above everything</div>"


def paths(there: Visit, served: Served) -> list[str]:
    return [entry.url.removeprefix(served.url) for entry in there.requests if entry.url.startswith(served.url)]


def test_until_it_is_opened_only_the_loader_is_fetched(visit: Go, served: Served) -> None:
    there = visit()
    there.chat.locator(".launcher").hover()
    there.page.wait_for_timeout(500)
    assert paths(there, served) == ["/widget.js"]
    there.open()
    expect(there.frame.locator(".suggestion")).to_have_count(4)
    version = there.page.evaluate("window.wellcited.version")
    assert sorted(paths(there, served)) == sorted(["/widget.js", f"/widget/{version}/panel.js", "/widget.json"])
    there.page.keyboard.press("Escape")
    there.open()
    assert len(paths(there, served)) == 3  # and only once


def test_a_chat_in_the_text_is_fetched_when_it_comes_near(visit: Go, served: Served) -> None:
    there = visit(body=f"{TEXT}<p style='height:3000px'></p><wellcited-chat></wellcited-chat>")
    there.page.wait_for_timeout(300)
    assert paths(there, served) == ["/widget.js"]
    there.page.mouse.wheel(0, 2500)
    expect(there.frame).to_be_attached()
    there.field.scroll_into_view_if_needed()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)
    expect(there.chat).to_have_count(1)  # the element stands for itself: no button besides


def test_the_page_keeps_its_globals_styles_and_layout(visit: Go) -> None:
    body = TEXT + "<footer>The last thing in the page</footer>"
    rules = "main > :last-child, body > :last-child { color: rgb(1, 2, 3) } body { display: flex; gap: 40px }"
    head = f"<style>{rules}</style>"
    look = """[...document.querySelectorAll("body, body *")].map((node) => {
      const style = getComputedStyle(node);
      const names = ["color", "font", "display", "width", "height", "margin", "position"];
      return [node.tagName, ...names.map((name) => style[name])].join();
    })"""
    without = visit(
        body=body, head=head, html=f"<!doctype html><html lang=en><title>x</title>{head}<main>{body}</main>"
    )
    globals_before, look_before = without.page.evaluate(GLOBALS), without.page.evaluate(look)
    there = visit(body=body, head=head)
    there.page.evaluate("document.querySelector('body > script').remove()")
    assert set(there.page.evaluate(GLOBALS)) - set(globals_before) == {"wellcited"}
    assert there.page.evaluate(look) == look_before
    there.open()
    there.ask("How long should I press?")
    there.page.keyboard.press("Escape")
    assert set(there.page.evaluate(GLOBALS)) - set(globals_before) == {"wellcited"}
    assert there.page.evaluate(look) == look_before
    assert there.page.evaluate("document.styleSheets.length + document.adoptedStyleSheets.length") == 1
    assert there.page.evaluate("document.querySelectorAll('script').length") == 0  # the chat's is gone again
    assert there.page.evaluate("window.shift") == 0


def test_nothing_moves_while_the_page_loads_with_a_place_kept_for_the_chat(visit: Go) -> None:
    style = "<style>wellcited-chat { display: block; min-height: 36em }</style>"
    there = visit(body=f"{TEXT}<wellcited-chat></wellcited-chat>{TEXT}", head=style)
    expect(there.frame).to_be_visible()
    there.page.wait_for_timeout(200)
    assert there.page.evaluate("window.shift") == 0


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_styles_of_the_page_do_not_reach_it(visit: Go, width: int) -> None:
    there = visit(head=f"<style>{HOSTILE}</style>", width=width, body=WAR)
    calm = visit(width=width)
    looks = []
    for each in (there, calm):
        expect(each.chat.locator(".launcher")).to_be_visible()
        launcher = each.chat.locator(".launcher").bounding_box()
        each.open()
        each.ask("How long should I press?")
        look = each.frame.evaluate(
            """frame => [frame, ...frame.querySelectorAll("*")].map((node) => {
              const style = getComputedStyle(node);
              const box = node.getBoundingClientRect();
              const own = ["color", "fontSize", "fontFamily", "display", "visibility", "opacity", "transform"];
              const look = [...own, "letterSpacing", "textTransform"].map((name) => style[name]);
              return [node.tagName, ...[box.x, box.y, box.width].map(Math.round), ...look].join();
            })"""
        )
        looks.append((launcher, look))
    assert looks[0] == looks[1]
    box = there.frame.bounding_box()
    assert box
    top = there.page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y).tagName", [box["x"] + box["width"] / 2, box["y"] + 20]
    )
    assert top == "WELLCITED-CHAT"


def test_shortcuts_of_the_page_do_not_fire_while_somebody_types(visit: Go) -> None:
    there = visit()
    there.page.evaluate(
        "window.pressed = []; for (const type of ['keydown', 'keypress', 'keyup'])"
        " document.addEventListener(type, (event) => window.pressed.push(event.key))"
    )
    there.open()
    there.field.press_sequentially("/search s")
    assert there.page.evaluate("window.pressed") == []


def test_a_page_that_changed_what_scripts_rely_on(visit: Go) -> None:
    spoiled = """<script>
      const real = window.fetch; window.fetch = (...all) => real(...all);
      window.name = "x"; window.close = null; window.open = null; window.top2 = 1; window.status = "s";
      Array.prototype.extra = () => {}; Object.prototype.extra = "inherited"; String.prototype.ask = () => {};
      window.event = null; window.wellcited = "mine"; window.host = "h"; window.make = 1; window.launcher = 2;
    </script>"""
    there = visit(head=spoiled)
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)
    assert there.frame.evaluate("frame => frame.querySelectorAll('[extra]').length") == 0


def test_included_twice_there_is_one_launcher(visit: Go, served: Served) -> None:
    there = visit(
        body=f'{TEXT}<script src="{served.url}/widget.js"></script>'
        f'<script src="{served.url}/widget.js?b" async></script>'
    )
    expect(there.chat).to_have_count(1)
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)


@pytest.mark.parametrize(
    "change",
    [
        "document.body.innerHTML = '<h1>Another view</h1>'",
        "const other = document.createElement('body'); other.innerHTML = '<h1>Another view</h1>';"
        " document.body.replaceWith(other)",
        "history.pushState({}, '', '/another'); document.querySelector('main').remove()",
    ],
)
def test_a_page_that_changes_its_content_keeps_launcher_and_conversation(
    visit: Go, served: Served, change: str
) -> None:
    there = visit()
    there.open()
    there.ask("How long should I press?")
    there.page.evaluate(change)
    # As a framework would, the script runs again with the new view.
    there.page.evaluate(
        """(src) => new Promise((onload) => {
          document.body.append(Object.assign(document.createElement("script"), { src, onload }));
        })""",
        f"{served.url}/widget.js?again",
    )
    expect(there.chat).to_have_count(1)
    expect(there.replies).to_have_count(1)
    there.ask("And why?")
    there.page.keyboard.press("Escape")
    expect(there.chat.locator(".launcher")).to_be_visible()


def test_an_element_that_is_moved_keeps_its_conversation(visit: Go) -> None:
    there = visit(body="<wellcited-chat></wellcited-chat><aside></aside>")
    expect(there.frame).to_be_visible()
    there.ask("How long should I press?")
    there.page.evaluate("document.querySelector('aside').append(document.querySelector('wellcited-chat'))")
    expect(there.replies).to_have_count(1)
    expect(there.chat.locator(".frame")).to_have_count(1)
    there.ask("And why?")


def test_a_page_that_requires_trusted_types(visit: Go, served: Served) -> None:
    policy = (
        f"script-src {served.url}; connect-src {served.url}; style-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types wellcited"
    )
    there = visit(policy=policy)
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)


def test_a_browser_without_constructed_style_sheets(visit: Go) -> None:
    there = visit(head="<script>delete CSSStyleSheet.prototype.replaceSync</script>")
    there.open()
    there.ask("How long should I press?")
    expect(there.frame.locator(".asked p")).to_have_css("background-color", "rgb(236, 231, 218)")
    expect(there.frame).to_have_css("position", "fixed")


@pytest.mark.parametrize("more", ["", " 'strict-dynamic'"])
def test_a_page_that_lets_scripts_in_by_nonce(visit: Go, served: Served, more: str) -> None:
    html = (
        "<!doctype html><html lang=en><title>x</title><body>"
        f'<script nonce="abc123" src="{served.url}/widget.js" defer></script>'
    )
    there = visit(html=html, policy=f"default-src 'none'; script-src 'nonce-abc123'{more}; connect-src {served.url}")
    there.open()
    expect(there.ask("How long should I press?").locator(".said")).to_contain_text(HOLD.quote)


def storage(there: Visit) -> dict[str, Any]:
    kept: dict[str, Any] = there.page.evaluate(
        """async () => ({
          local: { ...localStorage }, session: { ...sessionStorage }, cookies: document.cookie,
          databases: await indexedDB.databases(), caches: window.caches ? await caches.keys() : [],
        })"""
    )
    return kept


def test_nothing_is_kept_unless_it_is_asked_for(visit: Go) -> None:
    there = visit()
    there.open()
    there.ask("How long should I press?")
    nothing = {"local": {}, "session": {}, "cookies": "", "databases": [], "caches": []}
    assert storage(there) == nothing
    there.page.reload()
    there.open()
    expect(there.replies).to_have_count(0)


def test_with_remember_the_conversation_lasts_as_long_as_the_tab(visit: Go, served: Served) -> None:
    there = visit("data-remember")
    there.open()
    there.ask("How long should I press?")
    kept = storage(there)
    assert list(kept["session"]) == [f"wellcited {served.url}/"]
    assert (kept["local"], kept["cookies"], kept["databases"], kept["caches"]) == ({}, "", [], [])
    there.page.reload()
    there.open()
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)
    there.ask("And why?")
    assert len(served.assistant.asked[-1][1]) == 2
    there.frame.get_by_role("button", name="New conversation").click()
    assert storage(there)["session"] == {}
    there.ask("How long should I press?")
    there.page.evaluate("document.querySelector('script[src]').removeAttribute('data-remember')")
    there.page.wait_for_function("sessionStorage.length === 0")


@pytest.mark.parametrize("kept", ["{", "null", '"x"', "[1]", '[{"question": 1}]', '[{"question": "x", "answer": {}}]'])
def test_what_was_kept_and_is_broken_does_no_harm(visit: Go, served: Served, kept: str) -> None:
    there = visit("data-remember")
    there.page.evaluate("([key, value]) => sessionStorage.setItem(key, value)", [f"wellcited {served.url}/", kept])
    there.open()
    expect(there.replies).to_have_count(0)
    there.ask("How long should I press?")


def test_a_page_without_storage_still_gets_answers(visit: Go) -> None:
    closed = "get() { throw new DOMException('no', 'SecurityError'); }"
    head = f"<script>Object.defineProperty(window, 'sessionStorage', {{ {closed} }})</script>"
    there = visit("data-remember", head=head)
    there.open()
    there.ask("How long should I press?")


def test_events_and_calls(visit: Go) -> None:
    there = visit()
    page = there.page
    page.evaluate(
        """() => {
          window.heard = [];
          for (const name of ["open", "close", "ask", "answer", "error"]) {
            const hear = (event) => window.heard.push([name, event.target.tagName, event.detail]);
            document.addEventListener(`wellcited:${name}`, hear);
          }
        }"""
    )
    answer = page.evaluate("window.wellcited.ask('How long should I press?')")
    assert answer["citations"][0]["quote"] == HOLD.quote
    expect(there.replies).to_have_count(1)
    page.evaluate("window.wellcited.close()")
    expect(there.frame).to_be_hidden()
    heard = page.evaluate("window.heard")
    assert [name for name, _, _ in heard] == ["open", "ask", "answer", "close"]
    assert {target for _, target, _ in heard} == {"WELLCITED-CHAT"}
    assert heard[1][2] == {"question": "How long should I press?"}
    assert heard[2][2]["answer"]["kind"] == "answer"
    page.evaluate("window.wellcited.open()")
    expect(there.frame).to_be_visible()
    page.evaluate("window.wellcited.restart()")
    expect(there.replies).to_have_count(0)
    page.evaluate("document.querySelector('wellcited-chat').open = false")  # as a framework sets what it takes for one
    expect(there.frame).to_be_hidden()
    page.evaluate("document.querySelector('wellcited-chat').open = true")
    expect(there.frame).to_be_visible()
    assert page.evaluate("window.wellcited.ask('   ')") is None
    assert page.evaluate("document.querySelector('wellcited-chat').ask('Why does sitting matter?')")["kind"] == "answer"
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*-[0-9a-f]{10}", page.evaluate("window.wellcited.version"))


def test_calls_before_the_page_is_there_are_kept(visit: Go, served: Served) -> None:
    html = (
        "<!doctype html><html lang=en><title>x</title>"
        f'<script src="{served.url}/widget.js"></script>'
        '<script>window.wellcited.ask("How long should I press?")</script>'
        f"<body>{TEXT}"
    )
    there = visit(html=html)
    expect(there.replies.last.locator(".said")).to_contain_text(HOLD.quote)


def test_attributes_are_observed_as_they_change(visit: Go) -> None:
    there = visit('data-title="Ask us" data-questions="One?|Two?" data-position="bottom-left" data-accent="#ffd400"')
    launcher = there.chat.locator(".launcher")
    box = launcher.bounding_box()
    assert box
    assert box["x"] < 40
    assert launcher.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(255, 212, 0)"
    assert launcher.evaluate("node => getComputedStyle(node).color") == "rgb(0, 0, 0)"
    there.open()
    expect(there.frame.get_by_role("heading", name="Ask us")).to_be_visible()
    expect(there.frame.locator(".suggestion")).to_have_text(["One?", "Two?"])
    there.field.fill("a draft")

    change = "([name, value]) => document.querySelector('script[src]').setAttribute(name, value)"
    there.page.evaluate(change, ["data-title", "Ask them"])
    expect(there.frame.get_by_role("heading", name="Ask them")).to_be_visible()
    there.page.evaluate(change, ["data-lang", "fr"])
    expect(there.frame.get_by_role("button", name="Fermer")).to_be_visible()
    there.page.evaluate(change, ["data-questions", '["Un | deux ?"]'])
    expect(there.frame.locator(".suggestion")).to_have_text(["Un | deux ?"])
    there.page.evaluate(change, ["data-theme", "dark"])
    expect(there.frame).to_have_css("background-color", "rgb(20, 24, 22)")
    there.page.evaluate(change, ["data-position", "bottom-right"])
    box = there.frame.bounding_box()
    assert box
    assert box["x"] + box["width"] == pytest.approx(1260, abs=1)
    there.page.evaluate(change, ["data-greeting", "Hello there."])
    expect(there.frame.locator(".greeting")).to_have_text("Hello there.")
    expect(there.field).to_have_value("a draft")

    there.page.evaluate("document.querySelector('wellcited-chat').removeAttribute('open')")
    expect(there.frame).to_be_hidden()
    there.page.evaluate("document.querySelector('wellcited-chat').setAttribute('open', '')")
    expect(there.frame).to_be_visible()
    there.page.evaluate("document.querySelector('wellcited-chat').setAttribute('title', 'Mine')")
    expect(there.frame.get_by_role("heading", name="Mine")).to_be_visible()  # the element's own words come first
    there.page.evaluate(
        "document.documentElement.lang = 'de'; document.querySelector('script[src]').removeAttribute('data-lang')"
    )
    expect(there.frame.get_by_role("button", name="Schließen")).to_be_visible()


def test_open_on_load_takes_no_focus_and_not_a_phones_screen(visit: Go) -> None:
    there = visit("data-open")
    expect(there.frame).to_be_visible()
    assert there.page.evaluate("document.activeElement.tagName") == "BODY"
    there.frame.get_by_role("button", name="Close").click()
    expect(there.frame).to_be_hidden()
    there.page.wait_for_timeout(100)
    expect(there.frame).to_be_hidden()
    phone = visit("data-open", width=390)
    expect(phone.chat.locator(".launcher")).to_be_visible()
    phone.page.wait_for_timeout(200)
    expect(phone.frame).to_have_count(0)
    off = visit('data-open="false"')
    off.page.wait_for_timeout(200)
    expect(off.frame).to_have_count(0)


def test_properties_and_parts_style_it(visit: Go) -> None:
    style = """<style>
      wellcited-chat { --wellcited-accent: #7a1fa2; --wellcited-font: "Courier New", monospace; --wellcited-width: 30em;
        --wellcited-offset-x: 60px; --wellcited-offset-y: 50px; --wellcited-radius: 0; --wellcited-background: #fffef0 }
      wellcited-chat::part(launcher) { border-radius: 3px }
      wellcited-chat::part(question) { background-color: rgb(10, 20, 30); color: white }
    </style>"""
    there = visit(head=style)
    launcher = there.chat.locator(".launcher")
    expect(launcher).to_have_css("background-color", "rgb(122, 31, 162)")
    expect(launcher).to_have_css("border-radius", "3px")
    there.open()
    expect(there.frame).to_have_css("border-radius", "0px")
    expect(there.frame).to_have_css("background-color", "rgb(255, 254, 240)")
    expect(there.field).to_have_css("font-family", re.compile("Courier New"))
    box = there.frame.bounding_box()
    assert box
    assert (box["width"], box["x"] + box["width"], box["y"] + box["height"]) == (480, 1220, 750)
    there.ask("How long should I press?")
    expect(there.frame.locator(".asked p")).to_have_css("background-color", "rgb(10, 20, 30)")


def test_a_token_goes_along_where_the_site_has_one(visit: Go) -> None:
    there = visit('data-token="one"')
    there.open()
    sent: list[str | None] = []
    there.page.on(
        "request",
        lambda request: sent.append(request.headers.get("authorization")) if request.url.endswith("/ask") else None,
    )
    there.ask("How long should I press?")
    there.page.evaluate("document.querySelector('script[src]').dataset.token = 'two'")
    there.ask("Why does sitting matter?")
    assert sent == ["Bearer one", "Bearer two"]


def test_a_question_carries_no_cookie_and_no_address_of_the_page(visit: Go) -> None:
    there = visit()
    there.open()
    headers: list[dict[str, str]] = []
    there.page.on(
        "request", lambda request: headers.append(request.all_headers()) if request.url.endswith("/ask") else None
    )
    there.ask("How long should I press?")
    assert "referer" not in headers[0]
    assert "cookie" not in headers[0]


def test_the_script_under_a_path_of_its_own_asks_there(visit: Go, served: Served) -> None:
    there = visit(html="<!doctype html><html lang=en><title>x</title><p>x</p>")

    asked: list[str] = []

    def below(route: Any) -> None:
        asked.append(route.request.url.removeprefix(f"{served.url}/deep/down/"))
        route.continue_(url=route.request.url.replace("/deep/down/", "/"))

    there.context.route("**/deep/down/**", below)
    there.page.evaluate(
        "src => document.head.append(Object.assign(document.createElement('script'), { src }))",
        f"{served.url}/deep/down/widget.js",
    )
    there.open()
    reply = there.ask("How long should I press?")
    expect(reply.locator(".number").first).to_have_attribute("href", f"{served.url}/deep/down{HOLD.url}")
    version = there.page.evaluate("window.wellcited.version")
    assert set(asked) == {"widget.js", f"widget/{version}/panel.js", "widget.json", "api/ask"}


def test_no_launcher_where_the_page_wants_none(visit: Go) -> None:
    there = visit('data-launcher="off"')
    there.page.wait_for_timeout(200)
    expect(there.chat).to_have_count(0)
    there.page.evaluate("document.querySelector('main').append(document.createElement('wellcited-chat'))")
    expect(there.frame).to_be_visible()
