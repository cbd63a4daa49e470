"""What is written in a question, a guide or an attribute is shown as text: nothing runs, no element comes of it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Route, expect

from web.fakes import ANSWER, EMERGENCY, NOT_COVERED

from .conftest import Go, Served, Visit
from .payloads import PAYLOADS

pytestmark = pytest.mark.browser

# Every element that the widget makes by itself.
OURS = set(
    "a article blockquote br button details dialog div form h2 h3 header i label li p path section small span strong "
    "summary svg textarea ul".split()
)
CENSUS = """() => {
  const found = { tags: new Set(), attributes: new Set(), links: new Set(), outside: [] };
  for (const chat of document.querySelectorAll("wellcited-chat")) {
    for (const node of chat.shadowRoot.querySelectorAll("*")) {
      found.tags.add(node.localName);
      for (const attribute of node.attributes) found.attributes.add(attribute.name);
      for (const name of ["href", "src", "action", "formaction"]) {
        if (node.hasAttribute(name)) found.links.add(node.getAttribute(name));
      }
    }
  }
  for (const node of document.querySelectorAll("body *, body ~ *")) {
    if (!["h1", "p", "main", "script", "wellcited-chat"].includes(node.localName)) found.outside.push(node.outerHTML);
  }
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, [...value]]));
}"""


def check_nothing_came_of_it(there: Visit, served: Served) -> None:
    census = there.page.evaluate(CENSUS)
    assert set(census["tags"]) - OURS == set()
    assert [name for name in census["attributes"] if name.startswith("on") or name in ("srcdoc", "style", "name")] == [
        name for name in census["attributes"] if name == "style"
    ]
    assert [
        link for link in census["links"] if not link.startswith((served.url + "/", "tel:", "https://ok.example/"))
    ] == []
    assert census["outside"] == []
    assert there.page.evaluate("window.ran") == []


def answers_with(there: Visit, made: list[dict[str, Any]]) -> None:
    """Let the server give these answers, one after the other."""
    left = iter(made)

    def answer(route: Route) -> None:
        cors = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(headers=cors, content_type="application/json", body=json.dumps(next(left)))

    there.context.route("**/api/ask", answer)


def ask_all(there: Visit, questions: list[str]) -> list[Any]:
    answers: list[Any] = there.page.evaluate(
        """async (questions) => {
          const answers = [];
          for (const question of questions) answers.push(await window.wellcited.ask(question));
          return answers;
        }""",
        questions,
    )
    return answers


def test_in_a_question(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    assert None not in ask_all(there, PAYLOADS)
    shown = there.frame.locator(".asked p").all_text_contents()
    assert shown == PAYLOADS
    check_nothing_came_of_it(there, served)
    sent = [question for question, _ in served.assistant.asked[-len(PAYLOADS) :]]
    assert sent == PAYLOADS


def test_in_every_word_of_an_answer(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    made = []
    for payload in PAYLOADS:
        answer = ANSWER.model_dump(mode="json")
        answer["text"] = f"{payload} [1]"
        answer["suggestions"] = [payload]
        for citation in (*answer["citations"], *answer["further"]):
            citation |= {"title": payload, "headings": [payload, f"{payload} below"], "quote": payload, "url": payload}
            citation |= {"source_url": payload, "document_id": payload, "passage_id": payload}
        answer["triage"] |= {"language": payload, "reasons": [payload]}
        made.append(answer)
    answers_with(there, made)
    given = ask_all(there, [f"question {number}" for number in range(len(PAYLOADS))])
    assert given == made
    shown = there.frame.locator(".suggestion").all_text_contents()
    assert [text for text in shown if text.startswith("question")] == []
    assert set(PAYLOADS) - set(shown) == {payload for payload in PAYLOADS if not payload.strip()}
    quotes = there.frame.locator(".held blockquote").all_text_contents()
    assert set(quotes) == set(PAYLOADS)
    for details in there.frame.locator("details").all()[:60]:
        details.evaluate("details => (details.open = true)")
    # Some payloads are addresses that a guide may have; these alone may be followed.
    allowed = ("https://user:secret@canary.invalid/", "http://[::1]:1/#%3Cscript%3Ecanary()%3C/script%3E")
    links = there.frame.evaluate("frame => [...frame.querySelectorAll('a[href]')].map((link) => link.href)")
    odd = {link for link in links if not link.startswith((served.url + "/", "tel:"))}
    assert odd <= set(allowed)
    assert there.page.evaluate("window.ran") == []
    census = there.page.evaluate(CENSUS)
    assert set(census["tags"]) - OURS == set()
    assert census["outside"] == []


def test_in_a_referral_and_where_the_guide_is_silent(visit: Go, served: Served) -> None:
    there = visit()
    there.open()
    made: list[dict[str, Any]] = []
    for payload in PAYLOADS:
        referral = EMERGENCY.model_dump(mode="json")
        referral["text"] = payload
        referral["triage"] |= {"message": payload, "language": payload, "tier": "emergency"}
        silent = NOT_COVERED.model_dump(mode="json")
        silent["text"] = payload
        made += [
            referral,
            silent,
            {**silent, "kind": "smalltalk"},
            {**referral, "triage": {**referral["triage"], "tier": payload}},
        ]
    answers_with(there, made)
    ask_all(there, [f"question {number}" for number in range(len(made))])
    check_nothing_came_of_it(there, served)
    assert there.frame.locator(".not_covered .own").all_text_contents() == PAYLOADS


def test_in_a_problem(visit: Go, served: Served) -> None:
    there = visit(expected=("Failed to load resource",))
    there.open()
    told = iter(PAYLOADS)

    def refuse(route: Route) -> None:
        body = {"detail": next(told)}
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
        route.fulfill(status=422, headers=headers, content_type="application/problem+json", body=json.dumps(body))

    there.context.route("**/api/ask", refuse)
    ask_all(there, [f"question {number}" for number in range(len(PAYLOADS))])
    assert there.frame.locator(".problem .detail").all_text_contents() == PAYLOADS
    check_nothing_came_of_it(there, served)


@pytest.mark.parametrize(
    "name", ["title", "greeting", "accent", "position", "lang", "questions", "theme", "label", "remember", "open"]
)
def test_in_an_attribute(visit: Go, served: Served, name: str) -> None:
    there = visit()
    there.open()
    shown = there.page.evaluate(
        """async ([name, payloads]) => {
          const script = document.querySelector("script[src]");
          const chat = document.querySelector("wellcited-chat");
          const root = chat.shadowRoot;
          const shown = [];
          for (const payload of payloads) {
            script.setAttribute(`data-${name}`, payload);
            await new Promise((done) => setTimeout(done)); // the observer of the script
            chat.setAttribute(name, payload);
            shown.push({
              title: root.querySelector("h2").textContent,
              greeting: root.querySelector(".greeting").textContent,
              label: root.querySelector(".launcher span").textContent,
            });
          }
          return shown;
        }""",
        [name, PAYLOADS],
    )
    if name in shown[0]:
        assert [entry[name] for entry in shown] == PAYLOADS
    assert there.page.evaluate("window.ran") == []
    census = there.page.evaluate(CENSUS)
    assert set(census["tags"]) - OURS == set()
    assert census["outside"] == []


def test_in_what_the_server_says_of_its_guide(visit: Go, served: Served) -> None:
    told = {"title": "", "language": "", "questions": []}

    def describe(route: Route) -> None:
        route.fulfill(headers={"Access-Control-Allow-Origin": "*"}, body=json.dumps(told))

    there = visit()
    there.context.route("**/widget.json", describe)
    for payload in PAYLOADS[::10]:
        told |= {"title": payload, "language": payload, "questions": [payload, {}, None, 5, [payload]]}
        there.page.reload()
        there.open()
        expect(there.frame.locator(".suggestion")).to_have_count(1 if payload.strip() else 0)
        if payload.strip():
            assert there.frame.locator("h2").text_content() == payload
            assert there.frame.locator(".suggestion").text_content() == payload
        check_nothing_came_of_it(there, served)


def test_in_the_address_of_the_frame(visit: Go, served: Served) -> None:
    there = visit()
    for payload in PAYLOADS[::4]:
        if len(payload) > 1000:
            continue
        names = (
            "title",
            "greeting",
            "accent",
            "lang",
            "questions",
            "theme",
            "remember",
            "onload",
            "src",
            "style",
            "host",
        )
        there.page.goto(f"{served.url}/embed?{urlencode(dict.fromkeys(names, payload), errors='surrogatepass')}")
        there.frame.wait_for()
        assert there.frame.locator("h2").text_content() == payload
        census = there.page.evaluate(CENSUS)
        assert set(census["tags"]) - OURS == set()
        assert there.page.evaluate("window.ran") == []
        chat = there.page.evaluate("document.querySelector('wellcited-chat').getAttributeNames()")
        assert set(chat) <= set(names[:7])


def test_in_what_was_kept_of_a_conversation(visit: Go, served: Served) -> None:
    there = visit("data-remember")
    turns = []
    for payload in PAYLOADS:
        answer = ANSWER.model_dump(mode="json")
        answer["text"] = payload
        for citation in answer["citations"]:
            citation |= {"quote": payload, "url": payload, "headings": [payload]}
        turns.append({"question": payload, "answer": answer})
    there.page.evaluate(
        "([key, value]) => sessionStorage.setItem(key, value)", [f"wellcited {served.url}/", json.dumps(turns)]
    )
    there.page.reload()
    there.open()
    assert there.frame.locator(".asked p").all_text_contents() == PAYLOADS
    assert there.page.evaluate("window.ran") == []
    assert set(there.page.evaluate(CENSUS)["tags"]) - OURS == set()


def test_in_the_configurator_the_snippet_is_text_that_carries_it(visit: Go, served: Served) -> None:
    there = visit()
    there.page.goto(f"{served.url}/embed-demo")
    page = there.page
    for payload in PAYLOADS[::5]:
        if "\n" in payload or "\r" in payload or len(payload) > 60:
            continue
        page.get_by_label("Title", exact=True).fill(payload)
        snippet = page.locator("#snippet").text_content() or ""
        assert page.locator("#snippet *").count() == 0
        # Read as a page would read it: one script with one attribute, whatever was typed.
        tags, title = parse(snippet)
        assert tags == ["script"]
        assert title == payload.strip()
    assert page.evaluate("window.ran") == []


def parse(snippet: str) -> tuple[list[str], str]:
    tags: list[str] = []
    titles: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            titles.append(dict(attrs).get("data-title") or "")

    Reader().feed(snippet)
    return tags, titles[0]
