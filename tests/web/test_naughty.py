"""Whatever stands in a question, a conversation, a guide, its title or its questions: no markup comes of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import Built
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from wellcited import Assistant
from wellcited.answering import passage_url
from wellcited.corpus.reading import read_corpus
from wellcited.datatypes import Answer, Block, Citation, Document, Mark, Triage
from wellcited.settings import Settings
from wellcited.web.api import Answering
from wellcited.web.app import create_app
from wellcited.web.boundary import MAX_BODY_BYTES
from wellcited.web.chat import shell_html
from wellcited.web.reader import guide_page, listing_page, missing_page
from wellcited.web.replies import problem_reply, reply

from .fakes import RECEIPT, FakeAssistant
from .naughty import LINKS, NAUGHTY, PWNED

HARMLESS = "harmless"
GUIDE_ELEMENTS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "script",
        "body",
        "a",
        "header",
        "main",
        "footer",
        "article",
        "nav",
        "p",
    ),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "pre",
        "code",
        "strong",
        "em",
        "mark",
        "button",
        "svg",
        "path",
    ),
    *("circle", "span", "time", "details", "summary", "div", "rect", "aside"),
}


class Counted(HTMLParser):
    """The elements of a page, the names of their attributes, and the words between them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes.update(f"{tag} {name}" for name, _ in attrs)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "formaction", "data")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements["a comment"] += 1

    def handle_decl(self, decl: str) -> None:
        self.elements["a declaration"] += 1


def assert_same_markup(page: str, baseline: str, what: str) -> None:
    found, wanted = Counted(page), Counted(baseline)
    assert found.elements == wanted.elements, what
    assert found.attributes == wanted.attributes, what
    assert_safe_links(found, what)


def assert_safe_links(found: Counted, what: str) -> None:
    for link in found.links:
        assert link.startswith(("http://", "https://", "/", "#", "tel:", "data:image/svg+xml")), (what, link)
        assert not link.startswith("//"), (what, link)


def guide_with(words: str, link: str = "https://a.example") -> Document:
    """A guide that holds `words` wherever a guide can hold words."""
    blocks: list[Block] = []
    text, kinds = "", ("heading", "paragraph", "item", "code", "row", "heading")
    for kind in kinds:
        start = len(text)
        text += words
        mark: Any = {"heading": "emphasis", "paragraph": "link", "item": "strong"}.get(kind, "code")
        href = link if mark == "link" else None
        marks = (Mark(kind=mark, start=start, end=len(text), href=href),)
        blocks.append(Block(kind=kind, start=start, end=len(text), level=2, marks=marks))  # type: ignore[arg-type]
        text += "\n\n"
    return Document(
        id="guide",
        title=words,
        text=text,
        blocks=tuple(blocks),
        source=words,
        language=words,
        source_url=link,
        path=words,
    )


def replies_with(words: str) -> list[str]:
    """Return every kind of reply of the window, with `words` wherever it can hold words."""
    document = guide_with(words)
    length = len(words)
    cited = Citation(
        number=1, passage_id=words, document_id="guide", title=words, headings=(words, words), quote=words,
        start=0, end=length, url=passage_url(words, 0, length, words),
    )  # fmt: skip
    gone = cited.model_copy(update={"number": 2, "document_id": words})
    triage = Triage(tier="urgent", reasons=(words,), message=words, language=words)
    answers = (
        Answer(kind="answer", text=f"{words} [1]", citations=(cited, gone), further=(cited,), confidence=0.9,
               suggestions=(words,), receipt=RECEIPT),
        Answer(kind="answer", text=words, citations=(cited,), confidence=0.1, receipt=RECEIPT),
        Answer(kind="not_covered", text=words, further=(cited, gone), suggestions=(words, words), receipt=RECEIPT),
        Answer(kind="referral", text=f"You wrote: “{words}”. Call 112.", triage=triage, receipt=RECEIPT),
        Answer(kind="smalltalk", text=words, receipt=RECEIPT),
    )  # fmt: skip
    shown = [reply(answer, {"guide": document, words: document}, ("112", words))["html"] for answer in answers]
    return [*shown, problem_reply(words)["html"]]


def window_with(words: str) -> str:
    class Titled(FakeAssistant):
        @property
        def documents(self) -> dict[str, Document]:
            return {"guide": guide_with(words)}

        @property
        def examples(self) -> tuple[str, ...]:
            return (words, words)

    assistant: Answering = Titled()
    return shell_html(assistant, Settings(emergency_numbers=("112", words)))


def one_line(words: str) -> str:
    """What of a string can stand in one line: of a quote with a break in it we make paragraphs."""
    return " ".join(words.split()) or "-"


PAGES: dict[str, Callable[[str], list[str]]] = {
    "the guide's page": lambda words: [guide_page(guide_with(words))],
    "the list of guides": lambda words: [
        listing_page({words: guide_with(words)}),
        missing_page({words: guide_with(words)}),
    ],
    "the window": lambda words: [window_with(words)],
    "a reply": replies_with,
}


def test_there_are_several_hundred_and_each_is_another() -> None:
    assert len(NAUGHTY) == len(set(NAUGHTY)) > 300


@pytest.mark.parametrize("place", PAGES)
def test_no_string_becomes_markup(place: str) -> None:
    build = PAGES[place]
    for naughty in NAUGHTY:
        words = one_line(naughty)
        for page, baseline in zip(build(words), build(_as_long_as(words)), strict=True):
            assert_same_markup(page, baseline, f"{place}: {words!r}")


def _as_long_as(words: str) -> str:
    """Return harmless words that are marked up the same: with numbers, quotes and colons kept."""
    return "".join(char if char in "“”[]0123456789-+.:, " or char.isspace() else "x" for char in words)


def test_a_string_that_became_markup_would_be_found() -> None:
    with pytest.raises(AssertionError):
        assert_same_markup("<p><img src=q></p>", "<p>x</p>", "an element")
    with pytest.raises(AssertionError):
        assert_same_markup('<p onclick="x">y</p>', "<p>y</p>", "an attribute")
    with pytest.raises(AssertionError):
        assert_same_markup('<a href="javascript:x">y</a>', '<a href="javascript:x">y</a>', "a link")


@pytest.mark.parametrize("link", LINKS)
def test_no_link_of_a_guide_runs_a_script(link: str) -> None:
    assert_safe_links(Counted(guide_page(guide_with("words", link))), link)


def test_a_corpus_of_naughty_strings_is_read_and_shown_as_text(tmp_path: Path) -> None:
    lines = [one_line(words).replace("\x00", "") for words in NAUGHTY]
    body = "\n\n".join(
        f"## {line}\n\n{line}\n\n- {line}\n\n> {line}\n\n| a | b |\n| --- | --- |\n| {line} | x |" for line in lines
    )
    (tmp_path / "marked.md").write_text(f"# Guide\n\nWords of it.\n\n{body}\n", "utf-8")
    (tmp_path / "plain.txt").write_text("A plain guide\n\n" + "\n\n".join(f"{line}." for line in lines), "utf-8")
    links = "\n\n".join(f"[words](<{link.strip()}>)" for link in LINKS if "\n" not in link and "<" not in link)
    (tmp_path / "links.md").write_text(f"# Links\n\nWords.\n\n{links}\n", "utf-8")
    for document in read_corpus(tmp_path).documents:
        found = Counted(guide_page(document))
        assert set(found.elements) - {"a declaration"} <= GUIDE_ELEMENTS
        assert not [name for name in found.attributes if name.split()[1].startswith("on")]
        assert_safe_links(found, document.id)
        scripts = Counted(guide_page(guide_with(HARMLESS))).elements["script"]
        assert found.elements["script"] == scripts


@pytest.fixture(scope="module")
def client(tiny: Built) -> Iterator[TestClient]:
    settings = Settings(index=tiny.index, rate_per_minute=0, rate_per_minute_global=0)
    with TestClient(create_app(Assistant.open(tiny.index, settings), settings)) as client:
        yield client


def test_every_string_is_answered_as_a_question_and_as_a_conversation(client: TestClient) -> None:
    for number, words in enumerate(NAUGHTY):
        turns = [{"role": "user", "content": words}, {"role": "assistant", "content": words}]
        bodies = ({"question": words}, {"question": "How often should I descale a kettle?", "history": turns})
        for body in bodies if number % 4 == 0 else bodies[:1]:
            response = client.post("/api/ask", json=body)
            assert response.status_code in (200, 422), words
            assert response.headers["content-type"] in ("application/json", "application/problem+json")
            assert response.headers["x-content-type-options"] == "nosniff"
            if response.status_code == 200:
                quoted = response.json()["citations"]
                assert not any(PWNED in citation["quote"] for citation in quoted)


def test_what_a_referral_repeats_of_a_message_stays_text(client: TestClient) -> None:
    component = next(entry for entry in client.get("/config").json()["components"] if entry["type"] == "html")
    for words in NAUGHTY[::3]:
        question = f"I lost control of my bladder {words} and can't feel my legs {words}"
        call = {"data": {"question": question, "history": []}, "component_id": component["id"], "fn_name": "ask"}
        shown = client.post("/gradio_api/component_server", json={**call, "session_hash": "s"}).json()
        assert shown["kind"] == "referral", words
        found = Counted(shown["html"])
        assert set(found.elements) <= {"section", "h3", "ul", "li", "a", "small", "div", "p"}, words
        assert not [name for name in found.attributes if name.split()[1].startswith("on")], words
        assert_safe_links(found, words)


def test_addresses_of_naughty_strings_are_pages_or_problems_and_repeat_no_markup(client: TestClient) -> None:
    for words in NAUGHTY[::2]:
        name = quote(words[:300], safe="")
        for path in (
            f"/guide/{name}",
            f"/guide/kettle-care?start={name}&end={name}",
            f"/{name}",
            f"/ui/{name}?v={name}",
        ):
            response = client.get(path)
            assert response.status_code < 500, path
            assert f"<img src=q onerror={PWNED}>" not in response.text
            assert f"<script>{PWNED}" not in response.text


def test_the_largest_body_of_the_worst_strings_is_refused_or_answered_in_time(client: TestClient) -> None:
    for words in ("<" * 1000, "&#" * 500, "a\u0300" * 500, "((((" * 300, "I can't " * 100, "\u202e" * 900):
        turns = [{"role": "user", "content": words} for _ in range(MAX_BODY_BYTES // 8000)]
        begun = time.process_time()  # of all threads; the clock on the wall would measure the machine's other work
        response = client.post("/api/ask", json={"question": words[:3999], "history": turns})
        assert response.status_code in (200, 413, 422)
        assert time.process_time() - begun < 5


@pytest.mark.browser
def test_a_real_browser_makes_no_markup_of_them_either(browser: Browser) -> None:
    """The browser's own parser, which is more forgiving than Python's; nothing may run either."""
    page = browser.new_page()
    pairs = [
        (built, baseline, f"{place}: {one_line(naughty)!r}")
        for place, build in PAGES.items()
        for naughty in NAUGHTY
        for built, baseline in zip(build(one_line(naughty)), build(_as_long_as(one_line(naughty))), strict=True)
    ]
    page.set_content("<p>empty</p>")
    odd = page.evaluate(
        """(pairs) => {
          const tell = (html) => {
            const found = [];
            const walk = (root) => {
              for (const node of root.querySelectorAll("*")) {
                found.push(node.localName + " " + [...node.attributes].map((one) => one.name).sort().join(" "));
                if (node.localName === "template") walk(node.content);
              }
            };
            walk(new DOMParser().parseFromString(html, "text/html"));
            return found.join("\\n");
          };
          return pairs.filter(([one, other]) => tell(one) !== tell(other)).map((pair) => pair[2]);
        }""",
        pairs,
    )
    assert odd == []
    for built, _, _ in pairs[::40]:  # and shown in a page: DOMParser runs nothing by itself
        page.evaluate("(html) => { document.body.innerHTML = html; }", built)
    assert page.evaluate("window.pwned") is None
    page.close()
