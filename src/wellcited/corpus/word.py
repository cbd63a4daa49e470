"""A Word file (.docx) as text and blocks, read from its parts: what was deleted under track changes is gone.

python-docx and mammoth leave out footnotes or outline levels, so the parts are read as they are (ECMA-376, part 1).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from wellcited.corpus.parsed import BlockWriter, Facts, Parsed, without_empty
from wellcited.datatypes import Mark
from wellcited.errors import CorpusError

MAX_UNPACKED_MB = 200.0
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_SENTENCE_END = re.compile(r"[.;,:…]$")
_LIST_STYLE = re.compile(r"list (?:bullet|number) ([2-9])", re.IGNORECASE)
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_TABLE_OF_CONTENTS = re.compile(r"toc(?: heading| ?\d)|table of figures", re.IGNORECASE)
MAX_HEADING = 120
MAX_DEPTH = 100
LARGER = 1.15
"""How much larger than the body the letters of a heading are where no style says that it is one."""


@dataclass
class _Style:
    name: str = ""
    based_on: str | None = None
    level: int | None = None
    list_id: str | None = None
    list_level: int = 0
    size: float | None = None
    bold: bool | None = None


@dataclass
class _Paragraph:
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
            return _Reader(archive).read()
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
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.main = self._main_part()
        self.links = self._links()
        self.styles, self.base_size, self.language = self._styles()
        self.numbering = self._numbering()
        self.notes = {**self._notes("footnotes"), **self._notes("endnotes")}
        self.pending: list[_Paragraph] = []

    def read(self) -> Parsed:
        body = next((part for part in _part(self.archive, self.main) if _name(part) == "body"), None)
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

    def _facts(self, paragraphs: list[_Paragraph]) -> Facts:
        title = next((" ".join(paragraph.text.split()) for paragraph in paragraphs if paragraph.is_title), None)
        return Facts(title=title or None, language=self.language)

    def _main_part(self) -> str:
        for relation in _part(self.archive, "_rels/.rels", optional=True):
            if str(relation.get("Type", "")).endswith("/officeDocument"):
                return str(relation.get("Target", "")).lstrip("/")
        return "word/document.xml"

    def _beside(self, name: str) -> str:
        return f"{self.main.rpartition('/')[0]}/{name}".lstrip("/")

    def _links(self) -> dict[str, str]:
        folder, _, name = self.main.rpartition("/")
        return {
            str(relation.get("Id")): str(relation.get("Target"))
            for relation in _part(self.archive, f"{folder}/_rels/{name}.rels".lstrip("/"), optional=True)
            if relation.get("TargetMode") == "External" and relation.get("Target")
        }

    def _styles(self) -> tuple[dict[str, _Style], float, str | None]:
        styles: dict[str, _Style] = {}
        size, language = 11.0, None
        for element in _part(self.archive, self._beside("styles.xml"), optional=True):
            if _name(element) == "docDefaults":
                for inner in element.iter():
                    if _name(inner) == "sz":
                        size = _number(_value(inner), 22) / 2
                    elif _name(inner) == "lang" and _value(inner):
                        language = str(_value(inner))[:2].lower()
            elif _name(element) == "style":
                style = _Style()
                for inner in element.iter():
                    match _name(inner):
                        case "name":
                            style.name = _value(inner) or ""
                        case "basedOn":
                            style.based_on = _value(inner)
                        case "outlineLvl":
                            style.level = int(_number(_value(inner), 9))
                        case "numId":
                            style.list_id = _value(inner)
                        case "ilvl":
                            style.list_level = int(_number(_value(inner), 0))
                        case "sz":
                            style.size = _number(_value(inner), 22) / 2
                        case "b":
                            style.bold = _on(inner)
                styles[_attribute(element, "styleId") or ""] = style
        return styles, size, language

    def _numbering(self) -> dict[str, dict[int, str]]:
        kinds: dict[str, dict[int, str]] = {}
        numbers: dict[str, dict[int, str]] = {}
        for element in _part(self.archive, self._beside("numbering.xml"), optional=True):
            if _name(element) == "abstractNum":
                levels = {}
                for level in element:
                    form = next((_value(inner) for inner in level if _name(inner) == "numFmt"), None)
                    if _name(level) == "lvl":
                        levels[int(_number(_attribute(level, "ilvl"), 0))] = form or "decimal"
                kinds[_attribute(element, "abstractNumId") or ""] = levels
            elif _name(element) == "num":
                base = next((_value(inner) for inner in element if _name(inner) == "abstractNumId"), None)
                numbers[_attribute(element, "numId") or ""] = kinds.get(base or "", {})
        return numbers

    def _notes(self, name: str) -> dict[tuple[str, str], Any]:
        return {
            (name, _attribute(note, "id") or ""): note
            for note in _part(self.archive, self._beside(f"{name}.xml"), optional=True)
            if _attribute(note, "type") in (None, "normal")
        }

    def chain(self, style_id: str | None) -> Iterator[_Style]:
        seen: set[str] = set()
        while style_id and style_id in self.styles and style_id not in seen:
            seen.add(style_id)
            yield self.styles[style_id]
            style_id = self.styles[style_id].based_on

    def _blocks(self, parent: Any, depth: int) -> Iterator[_Paragraph]:
        if depth > MAX_DEPTH:
            return
        for element in parent:
            match _name(element):
                case "p":
                    yield from self._paragraph(element, depth)
                case "tbl":
                    yield from self._table(element, depth)
                case "del" | "moveFrom" | "sectPr" | "Fallback":
                    pass
                case _:
                    yield from self._blocks(element, depth + 1)

    def _table(self, table: Any, depth: int) -> Iterator[_Paragraph]:
        rows = [list(_within(row, "tc")) for row in _within(table, "tr") if not _deleted(row)]
        if all(len(cells) < 2 for cells in rows):
            for cells in rows:
                for cell in cells:
                    yield from self._blocks(cell, depth + 1)
            return
        notes: list[_Paragraph] = []
        for cells in rows:
            texts = []
            for cell in cells:
                inner = list(self._blocks(cell, depth + 1))
                notes += [paragraph for paragraph in inner if paragraph.note]
                texts.append(" ".join(" ".join(one.text.split()) for one in inner if not one.note))
            while texts and not texts[-1]:
                texts.pop()
            if any(texts):
                yield _Paragraph(text=" | ".join(texts), row=True)
        yield from notes

    def _paragraph(self, element: Any, depth: int) -> Iterator[_Paragraph]:
        properties = next((inner for inner in element if _name(inner) == "pPr"), None)
        own = {_name(inner): inner for inner in properties} if properties is not None else {}
        chain = list(self.chain(_value(own["pStyle"]) if "pStyle" in own else "Normal"))
        name = chain[0].name if chain else ""
        if _TABLE_OF_CONTENTS.fullmatch(name):
            return
        words = _Words(
            self,
            next((s.size for s in chain if s.size), self.base_size),
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
            if key in self.notes:
                note = self.notes.pop(key)  # a note that two marks point to is told once
                for inner in self._blocks(note, depth + 1):
                    inner.note, inner.level, inner.is_title = True, 0, False
                    inner.text = inner.text.strip()
                    yield inner

    def _level(self, own: dict[str, Any], chain: list[_Style]) -> int:
        outline = int(_number(_value(own["outlineLvl"]), 9)) if "outlineLvl" in own else None
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

    def _list_place(self, found: _Paragraph, own: dict[str, Any], chain: list[_Style]) -> None:
        list_id, level = None, None
        for inner in own.get("numPr", ()):
            if _name(inner) == "numId":
                list_id = _value(inner)
            elif _name(inner) == "ilvl":
                level = int(_number(_value(inner), 0))
        styled = next((style for style in chain if style.list_id), None)
        if list_id is None and styled is not None:
            list_id, level = styled.list_id, styled.list_level if level is None else level
        name = chain[0].name.casefold() if chain else ""
        if level in (None, 0) and (deeper := _LIST_STYLE.fullmatch(name)):
            level = int(deeper[1]) - 1
        if list_id not in (None, "0"):
            level = min(8, max(0, level or 0))
            forms = self.numbering.get(list_id or "", {})
            found.item, found.ordered = level + 1, forms.get(level, forms.get(0, "decimal")) != "bullet"
        elif name.startswith(("list bullet", "list number")):
            found.item, found.ordered = (level or 0) + 1, name.startswith("list number")

    def _find_headings(self, paragraphs: list[_Paragraph]) -> None:
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


class _Words:
    """The words of one paragraph, with their marks, the notes they point to and the boxes that hang on them."""

    def __init__(self, reader: _Reader, size: float, bold: bool) -> None:
        self.reader = reader
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
        if depth > MAX_DEPTH:
            return
        for element in parent:
            match _name(element):
                case "r":
                    self._run(element, depth)
                case "hyperlink":
                    start = len(self.text)
                    self.walk(element, depth + 1)
                    target = self.reader.links.get(_attribute(element, "id") or "")
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
            if _name(inner) == "rPr":
                for prop in inner:
                    match _name(prop):
                        case "vanish" | "del" if _on(prop):
                            return
                        case "sz":
                            size = _number(_value(prop), 22) / 2
                        case "b":
                            bold = _on(prop)
                        case "i":
                            italic = _on(prop)
                        case "rStyle":
                            for style in self.reader.chain(_value(prop)):
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
            match _name(inner):
                case "t":
                    self.text += inner.text or ""
                case "tab" | "ptab":
                    self.text += "\t"
                case "br" | "cr":
                    self.text += "\n" if _attribute(inner, "type") in (None, "textWrapping") else ""
                case "noBreakHyphen":
                    self.text += "-"
                case "footnoteReference" | "endnoteReference":
                    self.notes.append((_name(inner).removesuffix("Reference") + "s", _attribute(inner, "id") or ""))
                case "txbxContent":
                    self.boxes.append(inner)
                case "rPr" | "delText" | "instrText" | "Fallback" | "fldChar":
                    pass
                case _:
                    self._contents(inner, depth + 1)

    def finish(self) -> _Paragraph:
        lead = len(self.text) - len(self.text.lstrip())
        text = self.text.strip()
        whole_bold = self.letters > 0 and self.bold_letters >= 0.95 * self.letters
        marks = [
            mark.model_copy(update={"start": max(0, mark.start - lead), "end": min(len(text), mark.end - lead)})
            for mark in self.marks
            if not (self.bold and mark.kind == "strong")
        ]
        return _Paragraph(
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


def _part(archive: zipfile.ZipFile, name: str, optional: bool = False) -> Any:
    """Return the root element of a part, entities left alone and no external file read."""
    from lxml import etree

    try:
        data = archive.read(name)
    except KeyError:
        if optional:
            return ()
        raise
    except RuntimeError as error:  # zipfile's word for an encrypted part
        raise CorpusError(f"is protected by a password ({error}); save it without one") from error
    except Exception as error:  # zlib.error, lzma.LZMAError and what other packers raise on damaged data
        raise CorpusError(f"is damaged in {name}: {error}; open it in Word and save it again") from error
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CorpusError(f"is damaged in {name}: {error.msg}; open it in Word and save it again") from error


def _name(element: Any) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _attribute(element: Any, name: str) -> str | None:
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), None)


def _value(element: Any) -> str | None:
    return _attribute(element, "val")


def _on(element: Any) -> bool:
    return (_value(element) or "true").casefold() not in ("0", "false", "off", "none")


def _number(text: str | None, otherwise: float) -> float:
    try:
        number = float(text) if text is not None and len(text) < 20 else otherwise
        return number if abs(number) < 1e9 else otherwise
    except ValueError:
        return otherwise


def _within(parent: Any, name: str) -> Iterator[Any]:
    """Yield the children called `name`, those in content controls and kept insertions too."""
    for child in parent:
        if _name(child) == name:
            yield child
        elif _name(child) in ("sdt", "sdtContent", "ins", "customXml", "moveTo"):
            yield from _within(child, name)


def _deleted(row: Any) -> bool:
    return any(_name(inner) == "del" for properties in row if _name(properties) == "trPr" for inner in properties)
