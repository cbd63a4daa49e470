"""From the lines of a printed page to paragraphs and headings: what a reader's eye does with them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wellcited.corpus.parsed import BlockWriter
from wellcited.corpus.pdflines import MAX_HEADING, Line, Page, page_lines, without_running
from wellcited.datatypes import Block

LARGER = 1.12
_BULLET = re.compile(r"(?P<marker>[•◦▪▫‣⁃●○■□–—*\-\uf0b7\uf0a7]|\(?(?P<number>\d{1,3}|[a-z])[.)])\s+(?=\S)")
_ENDS = re.compile(r"[.!?:;…。]['\"”’)\]]*$")
_HYPHEN = re.compile(r"(?P<word>[^\W\d_]+)(?P<hyphen>[-\u00ad\u2010])$")
_CONTENTS_LINE = re.compile(r".*(?:\.\s?){4}\s*\d+")


@dataclass
class _Paragraph:
    lines: list[Line]
    text: str = ""
    item: bool = False
    ordered: bool = False

    @property
    def size(self) -> float:
        sizes: Counter[float] = Counter()
        for line in self.lines:
            sizes[line.size] += len(line.text)
        return sizes.most_common(1)[0][0]

    @property
    def bold(self) -> bool:
        return all(line.bold for line in self.lines)


def compose(pages: Sequence[Page]) -> tuple[str, tuple[Block, ...], tuple[int, ...], str | None]:
    """Return text, blocks, the offset where each page starts, and what stands in the largest letters first."""
    lines = [page_lines(page, number) for number, page in enumerate(pages)]
    lines = without_running(lines, pages)
    flat = [line for page in lines for line in page if not _CONTENTS_LINE.fullmatch(line.text)]
    words = Counter(word for line in flat for word in re.findall(r"[\w-]+", line.text.casefold()))
    paragraphs = _paragraphs(flat)
    body = _body_size(flat)
    levels = _levels(paragraphs, body)
    writer = BlockWriter()
    starts: dict[int, int] = {}
    largest: tuple[float, str] = (0.0, "")
    for paragraph, level in zip(paragraphs, levels, strict=True):
        start = writer.next_start
        text, breaks = _mended(paragraph, words)
        if not text.strip():
            continue
        for page, offset in breaks:
            starts.setdefault(page, start + offset)
        cells = paragraph.lines[0].cells
        if cells:
            writer.add("row", text)
        elif level:
            writer.add("heading", text, level=level)
            if paragraph.lines[0].page == paragraphs[0].lines[0].page and paragraph.size > largest[0]:
                largest = (paragraph.size, text)
        elif paragraph.item:
            writer.add("item", text, level=1, ordered=paragraph.ordered)
        else:
            writer.add("paragraph", text)
    text, blocks = writer.finish()
    return text, blocks, _page_starts(starts, len(pages), len(text)), largest[1] or None


def _page_starts(starts: dict[int, int], count: int, end: int) -> tuple[int, ...]:
    """Return a start for every page; a page without text starts where the next one does."""
    found = []
    following = end
    for page in reversed(range(count)):
        following = min(starts.get(page, following), following)
        found.append(following)
    found.reverse()
    if found:
        found[0] = 0
    return tuple(found)


def _body_size(lines: Iterable[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _paragraphs(lines: Sequence[Line]) -> list[_Paragraph]:
    """Join lines to paragraphs, over the end of a column or page where the sentence goes on."""
    leading = _leading(lines)
    paragraphs: list[_Paragraph] = []
    for line in lines:
        last = paragraphs[-1] if paragraphs else None
        bullet = _BULLET.match(line.text)
        if last is not None and not line.cells and not bullet and _continues(last, line, leading):
            last.lines.append(line)
        else:
            paragraphs.append(_Paragraph([line], item=bool(bullet), ordered=bool(bullet and bullet["number"])))
    return paragraphs


def _leading(lines: Sequence[Line]) -> dict[float, float]:
    """Return the usual distance of lines, for each size of letters."""
    gaps: dict[float, list[float]] = {}
    for above, below in pairwise(lines):
        step = below.base - above.base
        if above.page == below.page and above.size == below.size and 0 < step < 3 * above.size:
            gaps.setdefault(above.size, []).append(step)
    return {size: max(size, sorted(steps)[len(steps) // 4]) for size, steps in gaps.items()}


def _continues(paragraph: _Paragraph, line: Line, leading: dict[float, float]) -> bool:
    last = paragraph.lines[-1]
    if last.cells or abs(last.size - line.size) > 0.6 or last.bold != line.bold:
        return False
    step = line.base - last.base
    usual = leading.get(line.size, 1.2 * line.size)
    ended = bool(_ENDS.search(last.text))
    lower = line.text[:1].islower()
    if last.page != line.page or step <= 0 or step > 6 * line.size:  # another page or column
        return (
            not ended
            and (lower or bool(_HYPHEN.search(last.text)) or last.right > last.column[1] - 3 * line.size)
            and not last.bold
        )
    if step > 1.35 * usual:
        return False
    if lower or _HYPHEN.search(last.text):
        return True
    indented = line.left - paragraph.lines[0].left
    if paragraph.item:
        return indented > 0.3 * line.size or (
            len(paragraph.lines) > 1 and line.left >= paragraph.lines[1].left - 0.3 * line.size
        )
    if ended and 0.8 * line.size < line.left - last.left < 4 * line.size:
        return False  # the first line of a paragraph, set in
    short = last.right < last.column[1] - 0.2 * (last.column[1] - last.column[0])
    return not (short and ended)


def _levels(paragraphs: Sequence[_Paragraph], body: float) -> list[int]:
    """Return the level of each paragraph that is a heading, else 0: the larger its letters, the higher."""

    def alike(index: int) -> bool:
        paragraph = paragraphs[index]
        text = " ".join(line.text for line in paragraph.lines)
        if (
            paragraph.lines[0].cells
            or len(text) > MAX_HEADING
            or len(paragraph.lines) > 4
            or not any(map(str.isalpha, text))
        ):
            return False
        if paragraph.size >= LARGER * body:
            return not (len(text) > 60 and text.endswith("."))
        return paragraph.bold and paragraph.size >= 0.95 * body and not re.search(r"[.,;:]$", text)

    found = [index for index in range(len(paragraphs)) if alike(index)]
    while found and found[-1] == len(paragraphs) - 1 and paragraphs[found[-1]].size < LARGER * body:
        found.pop()
    if len(found) == len(paragraphs):
        return [0] * len(paragraphs)
    look = {index: (paragraphs[index].size, paragraphs[index].bold) for index in found}
    ranks = {kind: rank for rank, kind in enumerate(sorted(set(look.values()), reverse=True), start=1)}
    return [min(6, ranks[look[index]]) if index in look else 0 for index in range(len(paragraphs))]


def _mended(paragraph: _Paragraph, words: Counter[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text of a paragraph, words cut at line ends joined, and where each of its pages starts in it."""
    text = ""
    pages: list[tuple[int, int]] = []
    for line in paragraph.lines:
        following = line.text
        cut = _HYPHEN.search(text)
        if cut and following[:1].isalpha():
            text, glue = text[:-1], _glue(cut["word"], cut["hyphen"], following, words)
            text += glue
        elif text:
            text += " "
        if not pages or pages[-1][0] != line.page:
            pages.append((line.page, len(text)))
        text += following
    if paragraph.item:
        marker = _BULLET.match(text)
        cut_off = marker.end() if marker else 0
        text, pages = text[cut_off:], [(page, max(0, offset - cut_off)) for page, offset in pages]
    return text.replace("\u00ad", ""), pages


def _glue(before: str, hyphen: str, following: str, words: Counter[str]) -> str:
    """Return what joins the halves of a word cut at a line end: nothing, or the hyphen of a compound."""
    match = re.match(r"[^\W\d_]+", following)
    after = match.group() if match else ""
    whole, compound = (before + after).casefold(), f"{before}-{after}".casefold()
    if words[whole] > words[compound]:
        return ""
    if words[compound] or not following[:1].islower():
        return "-"
    return ""
