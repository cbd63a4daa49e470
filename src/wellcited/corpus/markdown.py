"""A Markdown guide as plain text, with its structure and inline formatting as offsets into that text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

from wellcited.corpus.parsed import BlockWriter
from wellcited.datatypes import Block, BlockKind, Mark, MarkKind

_TAG = re.compile(r"</?(?P<name>[A-Za-z][A-Za-z0-9-]*)")
_MARKS: dict[str, MarkKind] = {"strong": "strong", "em": "emphasis", "link": "link"}


def parse_markdown(source: str) -> tuple[str, tuple[Block, ...]]:
    """Return the words of `source` as text, and the blocks that point into it.

    Reads CommonMark with tables. Raw HTML keeps its words and loses its tags; comments, scripts and styles are left
    out; an image is told by its alternative text; a soft line break is a space.
    """
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(source)
    return _Writer().write(tokens)


@dataclass
class _Writer:
    writer: BlockWriter = field(default_factory=BlockWriter)
    lists: list[bool] = field(default_factory=list)
    fresh_item: bool = False
    row: list[str] | None = None

    def write(self, tokens: Sequence[Token]) -> tuple[str, tuple[Block, ...]]:
        heading_level = 0
        for token in tokens:
            match token.type:
                case "bullet_list_open" | "ordered_list_open":
                    self.lists.append(token.type == "ordered_list_open")
                case "bullet_list_close" | "ordered_list_close":
                    self.lists.pop()
                case "list_item_open":
                    self.fresh_item = True
                case "list_item_close":
                    self.fresh_item = False
                case "heading_open":
                    heading_level = int(token.tag[1:])
                case "heading_close":
                    heading_level = 0
                case "tr_open":
                    self.row = []
                case "tr_close":
                    cells, self.row = self.row or [], None
                    self._block("row", " | ".join(cells))
                case "fence" | "code_block":
                    self._block("code", token.content.rstrip("\n"))
                case "html_block":
                    for paragraph in _words_of_html(token.content):
                        self._block("paragraph", paragraph)
                case "inline" if self.row is not None:
                    self.row.append(_Inline().write(token.children or [])[0])
                case "inline" if heading_level:
                    self._inline("heading", token, level=heading_level)
                case "inline" if self.fresh_item:
                    self._inline("item", token, level=len(self.lists), ordered=self.lists[-1])
                case "inline":
                    self._inline("paragraph", token)
        return self.writer.finish()

    def _inline(self, kind: BlockKind, token: Token, level: int = 0, ordered: bool = False) -> None:
        text, marks = _Inline().write(token.children or [])
        self._block(kind, text, marks, level, ordered)

    def _block(
        self, kind: BlockKind, text: str, marks: Sequence[Mark] = (), level: int = 0, ordered: bool = False
    ) -> None:
        if self.writer.add(kind, text, marks, level, ordered):
            self.fresh_item = False


@dataclass
class _Inline:
    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    open: list[tuple[MarkKind, int, str | None]] = field(default_factory=list)
    hidden: int = 0

    def write(self, tokens: Sequence[Token]) -> tuple[str, list[Mark]]:
        for token in tokens:
            match token.type:
                case "html_inline":
                    self._html(token.content)
                case "s_open":  # what the author struck out is not said
                    self.hidden += 1
                case "s_close":
                    self.hidden = max(0, self.hidden - 1)
                case "text" | "text_special" | "softbreak" | "hardbreak" | "code_inline" | "image" if self.hidden:
                    pass
                case "text" | "text_special":
                    self.text += token.content
                case "softbreak":
                    self.text += " "
                case "hardbreak":
                    self.text += "\n"
                case "code_inline":
                    self.marks.append(Mark(kind="code", start=len(self.text), end=len(self.text) + len(token.content)))
                    self.text += token.content
                case "image":
                    self.text += token.content
                case "strong_open" | "em_open" | "link_open":
                    href = token.attrGet("href")
                    kind = _MARKS[token.type.removesuffix("_open")]
                    self.open.append((kind, len(self.text), str(href) if href is not None else None))
                case "strong_close" | "em_close" | "link_close":
                    kind, start, href = self.open.pop()
                    if start < len(self.text):
                        self.marks.append(Mark(kind=kind, start=start, end=len(self.text), href=href))
        return self.text, sorted(self.marks, key=lambda mark: (mark.start, -mark.end))

    def _html(self, tag: str) -> None:
        """Hide what stands between the tags of a script or style; a `<br>` is a line break, any other tag nothing."""
        found = _TAG.match(tag)
        name = found["name"].lower() if found else ""
        if name in _SILENT:
            self.hidden = max(0, self.hidden + (-1 if tag.startswith("</") else 1))
        elif name == "br" and not self.hidden:
            self.text += "\n"


_SILENT = ("script", "style", "template", "noscript", "del", "s", "strike")
_INLINE = (
    "a",
    "abbr",
    "b",
    "cite",
    "code",
    "em",
    "i",
    "kbd",
    "mark",
    "q",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "u",
)


class _Words(HTMLParser):
    """The words of raw HTML: nothing of what a browser would not show, a break at every block and line break."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in _SILENT
        if tag not in _INLINE:
            self.words.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in _SILENT))
        if tag not in _INLINE:
            self.words.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.words.append(data)


def _words_of_html(source: str) -> list[str]:
    parser = _Words()
    parser.feed(source)
    parser.close()
    return [" ".join(part.split()) for part in "".join(parser.words).split("\n\n") if part.strip()]
