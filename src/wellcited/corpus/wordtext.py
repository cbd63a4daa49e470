"""The runs of a Word paragraph -> its text, with bold, italics and links as marks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wellcited.corpus.parsed import without_empty
from wellcited.corpus.wordstyles import Package
from wellcited.corpus.wordxml import attribute, is_on, name_of, number, value_of
from wellcited.datatypes import Mark

MAX_DEPTH = 100
"""Deeper in one another elements are not read."""


@dataclass
class Paragraph:
    """One block as it is found: `level` from 1 on is a heading, `item` from 1 on a list item, so deep."""

    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    level: int = 0
    item: int = 0
    ordered: bool = False
    size: float = 0.0
    bold: bool = False
    is_title: bool = False
    row: bool = False
    note: bool = False


class Words:
    """The words of one paragraph, with their marks, the notes they point to and the boxes that hang on them."""

    def __init__(self, package: Package, size: float, bold: bool) -> None:
        self._package = package
        self.size = size
        self.bold = bold
        self.text = ""
        self.marks: list[Mark] = []
        self.notes: list[tuple[str, str]] = []
        self.boxes: list[Any] = []
        self.sizes: dict[float, int] = {}
        self.bold_letters = 0
        self.letters = 0

    def walk(self, parent: Any, depth: int) -> None:
        """Read what stands in `parent`, which is `depth` elements deep."""
        if depth > MAX_DEPTH:
            return
        for element in parent:
            match name_of(element):
                case "r":
                    self._run(element, depth)
                case "hyperlink":
                    start = len(self.text)
                    self.walk(element, depth + 1)
                    target = self._package.links.get(attribute(element, "id") or "")
                    if target and start < len(self.text):
                        self.marks.append(Mark(kind="link", start=start, end=len(self.text), href=target))
                case "del" | "moveFrom" | "pPr" | "Fallback" | "sdtPr" | "rPr":
                    pass
                case "t":
                    self.text += element.text or ""
                case _:
                    self.walk(element, depth + 1)

    def _run(self, run: Any, depth: int) -> None:
        size, bold, italic = self.size, self.bold, False
        for inner in run:
            if name_of(inner) == "rPr":
                for prop in inner:
                    match name_of(prop):
                        case "vanish" | "del" if is_on(prop):
                            return
                        case "sz":
                            size = number(value_of(prop), 22) / 2
                        case "b":
                            bold = is_on(prop)
                        case "i":
                            italic = is_on(prop)
                        case "rStyle":
                            for style in self._package.chain(value_of(prop)):
                                bold = bold or bool(style.bold)
        start = len(self.text)
        self._contents(run, depth)
        written = sum(not char.isspace() for char in self.text[start:])
        self.sizes[size] = self.sizes.get(size, 0) + written
        self.letters += written
        self.bold_letters += written if bold else 0
        for kind, on in (("strong", bold), ("emphasis", italic)):
            if on and written:
                self.marks.append(Mark(kind=kind, start=start, end=len(self.text)))

    def _contents(self, parent: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        for inner in parent:
            match name_of(inner):
                case "t":
                    self.text += inner.text or ""
                case "tab" | "ptab":
                    self.text += "\t"
                case "br" | "cr":
                    self.text += "\n" if attribute(inner, "type") in (None, "textWrapping") else ""
                case "noBreakHyphen":
                    self.text += "-"
                case "footnoteReference" | "endnoteReference":
                    self.notes.append((name_of(inner).removesuffix("Reference") + "s", attribute(inner, "id") or ""))
                case "txbxContent":
                    self.boxes.append(inner)
                case "rPr" | "delText" | "instrText" | "Fallback" | "fldChar":
                    pass
                case _:
                    self._contents(inner, depth + 1)

    def finish(self) -> Paragraph:
        """Return the paragraph without space around it, its size that of most letters."""
        lead = len(self.text) - len(self.text.lstrip())
        text = self.text.strip()
        whole_bold = self.letters > 0 and self.bold_letters >= 0.95 * self.letters
        marks = [
            mark.model_copy(update={"start": max(0, mark.start - lead), "end": min(len(text), mark.end - lead)})
            for mark in self.marks
            if not (self.bold and mark.kind == "strong")
        ]
        return Paragraph(
            text=text,
            marks=without_empty(_joined(marks)),
            size=max(self.sizes, key=lambda size: self.sizes[size], default=self.size),
            bold=whole_bold,
        )


def _joined(marks: list[Mark]) -> list[Mark]:
    """Join marks of one kind that touch: Word cuts a bold sentence into runs as it likes."""
    joined: list[Mark] = []
    last: dict[str, int] = {}
    for mark in marks:
        before = last.get(mark.kind)
        if before is not None and mark.kind != "link" and joined[before].end == mark.start:
            joined[before] = joined[before].model_copy(update={"end": mark.end})
        else:
            last[mark.kind] = len(joined)
            joined.append(mark)
    return joined
