"""A Word file becomes its words under its headings, without what was deleted."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from wellcited.corpus.parsed import Parsed
from wellcited.corpus.word import OLE, parse_word
from wellcited.errors import CorpusError

from .makers import outlined, plain_word, tracked, word_file, word_guide

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def read(document: Any) -> Parsed:
    return parse_word(io.BytesIO(word_file(document)))


def outline(parsed: Parsed) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, parsed.text[block.start : block.end]) for block in parsed.blocks]


def test_headings_lists_tables_and_formatted_words_are_kept() -> None:
    parsed = read(word_guide())
    assert outline(parsed) == [
        ("heading", 1, "Keeping a stove"),
        ("heading", 2, "Sweeping"),
        ("paragraph", 0, "Sweep the pipe every spring, and never while it is warm."),
        ("item", 1, "A brush"),
        ("item", 2, "with a long handle"),
        ("item", 1, "Open the door."),
        ("heading", 3, "Wood"),
        ("row", 0, "Wood | Months"),
        ("row", 0, "Beech | 24"),
        ("paragraph", 0, "Burn no wood that was painted."),
    ]
    assert [block.ordered for block in parsed.blocks if block.kind == "item"] == [False, False, True]
    marks = [(mark.kind, parsed.text[mark.start : mark.end]) for block in parsed.blocks for mark in block.marks]
    assert marks == [("strong", "every spring"), ("emphasis", "never")]
    assert parsed.facts.title == "Keeping a stove"


def test_what_was_deleted_under_track_changes_is_gone_and_what_was_put_in_is_there() -> None:
    document = docx.Document()
    tracked(document)
    assert read(document).text == "Dry wood for two summers."


def test_a_heading_is_told_by_its_outline_level_whatever_its_style_is_called() -> None:
    document = docx.Document()
    outlined(document, "Asche", 2)
    document.add_paragraph("Let it cool.")
    style = document.styles.add_style("Überschrift Eigen", 1)
    style.base_style = document.styles["Heading 3"]
    document.add_paragraph("Glut", style=style)
    document.add_paragraph("It glows.")
    assert [(level, text) for kind, level, text in outline(read(document)) if kind == "heading"] == [
        (2, "Asche"),
        (3, "Glut"),
    ]


@pytest.mark.parametrize("size", [16.0, None])
def test_without_styles_headings_are_told_by_size_or_weight(size: float | None) -> None:
    parsed = read(plain_word([("Sweeping", "Sweep it in spring. Do it well."), ("Wood", "Keep it dry.")], size))
    assert [(kind, text) for kind, _, text in outline(parsed)] == [
        ("heading", "Sweeping"),
        ("paragraph", "Sweep it in spring. Do it well."),
        ("heading", "Wood"),
        ("paragraph", "Keep it dry."),
    ]


def test_a_footnote_follows_the_paragraph_that_points_to_it() -> None:
    document = docx.Document()
    for text in ("Sweep the pipe every spring", "Burn dry wood."):
        document.add_paragraph(text)
    run = document.paragraphs[0].add_run()
    mark = OxmlElement("w:footnoteReference")
    mark.set(qn("w:id"), "2")
    run._r.append(mark)
    document.paragraphs[0].add_run(".")
    notes = (
        f'<w:footnotes xmlns:w="{W}"><w:footnote w:type="separator" w:id="0"><w:p><w:r><w:t>----</w:t></w:r></w:p>'
        '</w:footnote><w:footnote w:id="2"><w:p>'
        "<w:r><w:footnoteRef/></w:r><w:r><w:t> So says the guild.</w:t></w:r></w:p>"
        "</w:footnote></w:footnotes>"
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)
    assert read(document).text == "Sweep the pipe every spring.\n\nSo says the guild.\n\nBurn dry wood."


def test_a_line_break_a_tab_and_special_hyphens_are_kept_apart() -> None:
    document = docx.Document()
    run = document.add_paragraph("one").add_run()
    run.add_break()
    run.add_text("two\tthree")
    for tag in ("w:noBreakHyphen", "w:softHyphen"):
        run._r.append(OxmlElement(tag))
    run.add_text("four")
    assert read(document).text == "one\ntwo\tthree-four"


def test_hidden_words_are_not_read() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Seen. ")
    paragraph.add_run("Hidden.").font.hidden = True
    assert read(document).text == "Seen."


def test_a_table_of_one_column_is_a_frame_around_its_paragraphs() -> None:
    document = docx.Document()
    cell = document.add_table(rows=1, cols=1).rows[0].cells[0]
    cell.text = "First."
    cell.add_paragraph("Second.")
    assert [kind for kind, _, _ in outline(read(document))] == ["paragraph", "paragraph"]


def test_a_link_keeps_its_address() -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("See ")
    link = OxmlElement("w:hyperlink")
    link.set(qn("r:id"), document.part.relate_to("https://x.example/", RELATIONSHIP_TYPE.HYPERLINK, is_external=True))
    run = OxmlElement("w:r")
    words = OxmlElement("w:t")
    words.text = "the guild"
    run.append(words)
    link.append(run)
    paragraph._p.append(link)
    parsed = read(document)
    (mark,) = parsed.blocks[0].marks
    assert (parsed.text[mark.start : mark.end], mark.href) == ("the guild", "https://x.example/")


def archive(**parts: str) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as written:
        for name, text in parts.items():
            written.writestr(f"word/{name}.xml", text)
    data.seek(0)
    return data


def refusal(source: io.BytesIO, max_unpacked_mb: float = 1.0) -> str:
    with pytest.raises(CorpusError) as caught:
        parse_word(source, max_unpacked_mb)
    return str(caught.value)


def test_a_file_that_unpacks_to_more_than_allowed_is_refused_before_it_does() -> None:
    assert refusal(archive(document=" " * 2_000_000)).startswith(
        "has 2 MB unpacked, more than the 1 MB allowed; split it"
    )


def test_a_file_behind_a_password_is_named_and_so_is_one_of_the_old_kind() -> None:
    assert refusal(io.BytesIO(OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))).startswith(
        "is protected by a"
    )
    assert refusal(io.BytesIO(OLE + b"\0" * 600)).startswith("is a Word file of the old kind")


@pytest.mark.parametrize("source", [b"", b"PK\x03\x04", b"no zip at all", word_file(docx.Document())[:2000]])
def test_a_damaged_file_is_refused_in_one_line(source: bytes) -> None:
    assert "open it in Word and save it again" in refusal(io.BytesIO(source))


@pytest.mark.parametrize("body", ["<a>", f'<w:document xmlns:w="{W}"/>', "x"])
def test_a_file_with_a_damaged_part_is_refused(body: str) -> None:
    assert "damaged" in refusal(archive(document=body))


def test_entities_are_not_expanded() -> None:
    bomb = "".join(f'<!ENTITY {a} "{("&" + b + ";") * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    body = f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>A word. &a;</w:t></w:r></w:p></w:body></w:document>'
    source = archive(document=f'<!DOCTYPE a [<!ENTITY i "iiiiiiiiii">{bomb}]>{body}')
    try:
        told = parse_word(source).text
    except CorpusError as error:  # libxml2 may refuse it whole
        told = str(error)
    assert len(told) < 300
    assert told.startswith(("A word.", "is damaged"))
