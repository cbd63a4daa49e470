"""The text of a web page as runs: one for each heading, paragraph, list item, table row or piece of code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wellcited.corpus.addresses import absolute
from wellcited.corpus.parsed import BlockWriter, without_empty
from wellcited.datatypes import Block, BlockKind, Mark, MarkKind

INVISIBLE = frozenset(
    "script style template noscript iframe frame object embed applet svg math canvas audio video map head title link "
    "meta base select option optgroup datalist textarea input button dialog param source track noindex".split()
)
"""Elements whose words are not the article's, whatever the page looks like."""
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form frameset "
    "h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol p pre search section "
    "summary table tbody td tfoot th thead tr ul xmp".split()
)
"""Any other element stands within a line, unless it holds one of these."""
_MARKS: dict[str, MarkKind] = {
    "b": "strong",
    "strong": "strong",
    "i": "emphasis",
    "em": "emphasis",
    "cite": "emphasis",
    "dfn": "emphasis",
    "code": "code",
    "kbd": "code",
    "samp": "code",
    "tt": "code",
}
_STRUCK = frozenset(("del", "s", "strike"))
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_UNSEEN_CLASS = re.compile(
    r"(?:^|\s)(?:sr-only|visually-hidden|visuallyhidden|screen-reader-text|screen-reader-only|hidden-print|mw-editsection|"
    r"headerlink|header-anchor|anchor-link|hash-link|heading-anchor|noprint|no-print)(?:\s|$)"
)
_REFERENCE = re.compile(r"[\[(]?\s*(?:\d{1,3}|[a-z*†‡§]|note \d{1,3}|citation needed)\s*[\])]?", re.IGNORECASE)
_BACK_LINK = re.compile(r"[↩↑⤴^\ufe0e\ufe0f\s]*")
_OPENERS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"))
MAX_DEPTH = 400
_SPACE = re.compile(r"[ \t\r\f\v\u00a0\u2000-\u200a\u202f\u205f\u3000]*\n[\s\u00a0]*|[\s\u00a0\u200b\ufeff]+")


@dataclass
class Run:
    """One block of the page: its words, its marks, the text nodes that they come from, and the element around them."""

    kind: BlockKind
    element: Any
    text: str = ""
    marks: list[Mark] = field(default_factory=list)
    level: int = 0
    ordered: bool = False
    nodes: list[tuple[int, int]] = field(default_factory=list)
    """(number of the text node, characters without white space)"""
    linked: int = 0
    """How many characters without white space stand in links."""
    order: int = 0

    @property
    def size(self) -> int:
        """Characters without white space."""
        return sum(length for _, length in self.nodes)

    @property
    def link_share(self) -> float:
        """The share of its characters that stand in links."""
        return self.linked / self.size if self.size else 0.0


@dataclass
class _Around:
    """What the elements around a text node say of it."""

    kind: BlockKind = "paragraph"
    element: Any = None
    level: int = 0
    ordered: bool = False
    depth: int = 0
    lists: tuple[bool, ...] = ()
    kept_space: bool = False
    linked: bool = False


def text_nodes(body: Any) -> Iterator[tuple[Any, bool]]:
    """Yield every text node of the tree as (element, whether it is its tail), in an order of its own."""
    for element in body.iter():
        if not isinstance(element.tag, str):
            continue
        if element.text and not element.text.isspace() and element.tag not in INVISIBLE:
            yield element, False
        if element.tail and not element.tail.isspace():
            yield element, True


def body_runs(tree: Any, base: str | None = None) -> list[Run]:
    """Return the runs of the page in the order of the page, all that a browser would show."""
    bodies = tree.xpath("//body") or [tree]
    numbers = {key: number for number, key in enumerate(text_nodes(tree))}
    walker = _Walker(numbers, base, sum(len(text) for text in bodies[0].itertext() if not text.isspace()))
    for body in bodies[:1]:
        walker.walk(body, _Around(element=body))
        walker.flush()
    for order, run in enumerate(walker.runs):
        run.order = order
    return walker.runs


class _Walker:
    def __init__(self, numbers: dict[tuple[Any, bool], int], base: str | None, whole: int) -> None:
        self.numbers = numbers
        self.base = base
        self.runs: list[Run] = []
        self.open: Run | None = None
        self.inline: list[tuple[MarkKind, str | None]] = []
        self.fresh_item = False
        self.whole = whole

    def walk(self, element: Any, around: _Around) -> None:
        if around.depth > MAX_DEPTH:
            return
        self._words(element, False, element.text, around)
        for child in element:
            if isinstance(child.tag, str) and not _unseen(child, self.whole):
                self._child(child, around)
            self._words(child, True, child.tail, around)

    def _child(self, child: Any, around: _Around) -> None:
        tag = child.tag
        if tag == "br":
            self._break()
        elif tag not in _BLOCKS and not _holds_blocks(child):
            self._inline(child, around)
        elif tag == "tr" and not _is_layout(child):
            self._row(child, around)
        else:
            self.flush()
            if tag == "li":
                self.fresh_item = True
            self.walk(child, self._inside(child, around))
            self.flush()
            if tag == "li":
                self.fresh_item = False

    def _inside(self, child: Any, around: _Around) -> _Around:
        tag = child.tag
        inner = _Around(
            kind="paragraph" if around.kind == "item" else around.kind,
            element=child,
            level=around.level if around.kind == "heading" else 0,
            depth=around.depth + 1,
            lists=around.lists,
            kept_space=around.kept_space,
            linked=around.linked or tag == "a",
        )
        if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
            inner.kind, inner.level = "heading", int(tag[1])
        elif tag in ("ul", "ol", "menu", "dir"):
            inner.lists = (*around.lists, tag == "ol")
        elif tag in ("pre", "listing", "xmp"):
            inner.kind, inner.kept_space = "code", True
        return inner

    def _inline(self, child: Any, around: _Around) -> None:
        tag = child.tag
        if tag in _STRUCK or (tag in ("sup", "a") and _is_reference(child)):
            return
        start = len(self.open.text) if self.open else 0
        run = self.open
        inner = _Around(**{**around.__dict__, "depth": around.depth + 1, "linked": around.linked or tag == "a"})
        self.walk(child, inner)
        kind: MarkKind | None = "link" if tag == "a" else _MARKS.get(tag)
        if kind is None or self.open is None:
            return
        if self.open is not run:
            start = 0
        href = (child.get("href") or "").strip() if kind == "link" else None
        if kind == "link" and (not href or href.lower().startswith(("javascript:", "data:", "vbscript:"))):
            return
        text = self.open.text
        while start < len(text) and text[start].isspace():
            start += 1
        end = len(text.rstrip())
        if start < end:
            self.open.marks.append(Mark(kind=kind, start=start, end=end, href=_target(href, self.base)))

    def _row(self, row: Any, around: _Around) -> None:
        self.flush()
        cells: list[str] = []
        whole = Run(kind="row", element=row)

        def add(walker: _Walker) -> None:
            walker.flush()
            cells.append(" ".join(" ".join(run.text.split()) for run in walker.runs))
            for run in walker.runs:
                whole.nodes += run.nodes
                whole.linked += run.linked

        def stray(element: Any, is_tail: bool, text: str | None) -> None:
            if text and not text.isspace():
                walker = _Walker(self.numbers, self.base, self.whole)
                walker._words(element, is_tail, text, around)
                add(walker)

        stray(row, False, row.text)
        for cell in row:
            if isinstance(cell.tag, str) and not _unseen(cell, self.whole):
                inner = _Walker(self.numbers, self.base, self.whole)
                inner.walk(cell, _Around(element=cell, depth=around.depth + 2))
                add(inner)
            stray(cell, True, cell.tail)
        while cells and not cells[-1]:
            cells.pop()
        whole.text = " | ".join(cells)
        if whole.text.strip(" |"):
            self.runs.append(whole)

    def _words(self, element: Any, is_tail: bool, text: str | None, around: _Around) -> None:
        if not text:
            return
        if self.open is None:
            if text.isspace():
                return
            self.open = self._start(around)
        number = self.numbers.get((element, is_tail))
        if number is not None:
            size = sum(not char.isspace() for char in text)
            self.open.nodes.append((number, size))
            self.open.linked += size if around.linked else 0
        if around.kept_space:
            self.open.text += text
            return
        words = _SPACE.sub(" ", text)
        if not self.open.text or self.open.text[-1].isspace():
            words = words.lstrip(" ")
        self.open.text += words

    def _start(self, around: _Around) -> Run:
        if around.kind == "paragraph" and self.fresh_item and around.lists:
            self.fresh_item = False
            return Run("item", around.element, level=len(around.lists), ordered=around.lists[-1])
        return Run(around.kind, around.element, level=around.level)

    def _break(self) -> None:
        """A `<br>` ends a line; two of them end the paragraph."""
        if self.open is None:
            return
        if self.open.text.endswith("\n") and self.open.kind in ("paragraph", "item"):
            self.flush()
        else:
            self.open.text = self.open.text.rstrip(" ") + "\n"

    def flush(self) -> None:
        run, self.open = self.open, None
        if run is None:
            return
        kept = run.text.rstrip() if run.kind != "code" else run.text.strip("\n").rstrip()
        lead = len(run.text) - len(run.text.lstrip("\n")) if run.kind == "code" else 0
        run.text = kept
        run.marks = without_empty(
            [
                mark.model_copy(update={"start": max(0, mark.start - lead), "end": min(len(kept), mark.end - lead)})
                for mark in run.marks
            ]
        )
        if run.text.strip():
            self.runs.append(run)


def write_runs(runs: Iterable[Run]) -> tuple[str, tuple[Block, ...]]:
    """Return the text of `runs` and its blocks."""
    writer = BlockWriter()
    for run in runs:
        text = " ".join(run.text.split("\n")) if run.kind == "heading" else run.text
        writer.add(run.kind, text, run.marks, run.level, run.ordered)
    return writer.finish()


def _target(href: str | None, base: str | None) -> str | None:
    return None if href is None else absolute(href, base)


def _unseen(element: Any, whole: int) -> bool:
    """Whether a browser would not show `element`, or shows it as a tool rather than as words.

    What a script is to open (the answers of a FAQ, an article behind "read on") is hidden in the saved page too: an
    element with most of the `whole` page's characters is seen, and so is the button that is a heading.
    """
    if element.tag in INVISIBLE:
        parent = element.getparent()
        return element.tag != "button" or parent is None or parent.tag not in _OPENERS
    if _UNSEEN_CLASS.search(element.get("class") or ""):
        return True
    if element.get("hidden") is not None or _HIDDEN_STYLE.search(element.get("style") or ""):
        return len(element.text_content()) * 3 < whole
    return False


def _holds_blocks(element: Any) -> bool:
    """Whether an inline element stands, against the rules, around blocks."""
    return any(inner.tag in _BLOCKS for inner in element.iterdescendants())


def _is_reference(element: Any) -> bool:
    """Whether the element is nothing but the mark of a footnote, or the way back from one."""
    links = [element] if element.tag == "a" else list(element.iter("a"))
    if not links or not all("#" in (link.get("href") or "") for link in links):
        return False
    words = "".join(element.itertext()).strip()
    if element.tag == "a" and element.getparent() is not None and element.getparent().tag != "sup":
        return bool(words) and bool(_BACK_LINK.fullmatch(words) or re.fullmatch(r"\[\s*\d{1,3}\s*\]|¶|#|§", words))
    return bool(_REFERENCE.fullmatch(words))


def _is_layout(row: Any) -> bool:
    """Whether a table row arranges the page rather than holding data: blocks or long texts stand in its cells."""
    if any(
        True for _ in row.iter("table", "h1", "h2", "h3", "h4", "ul", "ol", "form", "blockquote", "article", "section")
    ):
        return True
    cells = [cell for cell in row if isinstance(cell.tag, str) and cell.tag in ("td", "th")]
    if not any(cell.text_content().strip() for cell in cells[1:]):
        return sum(1 for _ in row.iter("p", "br", "div")) > 1 or len(row.text_content()) > 400
    if row.getnext() is None and row.getprevious() is None and len(row.text_content()) > 300:
        return True  # a table of one row
    return any(len(cell.text_content()) > (200 if sum(1 for _ in cell.iter("p")) > 1 else 700) for cell in cells)
