"""PDF and Word files made for the tests, in our own words."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import docx
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
PROSE = (
    "A stove that is swept every spring burns evenly and leaves little soot behind in the pipe. "
    "Whoever lets it go will notice the smell first and the smoke soon after that. "
    "The brush should be as wide as the pipe, and it goes in from above. "
    "Lay a wet cloth in front of the door before the first stroke, or the carpet will tell the tale for years. "
)


class Printed:
    """A PDF drawn line by line: the printer decides where a line ends, as in a book."""

    def __init__(self, password: str | None = None, title: str | None = None) -> None:
        self.bytes = io.BytesIO()
        self.canvas = Canvas(self.bytes, pagesize=A4, encrypt=password)
        if title:
            self.canvas.setTitle(title)
        self.top = 90.0

    def line(self, text: str, x: float = 72, size: float = 11, bold: bool = False, y: float | None = None) -> None:
        """Draw one line below the last, or at `y` points from the top."""
        self.canvas.setFont("Helvetica-Bold" if bold else "Helvetica", size)
        at = self.top if y is None else y
        self.canvas.drawString(x, HEIGHT - at, text)
        if y is None:
            self.top += size * 1.25

    def lines(self, text: str, width: float = 450, x: float = 72, size: float = 11) -> None:
        """Draw a paragraph, broken where `width` ends."""
        line = ""
        for word in text.split():
            if self.canvas.stringWidth(f"{line} {word}", "Helvetica", size) > width:
                self.line(line, x, size)
                line = word
            else:
                line = f"{line} {word}".strip()
        self.line(line, x, size)

    def gap(self, points: float = 9) -> None:
        self.top += points

    def page(self, top: float = 90.0) -> None:
        self.canvas.showPage()
        self.top = top

    def done(self) -> bytes:
        self.canvas.save()
        return self.bytes.getvalue()


def printed_guide() -> bytes:
    """Three pages with running heads and feet, headings, a list, a table, words cut at line ends."""
    pdf = Printed()
    for number in (1, 2, 3):
        pdf.line("The Stove Keeper's Handbook", x=200, size=8, y=40)
        pdf.line(f"{number} / 3", x=290, size=8, y=810)
        if number == 1:
            pdf.line("Keeping a stove", size=22, bold=True)
            pdf.gap(14)
            pdf.line("Sweeping", size=15, bold=True)
            pdf.gap()
            pdf.lines(PROSE)
            pdf.gap()
            pdf.line("Soot is the enemy of every chim-")
            pdf.line("ney, and a well-swept pipe is its end. A well-")
            pdf.line("swept pipe also draws better.")
            pdf.gap()
            pdf.line("• A brush as wide as the pipe")
            pdf.line("• A wet cloth, and a second one for")
            pdf.line("  the neighbours", x=76)
        elif number == 2:
            pdf.line("Wood", size=15, bold=True)
            pdf.gap()
            pdf.lines(PROSE + "This sentence of the second page breaks off in the middle of")
        else:
            pdf.lines("the line and ends on the third page.")
            pdf.gap()
            pdf.line("How long wood dries", size=11, bold=True)
            pdf.gap()
            for cells in (("Wood", "Months", "Heat"), ("Beech", "24", "high"), ("Spruce", "12", "low")):
                for at, cell in enumerate(cells):
                    pdf.line(cell, x=72 + 140 * at, y=pdf.top)
                pdf.top += 14
        pdf.page()
    return pdf.done()


def printed_columns() -> bytes:
    """A page of two columns under a title across both, drawn row by row as some programs do."""
    pdf = Printed(title="Two columns about stoves")
    pdf.line("A stove in two columns of one page of a magazine", size=20, bold=True)
    pdf.gap(20)
    words = [f"{side}{number}" for side in ("left", "right") for number in range(120)]
    for row in range(24):
        for side in (0, 1):
            at = side * 120 + row * 5
            pdf.line(" ".join(words[at : at + 5]), x=72 + 240 * side, y=pdf.top)
        pdf.top += 14
    return pdf.done()


def word_file(document: Any) -> bytes:
    """Return what Word would have on the disk."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_guide() -> Any:
    """A Word document with styled headings, nested lists, a table, formatted words."""
    document = docx.Document()
    document.add_heading("Keeping a stove", 0)
    document.add_heading("Sweeping", 1)
    paragraph = document.add_paragraph("Sweep the pipe ")
    paragraph.add_run("every spring").bold = True
    paragraph.add_run(", and ")
    paragraph.add_run("never").italic = True
    paragraph.add_run(" while it is warm.")
    document.add_paragraph("A brush", style="List Bullet")
    document.add_paragraph("with a long handle", style="List Bullet 2")
    document.add_paragraph("Open the door.", style="List Number")
    document.add_heading("Wood", 2)
    table = document.add_table(rows=0, cols=2)
    for cells in (("Wood", "Months"), ("Beech", "24")):
        row = table.add_row()
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Burn no wood that was painted.")
    return document


def tracked(document: Any) -> None:
    """Add a paragraph with a change under track changes: one word taken out, one put in."""
    paragraph = document.add_paragraph("Dry wood for ")
    for tag, inner, text in (("w:del", "w:delText", "three"), ("w:ins", "w:t", "two")):
        change = OxmlElement(tag)
        run = OxmlElement("w:r")
        words = OxmlElement(inner)
        words.text = text
        run.append(words)
        change.append(run)
        paragraph._p.append(change)
    paragraph.add_run(" summers.")


def outlined(document: Any, text: str, level: int) -> None:
    """Add a heading that only its outline level tells."""
    paragraph = document.add_paragraph(text)
    mark = OxmlElement("w:outlineLvl")
    mark.set(qn("w:val"), str(level - 1))
    paragraph._p.get_or_add_pPr().append(mark)


def plain_word(sections: Sequence[tuple[str, str]], size: float | None) -> Any:
    """A Word document without styles: its headings are larger, or where `size` is None bold."""
    document = docx.Document()
    for heading, text in sections:
        run = document.add_paragraph().add_run(heading)
        if size is None:
            run.bold = True
        else:
            run.font.size = Pt(size)
        document.add_paragraph(text)
    return document
