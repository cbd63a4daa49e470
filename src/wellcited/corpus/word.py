"""A Word file (.docx) as text and blocks, read from its parts: what was deleted under track changes is gone.

python-docx and mammoth leave out footnotes or outline levels, so the parts are read as they are (ECMA-376, part 1).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from wellcited.corpus.parsed import BlockWriter, Facts, Parsed
from wellcited.corpus.wordstyles import Package, Style
from wellcited.corpus.wordtext import MAX_DEPTH, Paragraph, Words
from wellcited.corpus.wordxml import is_deleted, name_of, number, value_of, within
from wellcited.errors import CorpusError

MAX_UNPACKED_MB = 200.0
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SENTENCE_END = re.compile(r"[.;,:…]$")
_LIST_STYLE = re.compile(r"list (?:bullet|number) ([2-9])", re.IGNORECASE)
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_TABLE_OF_CONTENTS = re.compile(r"toc(?: heading| ?\d)|table of figures", re.IGNORECASE)
MAX_HEADING = 120
LARGER = 1.15
"""How much larger than the body the letters of a heading are where no style says that it is one."""


def parse_word(source: IO[bytes], max_unpacked_mb: float = MAX_UNPACKED_MB) -> Parsed:
    """Return the Word file `source`: headings by style or outline, else by size and weight; lists, tables, footnotes.

    Raises CorpusError for a file that is damaged, protected by a password, or larger unpacked than allowed.
    """
    start = source.read(8)
    source.seek(0)
    if start == OLE:
        protected = _OLE_ENCRYPTED in source.read()
        raise CorpusError(
            "is protected by a password; save it without one"
            if protected
            else "is a Word file of the old kind (.doc); save it as .docx"
        )
    try:
        with zipfile.ZipFile(source) as archive:
            size = sum(part.file_size for part in archive.infolist())
            if size > max_unpacked_mb * 1_000_000:
                raise CorpusError(
                    f"has {size / 1e6:.0f} MB unpacked, more than the {max_unpacked_mb:g} MB allowed; "
                    "split it, or raise WELLCITED_MAX_UNPACKED_MB"
                )
            if any(part.flag_bits & 1 for part in archive.infolist()):
                raise CorpusError("is protected by a password; save it without one")
            return _Reader(Package(archive)).read()
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        OSError,
        EOFError,
        KeyError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise CorpusError(f"is damaged or no Word file: {error}; open it in Word and save it again") from error


class _Reader:
    def __init__(self, package: Package) -> None:
        self._package = package

    def read(self) -> Parsed:
        body = self._package.body()
        if body is None:
            raise CorpusError("is damaged: it has no body; open it in Word and save it again")
        paragraphs = list(self._blocks(body, 0))
        if not any(paragraph.level for paragraph in paragraphs):
            self._find_headings(paragraphs)
        under = int(any(one.is_title for one in paragraphs[:1]))  # the headings of a titled guide stand under its title
        writer = BlockWriter()
        for paragraph in paragraphs:
            if paragraph.row:
                writer.add("row", paragraph.text)
            elif paragraph.level:
                writer.add(
                    "heading",
                    " ".join(paragraph.text.split()),
                    level=min(6, paragraph.level + (0 if paragraph.is_title else under)),
                )
            elif paragraph.item:
                writer.add("item", paragraph.text, paragraph.marks, paragraph.item, paragraph.ordered)
            else:
                writer.add("paragraph", paragraph.text, paragraph.marks)
        text, blocks = writer.finish()
        return Parsed(text=text, blocks=blocks, facts=self._facts(paragraphs))

    def _facts(self, paragraphs: list[Paragraph]) -> Facts:
        title = next((" ".join(paragraph.text.split()) for paragraph in paragraphs if paragraph.is_title), None)
        return Facts(title=title or None, language=self._package.language)

    def _blocks(self, parent: Any, depth: int) -> Iterator[Paragraph]:
        if depth > MAX_DEPTH:
            return
        for element in parent:
            match name_of(element):
                case "p":
                    yield from self._paragraph(element, depth)
                case "tbl":
                    yield from self._table(element, depth)
                case "del" | "moveFrom" | "sectPr" | "Fallback":
                    pass
                case _:
                    yield from self._blocks(element, depth + 1)

    def _table(self, table: Any, depth: int) -> Iterator[Paragraph]:
        rows = [list(within(row, "tc")) for row in within(table, "tr") if not is_deleted(row)]
        if all(len(cells) < 2 for cells in rows):
            for cells in rows:
                for cell in cells:
                    yield from self._blocks(cell, depth + 1)
            return
        notes: list[Paragraph] = []
        for cells in rows:
            texts = []
            for cell in cells:
                inner = list(self._blocks(cell, depth + 1))
                notes += [paragraph for paragraph in inner if paragraph.note]
                texts.append(" ".join(" ".join(one.text.split()) for one in inner if not one.note))
            while texts and not texts[-1]:
                texts.pop()
            if any(texts):
                yield Paragraph(text=" | ".join(texts), row=True)
        yield from notes

    def _paragraph(self, element: Any, depth: int) -> Iterator[Paragraph]:
        properties = next((inner for inner in element if name_of(inner) == "pPr"), None)
        own = {name_of(inner): inner for inner in properties} if properties is not None else {}
        chain = list(self._package.chain(value_of(own["pStyle"]) if "pStyle" in own else "Normal"))
        name = chain[0].name if chain else ""
        if _TABLE_OF_CONTENTS.fullmatch(name):
            return
        words = Words(
            self._package,
            next((s.size for s in chain if s.size), self._package.base_size),
            next((bool(s.bold) for s in chain if s.bold is not None), False),
        )
        words.walk(element, depth)
        found = words.finish()
        found.level = self._level(own, chain)
        found.is_title = name.casefold() == "title"
        if not found.level:
            self._list_place(found, own, chain)
        if found.text.strip():
            yield found
        for box in words.boxes:
            yield from self._blocks(box, depth + 1)
        for key in words.notes:
            if key in self._package.notes:
                note = self._package.notes.pop(key)  # a note that two marks point to is told once
                for inner in self._blocks(note, depth + 1):
                    inner.note, inner.level, inner.is_title = True, 0, False
                    inner.text = inner.text.strip()
                    yield inner

    def _level(self, own: dict[str, Any], chain: list[Style]) -> int:
        outline = int(number(value_of(own["outlineLvl"]), 9)) if "outlineLvl" in own else None
        if outline is None:
            for style in chain:
                if found := _HEADING_STYLE.fullmatch(style.name):
                    return int(found[1])
                if style.name.casefold() == "title":
                    return 1
                if style.level is not None:
                    outline = style.level
                    break
        return outline + 1 if outline is not None and outline < 9 else 0

    def _list_place(self, found: Paragraph, own: dict[str, Any], chain: list[Style]) -> None:
        list_id, level = None, None
        for inner in own.get("numPr", ()):
            if name_of(inner) == "numId":
                list_id = value_of(inner)
            elif name_of(inner) == "ilvl":
                level = int(number(value_of(inner), 0))
        styled = next((style for style in chain if style.list_id), None)
        if list_id is None and styled is not None:
            list_id, level = styled.list_id, styled.list_level if level is None else level
        name = chain[0].name.casefold() if chain else ""
        if level in (None, 0) and (deeper := _LIST_STYLE.fullmatch(name)):
            level = int(deeper[1]) - 1
        if list_id not in (None, "0"):
            level = min(8, max(0, level or 0))
            forms = self._package.numbering.get(list_id or "", {})
            found.item, found.ordered = level + 1, forms.get(level, forms.get(0, "decimal")) != "bullet"
        elif name.startswith(("list bullet", "list number")):
            found.item, found.ordered = (level or 0) + 1, name.startswith("list number")

    def _find_headings(self, paragraphs: list[Paragraph]) -> None:
        """Take short paragraphs in larger or bold letters as headings, where no style names any."""
        plain = [one for one in paragraphs if not (one.row or one.item or one.note)]
        lengths: dict[float, int] = {}
        for one in plain:
            lengths[one.size] = lengths.get(one.size, 0) + len(one.text)
        body = max(lengths, key=lambda size: lengths[size], default=0.0)
        found = [
            one
            for index, one in enumerate(plain)
            if len(one.text) <= MAX_HEADING
            and "\n" not in one.text.strip()
            and not _SENTENCE_END.search(one.text.strip())
            and (one.size >= LARGER * body or (one.bold and one.size >= body))
            and index + 1 < len(plain)
        ]
        if len(found) == len(plain):
            return
        looks = sorted({(one.size, one.bold) for one in found}, reverse=True)
        for one in found:
            one.level = 1 + looks.index((one.size, one.bold))
            one.marks = []
