"""The guide as pages: every character shown as itself, the cited ones marked."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from wellcited.answering import passage_url, quote_digest
from wellcited.datatypes import Block, Document, Mark, Span
from wellcited.web.markup import escape, safe_href
from wellcited.web.reader import (
    GONE,
    article_html,
    cited_span,
    guide_page,
    guide_router,
    heading_anchors,
    listing_page,
    missing_page,
)

from .fakes import GUIDE

VOID = {"br", "img", "input", "meta", "link", "hr"}


class Page(HTMLParser):
    """Reads HTML as a browser would: the text, the marked text, and whether every tag is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.marked = ""
        self.cited = ""
        self.hrefs: list[str] = []
        self.tags: set[str] = set()
        self.open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.hrefs += [values["href"] or ""] if "href" in values else []
        if tag not in VOID:
            self.open.append((tag, values.get("id") or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop()[0] == tag, f"</{tag}> crosses another tag"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.marked += data if any(tag == "mark" for tag, _ in self.open) else ""
        self.cited += data if ("mark", "cite") in self.open else ""


# What a page cannot carry is replaced, one for one; the rest must come back as it was.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("<>&\"'`${}[]()*_#|\n\t ÄΩשا🦵\u202e"),
    min_size=1,
    max_size=60,
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """A document of blocks of every kind, with marks anywhere in them, crossing as they like."""
    words = draw(st.lists(texts, min_size=1, max_size=6))
    blocks, at = [], 0
    for text in words:
        start, end = at, at + len(text)
        places = st.integers(start, end)
        marks = tuple(
            Mark(kind=kind, start=min(a, b), end=max(a, b), href=href)
            for kind, a, b, href in draw(
                st.lists(
                    st.tuples(
                        st.sampled_from(["strong", "emphasis", "code", "link"]),
                        places,
                        places,
                        st.sampled_from(["https://e.org/?a=1&b=\"'", "javascript:alert(1)", "#x", None]),
                    ),
                    max_size=4,
                )
            )
        )
        kind = draw(st.sampled_from(["heading", "paragraph", "item", "code", "row"]))
        blocks.append(
            Block(
                kind=kind, start=start, end=end, level=draw(st.integers(0, 7)), ordered=draw(st.booleans()), marks=marks
            )
        )
        at = end + 2
    return Document(id="d", title="D", text="\n\n".join(words), blocks=tuple(blocks))


@given(documents())
def test_a_page_shows_every_character_of_every_block(document: Document) -> None:
    assert Page(article_html(document)).text == "".join(
        document.text[block.start : block.end] for block in document.blocks
    )


@given(documents(), st.data())
def test_exactly_the_cited_characters_are_marked(document: Document, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(document.text)))
    end = data.draw(st.integers(start, len(document.text)))
    page = Page(article_html(document, Span(start=start, end=end)))
    cited = [
        document.text[max(start, block.start) : min(end, block.end)]
        for block in document.blocks
        if max(start, block.start) < min(end, block.end)
    ]
    assert page.marked == "".join(cited)
    assert page.cited == (cited[0] if cited else "")


@given(texts)
def test_escaped_text_reads_back_as_it_was(text: str) -> None:
    assert Page(f'<p title="{escape(text)}">{escape(text)}</p>').text == text


def test_what_a_page_cannot_carry_is_shown_as_a_replacement() -> None:
    assert escape("a\x00b\x1b\ud800") == "a\ufffdb\ufffd\ufffd"


def test_a_quote_that_crosses_formatting_is_one_mark() -> None:
    start = GUIDE.text.index("Hold the pressure")
    end = GUIDE.text.index(" Breathe.")
    html = article_html(GUIDE, Span(start=start, end=end))
    assert html.count("<mark") == 1
    assert (
        "<strong>tender spot and rest on it. </strong>"
        '<mark id="cite"><strong>Hold the <em>pressure</em></strong><em> for thirty</em> to ninety seconds.</mark>'
    ) in html


def test_words_of_the_guide_are_never_markup() -> None:
    html = guide_page(GUIDE)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#x27;guide&#x27;)&lt;/script&gt;" in html


def test_only_harmless_links_are_links() -> None:
    page = Page(article_html(GUIDE))
    assert page.hrefs == ["https://example.org/sitting?a=1&b=2"]
    for href in (
        "javascript:alert(1)",
        " javascript:x",
        "data:text/html,x",
        "//evil.example",
        "/etc",
        "http://a b",
        "",
    ):
        assert safe_href(href) is None
    for href in ("http://a.example", "HTTPS://a.example/x?y=1#z", "mailto:a@example.org", "#part"):
        assert safe_href(href) == href


def test_lists_nest_and_headings_have_anchors_of_their_own() -> None:
    html = article_html(GUIDE)
    assert re.search(
        r"<ul><li>.*<li>\s*Keep the leg heavy\.\s*<ul><li>\s*A pillow helps\.\s*</li></ul>\s*</li></ul>", html, re.S
    )
    twice = Document(
        id="d", title="D", text="Rest\n\nRest\n\nCite",
        blocks=(
            Block(kind="heading", start=0, end=4, level=2), Block(kind="heading", start=6, end=10, level=2),
            Block(kind="heading", start=12, end=16, level=2),
        ),
    )  # fmt: skip
    assert list(heading_anchors(twice).values()) == ["rest", "rest-2", "cite-2"]
    assert '<a href="#rest-2">Rest</a>' in guide_page(twice)


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), ("1", None), ("a", "b"), ("-1", "5"), ("5", "5"), ("9", "3"), ("0", "99999999"), ("1" * 5000, "2")],
)
def test_offsets_outside_the_guide_mark_nothing(start: str | None, end: str | None) -> None:
    assert cited_span(GUIDE, start, end) is None


def test_the_address_of_a_quote_finds_it_on_the_page() -> None:
    quote = "Once a day is enough for most people."
    start = GUIDE.text.index(quote)
    url = passage_url(GUIDE.id, start, start + len(quote), quote)
    found = re.fullmatch(r"/guide/hip-guide\?start=(\d+)&end=(\d+)&sha=([0-9a-f]{12})#cite:~:text=.*", url)
    assert found
    span = cited_span(GUIDE, *found.groups())
    assert Page(article_html(GUIDE, span)).cited == quote


def test_a_quote_that_has_moved_since_is_found_and_one_that_is_gone_is_not() -> None:
    quote = "Once a day is enough for most people."
    start = GUIDE.text.index(quote)
    place = (str(start), str(start + len(quote)), quote_digest(quote))
    moved = GUIDE.model_copy(update={"text": "Something new came before. " + GUIDE.text})
    span = cited_span(moved, *place)
    assert span is not None
    assert moved.text[span.start : span.end] == quote
    shorter = GUIDE.model_copy(update={"text": f"It is brief now.\n{quote}"})
    span = cited_span(shorter, "90000", str(90000 + len(quote)), place[2])
    assert span is not None
    assert shorter.text[span.start : span.end] == quote
    gone = GUIDE.model_copy(update={"text": GUIDE.text.replace(quote, "Twice a day is enough for most of us.")})
    assert cited_span(gone, *place) is None
    assert cited_span(GUIDE, "0", "900000", "0" * 12) is None


def test_the_page_says_so_where_the_passage_of_an_answer_is_gone() -> None:
    app = FastAPI()
    app.include_router(guide_router(lambda: {GUIDE.id: GUIDE}))
    client = TestClient(app)
    assert GONE in client.get("/guide/hip-guide?start=3&end=9&sha=000000000000").text
    assert GONE not in client.get("/guide/hip-guide?start=3&end=9").text
    assert GONE not in client.get("/guide/hip-guide").text


def test_a_page_says_how_old_the_guide_is_and_whose_it_is() -> None:
    html = guide_page(GUIDE)
    assert '<time datetime="2026-03-05">5 March 2026</time>' in html
    assert "Retold from a guide by a therapist." in html
    assert "not medical advice" in html


def test_guides_are_listed_and_a_missing_one_is_told() -> None:
    hostile = GUIDE.model_copy(update={"id": 'a/b"><script>', "title": "<b>A</b>"})
    for page in (listing_page({hostile.id: hostile}), missing_page({hostile.id: hostile})):
        assert 'href="/guide/a%2Fb%22%3E%3Cscript%3E"' in page
        assert "&lt;b&gt;A&lt;/b&gt;" in page
