"""What a Word file says beside its text: styles, kinds of lists, where links lead, the notes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wellcited.corpus.wordxml import attribute, is_on, name_of, number, part, value_of


@dataclass
class Style:
    """What one style says of a paragraph or a run; None where it says nothing and the style it is based on may."""

    name: str = ""
    based_on: str | None = None
    level: int | None = None
    list_id: str | None = None
    list_level: int = 0
    size: float | None = None
    bold: bool | None = None


class Package:
    """The parts of a file around its text. Raises CorpusError where one is damaged."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.main = self._main_part()
        self.links = self._links()
        self.styles, self.base_size, self.language = self._styles()
        self.numbering = self._numbering()
        self.notes = {**self._notes("footnotes"), **self._notes("endnotes")}

    def body(self) -> Any:
        """Return the element that holds the text, None where there is none."""
        return next((element for element in part(self._archive, self.main) if name_of(element) == "body"), None)

    def _main_part(self) -> str:
        for relation in part(self._archive, "_rels/.rels", optional=True):
            if str(relation.get("Type", "")).endswith("/officeDocument"):
                return str(relation.get("Target", "")).lstrip("/")
        return "word/document.xml"

    def _beside(self, name: str) -> str:
        return f"{self.main.rpartition('/')[0]}/{name}".lstrip("/")

    def _links(self) -> dict[str, str]:
        folder, _, name = self.main.rpartition("/")
        return {
            str(relation.get("Id")): str(relation.get("Target"))
            for relation in part(self._archive, f"{folder}/_rels/{name}.rels".lstrip("/"), optional=True)
            if relation.get("TargetMode") == "External" and relation.get("Target")
        }

    def _styles(self) -> tuple[dict[str, Style], float, str | None]:
        styles: dict[str, Style] = {}
        size, language = 11.0, None
        for element in part(self._archive, self._beside("styles.xml"), optional=True):
            if name_of(element) == "docDefaults":
                for inner in element.iter():
                    if name_of(inner) == "sz":
                        size = number(value_of(inner), 22) / 2
                    elif name_of(inner) == "lang" and value_of(inner):
                        language = str(value_of(inner))[:2].lower()
            elif name_of(element) == "style":
                style = Style()
                for inner in element.iter():
                    match name_of(inner):
                        case "name":
                            style.name = value_of(inner) or ""
                        case "basedOn":
                            style.based_on = value_of(inner)
                        case "outlineLvl":
                            style.level = int(number(value_of(inner), 9))
                        case "numId":
                            style.list_id = value_of(inner)
                        case "ilvl":
                            style.list_level = int(number(value_of(inner), 0))
                        case "sz":
                            style.size = number(value_of(inner), 22) / 2
                        case "b":
                            style.bold = is_on(inner)
                styles[attribute(element, "styleId") or ""] = style
        return styles, size, language

    def _numbering(self) -> dict[str, dict[int, str]]:
        kinds: dict[str, dict[int, str]] = {}
        numbers: dict[str, dict[int, str]] = {}
        for element in part(self._archive, self._beside("numbering.xml"), optional=True):
            if name_of(element) == "abstractNum":
                levels = {}
                for level in element:
                    form = next((value_of(inner) for inner in level if name_of(inner) == "numFmt"), None)
                    if name_of(level) == "lvl":
                        levels[int(number(attribute(level, "ilvl"), 0))] = form or "decimal"
                kinds[attribute(element, "abstractNumId") or ""] = levels
            elif name_of(element) == "num":
                base = next((value_of(inner) for inner in element if name_of(inner) == "abstractNumId"), None)
                numbers[attribute(element, "numId") or ""] = kinds.get(base or "", {})
        return numbers

    def _notes(self, name: str) -> dict[tuple[str, str], Any]:
        return {
            (name, attribute(note, "id") or ""): note
            for note in part(self._archive, self._beside(f"{name}.xml"), optional=True)
            if attribute(note, "type") in (None, "normal")
        }

    def chain(self, style_id: str | None) -> Iterator[Style]:
        """Yield a style, the one it is based on, and so on."""
        seen: set[str] = set()
        while style_id and style_id in self.styles and style_id not in seen:
            seen.add(style_id)
            yield self.styles[style_id]
            style_id = self.styles[style_id].based_on
