"""A PDF becomes the text that was printed: in reading order, without what comes on every page."""

from __future__ import annotations

import io

import pytest
from reportlab.lib.utils import ImageReader

from wellcited.answering import cite
from wellcited.corpus.parsed import Parsed
from wellcited.corpus.pdf import parse_pdf
from wellcited.corpus.splitting import split
from wellcited.datatypes import Document, Hit
from wellcited.errors import CorpusError

from .makers import PROSE, Printed, printed_columns, printed_guide


def outline(parsed: Parsed) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, parsed.text[block.start : block.end]) for block in parsed.blocks]


def test_a_printed_guide_is_read_as_it_was_written() -> None:
    parsed = parse_pdf(printed_guide())
    assert outline(parsed) == [
        ("heading", 1, "Keeping a stove"),
        ("heading", 2, "Sweeping"),
        ("paragraph", 0, PROSE.strip()),
        (
            "paragraph",
            0,
            "Soot is the enemy of every chimney, and a well-swept pipe is its end. "
            "A well-swept pipe also draws better.",
        ),
        ("item", 1, "A brush as wide as the pipe"),
        ("item", 1, "A wet cloth, and a second one for the neighbours"),
        ("heading", 2, "Wood"),
        (
            "paragraph",
            0,
            f"{PROSE}This sentence of the second page breaks off in the middle of the line and ends on the third page.",
        ),
        ("heading", 3, "How long wood dries"),
        ("row", 0, "Wood | Months | Heat"),
        ("row", 0, "Beech | 24 | high"),
        ("row", 0, "Spruce | 12 | low"),
    ]
    assert parsed.facts.title == "Keeping a stove"


def test_every_page_is_known_by_where_it_starts_in_the_text() -> None:
    parsed = parse_pdf(printed_guide())
    assert [parsed.text[at:].split()[0] for at in parsed.pages] == ["Keeping", "Wood", "the"]


def test_a_citation_says_its_page() -> None:
    parsed = parse_pdf(printed_guide())
    document = Document(id="d", title="Stove", text=parsed.text, blocks=parsed.blocks, pages=parsed.pages)
    quotes = [Hit(passage, passage.start, passage.end, 1.0) for passage in split(document)]
    pages = [citation.page for citation in cite(quotes, {"d": document})]
    assert pages[0] == 1
    assert pages[-1] == 3
    assert pages == sorted(page for page in pages if page is not None)


def test_two_columns_are_read_one_after_the_other() -> None:
    parsed = parse_pdf(printed_columns())
    assert parsed.text.split()[11:] == [f"{side}{number}" for side in ("left", "right") for number in range(120)]
    assert parsed.facts.title == "Two columns about stoves"


def test_a_page_without_text_among_others_keeps_the_count() -> None:
    pdf = Printed()
    pdf.lines(PROSE)
    pdf.page()
    pdf.page()
    pdf.lines("The third page says something else altogether.")
    parsed = parse_pdf(pdf.done())
    assert len(parsed.pages) == 3
    assert parsed.pages[1] == parsed.pages[2] == parsed.text.index("The third page")


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_was_drawn_turned_is_read(turn: int) -> None:
    pdf = Printed()
    pdf.canvas.translate(300, 400)
    pdf.canvas.rotate(turn)
    pdf.canvas.translate(-300, -400)
    pdf.lines(PROSE)
    assert parse_pdf(pdf.done()).text == PROSE.strip()


def test_a_stamp_across_the_page_is_not_read() -> None:
    pdf = Printed()
    pdf.lines(PROSE)
    pdf.canvas.translate(200, 200)
    pdf.canvas.rotate(45)
    pdf.canvas.drawString(0, 0, "DRAFT")
    assert parse_pdf(pdf.done()).text == PROSE.strip()


def test_the_title_that_a_program_made_up_is_not_the_title() -> None:
    pdf = Printed(title="Microsoft Word - stove_final2.doc")
    pdf.line("Keeping a stove", size=20)
    pdf.gap()
    pdf.lines(PROSE)
    assert parse_pdf(pdf.done()).facts.title == "Keeping a stove"


def refusal(data: bytes, max_pages: int = 1000) -> str:
    with pytest.raises(CorpusError) as caught:
        parse_pdf(data, max_pages)
    return str(caught.value)


def test_a_file_behind_a_password_is_named() -> None:
    pdf = Printed("open sesame")
    pdf.lines(PROSE)
    assert refusal(pdf.done()) == "is protected by a password; save it without one"


def test_a_scan_without_text_is_told_so() -> None:
    from PIL import Image

    picture = io.BytesIO()
    Image.new("RGB", (60, 80), "grey").save(picture, "PNG")
    pdf = Printed()
    pdf.canvas.drawImage(ImageReader(io.BytesIO(picture.getvalue())), 0, 0, 595, 842)
    assert refusal(pdf.done()).startswith(
        "is scanned: its pages are pictures without text; run it through text recognition"
    )


def test_a_file_of_too_many_pages_is_refused() -> None:
    pdf = Printed()
    for _ in range(4):
        pdf.line("A page.")
        pdf.page()
    assert refusal(pdf.done(), 3) == "has 4 pages, more than the 3 allowed; split it, or raise WELLCITED_MAX_PAGES"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"no pdf", printed_guide()[:300]])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("is damaged or no PDF")
