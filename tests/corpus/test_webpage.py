"""A saved web page becomes its article: what the author wrote, and nothing of the page around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wellcited.corpus.webpage import parse_webpage
from wellcited.datatypes import BlockKind
from wellcited.errors import CorpusError

PROSE = (
    "A stove that is swept every spring burns evenly and leaves little soot behind in the pipe, "
    "as any sweep will tell. "
    "Whoever lets it go will notice the smell first, and the smoke soon after that."
)
MORE = (
    "Dry wood gives off its heat at once, while wet wood spends half of it on its own water and leaves tar behind. "
    "Two summers under a roof are enough for beech, and one will do for spruce."
)


def page(
    body: str, head: str = "<title>Keeping a stove | Hearth Weekly</title>", tag: str = '<html lang="en">'
) -> bytes:
    return f"<!DOCTYPE html>{tag}<head><meta charset=utf-8>{head}</head><body>{body}</body></html>".encode()


def blocks(data: bytes) -> list[tuple[BlockKind, str]]:
    parsed = parse_webpage(data)
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def texts(data: bytes) -> list[str]:
    return [text for _, text in blocks(data)]


def test_what_surrounds_the_article_is_gone() -> None:
    data = page(
        '<div class="cookie-banner"><p>We value your privacy. '
        "We and our partners store cookies on your device.</p></div>"
        '<nav><ul><li><a href="/">Home</a></li><li><a href="/s">Stoves</a></li></ul></nav>'
        '<script>var x = "script";</script>'
        f'<article><h1>Keeping a stove</h1><p class="byline">By Ada Moss, stove correspondent</p>'
        "<time>4 May 2023</time>"
        f"<p>{PROSE}</p><style>p{{}}</style><h2>Wood</h2><p>{MORE}</p><!-- a remark -->"
        '<div class="share-bar"><a href="#">Share on Facebook</a></div></article>'
        '<aside class="sidebar"><h3>Most read</h3>'
        '<ul><li><a href="/1">Ten soups for autumn evenings</a></li></ul></aside>'
        '<section id="comments"><h2>2 comments</h2>'
        "<p>I swept mine last week and it made such a difference, thank you.</p></section>"
        "<footer><p>Hearth Weekly, 12 Quay Street. All rights reserved.</p></footer>"
    )
    assert blocks(data) == [("paragraph", PROSE), ("heading", "Wood"), ("paragraph", MORE)]


def test_title_language_and_address_are_facts_of_the_document() -> None:
    facts = parse_webpage(
        page(
            f"<h1>Keeping a stove</h1><p>{PROSE}</p><p>{MORE}</p>",
            '<title>Keeping a stove | Hearth Weekly</title><link rel="canonical" href="https://hearth.example/stove">',
            '<html lang="en-GB">',
        )
    ).facts
    assert (facts.title, facts.language, facts.source_url) == ("Keeping a stove", "en", "https://hearth.example/stove")


@pytest.mark.parametrize(
    ("head", "heading", "title"),
    [
        ("<title>Keeping a stove - Hearth Weekly</title>", "", "Keeping a stove"),
        ("<title>Stoves: keeping one well</title>", "", "Stoves: keeping one well"),
        ("<title>Keeping a stove | Stoves | Hearth Weekly</title>", "", "Keeping a stove"),
        ("<title>Hearth</title><meta property='og:title' content='Keeping a stove'>", "", "Keeping a stove"),
        (
            "<title>x</title><meta property='og:title' content='Keep a stove – Hearth'>"
            "<meta property='og:site_name' content='Hearth'>",
            "",
            "Keep a stove",
        ),
        (
            "<title>Keeping a stove – Hearth Weekly</title>",
            "<h1>Hearth Weekly</h1><h2>Keeping a stove</h2>",
            "Keeping a stove",
        ),
        ("", "<h1>Keeping a stove</h1>", "Keeping a stove"),
        ("<title></title>", "", None),
    ],
)
def test_the_title_is_told_without_the_name_of_the_site(head: str, heading: str, title: str | None) -> None:
    assert parse_webpage(page(f"{heading}<p>{PROSE}</p><p>{MORE}</p>", head)).facts.title == title


@pytest.mark.parametrize("address", ["javascript:alert(1)", "/stove", "ftp://x.example/a", "https://x .example/"])
def test_an_address_that_is_not_on_the_web_is_none(address: str) -> None:
    head = f'<link rel="canonical" href="{address}">'
    assert parse_webpage(page(f"<p>{PROSE}</p>", head)).facts.source_url is None


def test_lists_keep_their_nesting_and_their_kind() -> None:
    parsed = parse_webpage(
        page(
            f"<article><p>{PROSE}</p><ul><li>Shelter<ul><li>Tent</li>"
            "<li>Pegs<ol><li>Twelve of steel</li></ol></li></ul>"
            f"</li><li><p>Kitchen</p></li></ul><p>{MORE}</p></article>"
        )
    )
    items = [(parsed.text[b.start : b.end], b.level, b.ordered) for b in parsed.blocks if b.kind == "item"]
    assert items == [
        ("Shelter", 1, False),
        ("Tent", 2, False),
        ("Pegs", 2, False),
        ("Twelve of steel", 3, True),
        ("Kitchen", 1, False),
    ]


def test_a_table_of_data_becomes_rows_and_one_of_layout_does_not() -> None:
    data = page(
        f"<article><p>{PROSE}</p><table><tr><th>Wood</th><th>Months</th></tr><tr><td>Beech</td><td>24</td></tr></table>"
        f"<p>{MORE}</p></article>"
    )
    assert [text for kind, text in blocks(data) if kind == "row"] == ["Wood | Months", "Beech | 24"]
    layout = page(f"<table><tr><td><a href=/>Home</a></td><td><p>{PROSE}</p><p>{MORE}</p></td></tr></table>")
    assert ("row", f"Home | {PROSE} {MORE}") not in blocks(layout)
    assert texts(layout)[-2:] == [PROSE, MORE]


def test_code_keeps_its_lines_and_marks_stand_on_their_words() -> None:
    parsed = parse_webpage(
        page(
            f"<article><p>{PROSE}</p><pre>def f():\n    return 1\n</pre><p>Use <b>dry</b> wood, <i>never</i> "
            f'<a href="/wet">wet</a> wood, and type <code>burn()</code> now. {MORE}</p></article>',
            '<link rel="canonical" href="https://hearth.example/a/">',
        )
    )
    assert [parsed.text[b.start : b.end] for b in parsed.blocks if b.kind == "code"] == ["def f():\n    return 1"]
    marks = {(m.kind, parsed.text[m.start : m.end], m.href) for b in parsed.blocks for m in b.marks}
    assert marks == {
        ("strong", "dry", None),
        ("emphasis", "never", None),
        ("link", "wet", "https://hearth.example/wet"),
        ("code", "burn()", None),
    }


def test_a_link_that_would_run_a_script_is_plain_words() -> None:
    parsed = parse_webpage(page(f'<p>{PROSE} <a href=" JavaScript:alert(1)">Click here</a> to read on. {MORE}</p>'))
    assert "Click here" in parsed.text
    assert not any(block.marks for block in parsed.blocks)


def test_what_a_browser_does_not_show_is_not_read() -> None:
    hidden = (
        '<p hidden>Hidden one.</p><p style="display: none">Hidden two.</p><template><p>Hidden three.</p></template>'
        '<noscript>Hidden four.</noscript><select><option>Hidden five.</select><span class="sr-only">Hidden six.</span>'
        "<p><s>Hidden seven.</s></p>"
    )
    data = page(f"<article><p>{PROSE}</p>{hidden}<p>{MORE}</p></article>")
    assert texts(data) == [PROSE, MORE]


def test_an_article_that_a_script_would_unfold_is_read() -> None:
    data = page(f'<div><a href="/">Home</a></div><div style="display:none"><p>{PROSE}</p><p>{MORE}</p></div>')
    assert texts(data) == [PROSE, MORE]


def test_the_question_of_a_folded_answer_is_its_heading() -> None:
    data = page(
        f"<main><h3><button>How often is it swept?</button></h3><div><p>{PROSE}</p></div>"
        f"<h3><button>How dry must wood be?</button></h3><div><p>{MORE}</p></div></main>"
    )
    assert blocks(data) == [
        ("heading", "How often is it swept?"),
        ("paragraph", PROSE),
        ("heading", "How dry must wood be?"),
        ("paragraph", MORE),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Next, press the muscle for 30 seconds.",
        "No.",
        "Share this leaflet with your doctor.",
        "Modified plank, 30 seconds",
        "Watch out: hot water burns.",
        "By then, the pain had gone.",
        "Sign up for a class at your gym.",
        "Published trials are few.",
        "(c) any person who keeps a stove",
        "Previous injuries matter.",
        "« Oui, dit-elle, tous les jours. »",
        "Report any numbness at once.",
    ],
)
def test_a_short_line_that_a_guide_says_to_its_readers_is_kept(line: str) -> None:
    assert texts(page(f"<article><p>{PROSE}</p><p>{line}</p><p>{MORE}</p></article>")) == [PROSE, line, MORE]


def test_a_section_of_recommended_exercises_is_no_teaser() -> None:
    data = page(
        f"<article><p>{PROSE}</p><p>{MORE}</p><h2>Recommended exercises</h2><ul><li>Lie on your front.</li>"
        "<li>Press with the ball.</li><li>Rest for a minute.</li></ul><h2>Related articles</h2><ul>"
        '<li><a href="/1">Ten soups for autumn</a></li><li><a href="/2">Why doors are blue</a></li></ul></article>'
    )
    exercises = ["Lie on your front.", "Press with the ball.", "Rest for a minute."]
    assert texts(data)[2:] == ["Recommended exercises", *exercises]


def test_one_long_paragraph_does_not_push_out_the_short_ones() -> None:
    long = " ".join([PROSE, MORE] * 12)
    data = page(f"<div><div class=a>{long}</div><div class=b>{PROSE}</div><div class=c>{MORE}</div></div>")
    assert texts(data) == [long, PROSE, MORE]


def test_a_wrapper_named_after_a_sidebar_or_a_widget_is_not_one() -> None:
    data = page(
        f'<div class="has-sidebar cookie-consent menu-open"><div class="elementor-widget"><p>{PROSE}</p></div>'
        f'<div class="elementor-widget"><p>{MORE}</p></div></div>'
    )
    assert texts(data) == [PROSE, MORE]


def test_the_marks_of_footnotes_are_no_words_and_the_notes_are() -> None:
    data = page(
        f'<article><p>{PROSE}<sup><a href="#n1">1</a></sup></p><p>{MORE}<sup id=r><a href="#n2">[2]</a></sup></p>'
        '<ol><li id=n1>The guild book of Holm, second volume. <a href="#r">↩</a></li></ol></article>'
    )
    assert texts(data) == [PROSE, MORE, "The guild book of Holm, second volume."]


def test_headings_out_of_order_and_twice_the_same_stay_as_they_are() -> None:
    data = page(f"<article><h4>Wood</h4><p>{PROSE}</p><h2>Wood</h2><p>{MORE}</p><h3>Nothing below</h3></article>", "")
    assert [text for kind, text in blocks(data) if kind == "heading"] == ["Wood", "Wood"]


def test_text_from_right_to_left_is_read_in_its_order() -> None:
    arabic = "النوم الجيد يبدأ قبل ساعة من موعد السرير. أطفئ الشاشات، واترك الهاتف في غرفة أخرى، واقرأ شيئاً هادئاً."
    parsed = parse_webpage(
        page(f"<h1>دليل النوم</h1><p>{arabic}</p>", "<title>دليل النوم</title>", '<html lang="ar" dir=rtl>')
    )
    assert (parsed.facts.title, parsed.facts.language, parsed.text) == ("دليل النوم", "ar", arabic)


def test_a_page_without_any_structure_is_read() -> None:
    data = f"<html><body><div>{PROSE}<br><br>{MORE}</div>".encode()
    assert texts(data) == [PROSE, MORE]
    long = " ".join([PROSE, MORE] * 90)
    assert texts(page(f"<p>{long}</p>")) == [long]


@pytest.mark.parametrize(
    ("encoding", "meta"),
    [
        ("utf-8", ""),
        ("utf-16", ""),
        ("windows-1252", '<meta charset="windows-1252">'),
        ("windows-1252", '<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-1">'),
        ("windows-1252", ""),
        ("utf-8", '<meta charset="iso-8859-1">'),
        ("windows-1252", '<meta charset="no-such-charset">'),
    ],
)
def test_letters_are_right_whatever_the_page_says_of_its_encoding(encoding: str, meta: str) -> None:
    german = (
        "Wer im Winter heizt, ohne zu lüften, holt sich die Feuchte in die Wände – „das ist teuer“, sagt Käthe Öhl."
    )
    assert texts(f"<html><head>{meta}</head><body><p>{german}</p></body></html>".encode(encoding)) == [german]


def test_an_article_that_stands_only_in_the_data_of_the_page_is_read() -> None:
    data = json.dumps({"@type": "NewsArticle", "articleBody": f"{PROSE} {MORE}"})
    words = page(f'<script type="application/ld+json">{data}</script><div id="app">Loading</div>')
    assert parse_webpage(words).text == f"{PROSE} {MORE}"


@pytest.mark.parametrize(
    "data", [b"", b"   ", b"<html></html>", b"<html><body><script>x</script></body></html>", b"\0\0"]
)
def test_a_page_without_words_is_refused(data: bytes) -> None:
    with pytest.raises(CorpusError, match=r"article|web page"):
        parse_webpage(data)


def test_entities_of_a_page_are_neither_expanded_without_end_nor_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words", "utf-8")
    bomb = "".join(
        f'<!ENTITY {a} "{"&" + b + ";" * 1}{("&" + b + ";") * 9}">' for a, b in zip("abcdefg", "bcdefgh", strict=True)
    )
    doctype = f'<!DOCTYPE html [<!ENTITY h "hhhhhhhhhh">{bomb}<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    parsed = parse_webpage(f"{doctype}<html><body><p>{PROSE}</p><p>&a; &x; {MORE}</p></body></html>".encode())
    assert "secret words" not in parsed.text
    assert len(parsed.text) < 2000
