"""From words with places to lines, columns, paragraphs and headings: what a reader's eye does with a printed page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from wellcited.corpus.parsed import BlockWriter
from wellcited.datatypes import Block

GUTTER = 1.6
"""A gap of so many font sizes within a line parts columns or cells; justified text stays below."""
LARGER = 1.12
CROSSING = 0.1
"""The share of lines that may cross the gutter of two columns: a running head, a caption in the middle."""
MAX_HEADING = 160
MARGIN = 0.13
"""The share of the page's height, at top and bottom, where running heads and feet stand."""
_NUMBER = re.compile(
    r"(?:page|seite|p\.|-|–)?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*(?:(?:of|von|/)\s*\d{1,4}|-|–|\|)?", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_BULLET = re.compile(r"(?P<marker>[•◦▪▫‣⁃●○■□–—*\-\uf0b7\uf0a7]|\(?(?P<number>\d{1,3}|[a-z])[.)])\s+(?=\S)")
_BARE_BULLET = re.compile(r"[•◦▪▫‣⁃●○■□\uf0b7\uf0a7–—*-]|\(?(?:\d{1,3}|[a-z])[.)]")
_ENDS = re.compile(r"[.!?:;…。]['\"”’)\]]*$")
_HYPHEN = re.compile(r"(?P<word>[^\W\d_]+)(?P<hyphen>[-\u00ad\u2010])$")
_CONTENTS_LINE = re.compile(r".*(?:\.\s?){4}\s*\d+")


@dataclass
class Word:
    """Letters without a space between them; `settle` gives x from left to right and y from top to bottom, in points."""

    text: str
    size: float = 10.0
    bold: bool = False
    angle: float = 0.0
    x_raw: float = 0.0
    y_raw: float = 0.0
    corners: list[tuple[float, float]] = field(default_factory=list)
    left: float = 0.0
    right: float = 0.0
    base: float = 0.0

    def settle(self, turn: int) -> None:
        """Turn the word's place by quarters of a circle so that its line runs to the right."""
        angle = -turn * math.pi / 2
        cosine, sine = round(math.cos(angle)), round(math.sin(angle))
        xs = [cosine * x - sine * y for x, y in self.corners]
        self.left, self.right = min(xs), max(xs)
        self.base = -(sine * self.x_raw + cosine * self.y_raw)
        self.corners = []


@dataclass
class Page:
    """The words of a page in the order of the file."""

    words: list[Word] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    pictures: bool = False


@dataclass
class Line:
    """Words on one base line without a wide gap; `cells` where a line of a table holds several such."""

    text: str
    left: float
    right: float
    base: float
    size: float
    bold: bool
    cells: tuple[str, ...] = ()
    column: tuple[float, float] = (0.0, 0.0)
    page: int = 0


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
    lines = _without_running(lines, pages)
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


def page_lines(page: Page, number: int = 0) -> list[Line]:
    """Return the lines of a page in reading order."""
    return [line for line in _in_order(_segments(page.words, number)) if line.text]


def _segments(words: Iterable[Word], number: int) -> list[Line]:
    """Join words that follow each other on one base line, in the order of the file."""
    segments: list[list[Word]] = []
    for word in words:
        last = segments[-1][-1] if segments else None
        if last is not None:
            size = max(last.size, word.size)
            gap = word.left - last.right
            near = abs(word.base - last.base) < (0.35 if last.size == word.size else 0.6) * size
            if near and -0.5 * size < gap < GUTTER * size:
                segments[-1].append(word)
                continue
        segments.append([word])
    return [_line(segment, number) for segment in segments]


def _line(words: Sequence[Word], number: int) -> Line:
    text = words[0].text
    for last, word in pairwise(words):
        text += (" " if word.left - last.right > 0.12 * min(last.size, word.size) else "") + word.text
    sizes: Counter[float] = Counter()
    bases: Counter[float] = Counter()
    for word in words:
        sizes[word.size] += len(word.text)
        bases[round(word.base, 1)] += len(word.text)
    letters = sum(len(word.text) for word in words)
    return Line(
        text=" ".join(text.split()),
        left=words[0].left,
        right=max(word.right for word in words),
        base=bases.most_common(1)[0][0],
        size=sizes.most_common(1)[0][0],
        bold=sum(len(word.text) for word in words if word.bold) > 0.8 * letters,
        page=number,
    )


def _in_order(segments: list[Line]) -> list[Line]:
    """Return segments as lines in reading order: columns one after the other between what spans the page."""
    if not segments:
        return []
    left, right = min(one.left for one in segments), max(one.right for one in segments)
    gutter = _gutter(segments, left, right)
    if gutter is None:
        return _rows(segments, (left, right))
    ordered: list[Line] = []
    band: list[Line] = []
    for segment in sorted(segments, key=lambda one: (one.base, one.left)):
        if segment.left < gutter[0] - 1 and segment.right > gutter[1] + 1:  # it crosses
            ordered += _sides(band, gutter)
            ordered += _rows([segment], (left, right))
            band = []
        else:
            band.append(segment)
    return ordered + _sides(band, gutter)


def _sides(band: list[Line], gutter: tuple[float, float]) -> list[Line]:
    middle = sum(gutter) / 2
    before = [one for one in band if (one.left + one.right) / 2 <= middle]
    after = [one for one in band if (one.left + one.right) / 2 > middle]
    return [*_in_order(before), *_in_order(after)]


def _gutter(segments: Sequence[Line], left: float, right: float) -> tuple[float, float] | None:
    """Return the empty strip between two columns of prose, or None: cells of a table are too short to be prose."""
    width = right - left
    if width <= 0 or len(segments) < 8:
        return None
    narrow = [one for one in segments if one.right - one.left < 0.6 * width]
    if len(narrow) < 8 or len(narrow) * 2 < len(segments):
        return None
    best: tuple[int, tuple[float, float]] | None = None
    for edge in sorted({round(one.left) for one in narrow}):
        before = [one for one in narrow if one.right <= edge + 0.5]
        after = [one for one in narrow if one.left >= edge - 1]
        crossing = len(narrow) - len(before) - len(after)
        if (
            min(len(before), len(after)) < 4
            or crossing > CROSSING * len(narrow)
            or not (_is_prose(before) and _is_prose(after))
        ):
            continue
        if best is None or crossing < best[0]:
            best = crossing, (max(one.right for one in before), min(one.left for one in after))
    return best[1] if best else None


def _is_prose(side: Sequence[Line]) -> bool:
    """Whether lines fill their column as prose does; cells of a table are short."""
    width = max(one.right for one in side) - min(one.left for one in side)
    return median(len(one.text) for one in side) >= 18 and median(one.right - one.left for one in side) > 0.55 * width


def _rows(segments: Sequence[Line], column: tuple[float, float]) -> list[Line]:
    """Join the segments on one base line: cells of a table where lines of several follow each other."""
    rows: list[list[Line]] = []
    for segment in sorted(segments, key=lambda one: one.base):
        if rows and abs(rows[-1][0].base - segment.base) < 0.4 * max(segment.size, rows[-1][0].size):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    lines = []
    for index, row in enumerate(rows):
        row.sort(key=lambda one: one.left)
        cells = tuple(one.text for one in row)
        marker = len(row) == 2 and _BARE_BULLET.fullmatch(cells[0])
        beside = any(len(rows[at]) == len(row) for at in (index - 1, index + 1) if 0 <= at < len(rows))
        table = len(row) > 1 and beside and not marker
        first = max(row, key=lambda one: len(one.text))
        lines.append(
            Line(
                text=(" | " if table else " ").join(cells),
                left=row[0].left,
                right=max(one.right for one in row),
                base=first.base,
                size=first.size,
                bold=all(one.bold for one in row),
                cells=cells if table else (),
                column=column,
                page=first.page,
            )
        )
    return lines


def _without_running(lines: list[list[Line]], pages: Sequence[Page]) -> list[list[Line]]:
    """Drop the lines at top and bottom that come again on other pages, and the numbers of the pages."""
    seen: Counter[str] = Counter()
    edges: list[set[int]] = []
    for page, size in zip(lines, pages, strict=True):
        if not page:
            edges.append(set())
            continue
        top, bottom = min(line.base for line in page), max(line.base for line in page)
        zone = MARGIN * (size.height or bottom - top)
        ends = {
            index
            for index, line in enumerate(page)
            if (line.base - top < zone or bottom - line.base < zone) and len(line.text) < MAX_HEADING
        }
        edges.append(ends)
        seen.update({_DIGITS.sub("#", page[index].text.casefold()) for index in ends})
    often = max(2, min(3, len(pages) // 2))
    kept = []
    for page, ends in zip(lines, edges, strict=True):
        outer = (
            {min(page, key=lambda line: line.base).base, max(page, key=lambda line: line.base).base} if page else set()
        )
        kept.append(
            [
                line
                for index, line in enumerate(page)
                if not (
                    index in ends
                    and (
                        (len(pages) > 1 and seen[_DIGITS.sub("#", line.text.casefold())] >= often and not line.cells)
                        or (line.base in outer and len(page) > 1 and _NUMBER.fullmatch(line.text))
                    )
                )
            ]
        )
    return kept


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
