"""From words with places to lines in reading order: base lines, columns, tables, without what comes on every page."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

GUTTER = 1.6
"""A gap of so many font sizes within a line parts columns or cells; justified text stays below."""
CROSSING = 0.1
"""The share of lines that may cross the gutter of two columns: a running head, a caption in the middle."""
MAX_HEADING = 160
MARGIN = 0.13
"""The share of the page's height, at top and bottom, where running heads and feet stand."""
_NUMBER = re.compile(
    r"(?:page|seite|p\.|-|–)?\s*(?:\d{1,4}|[ivxlc]{1,6})\s*(?:(?:of|von|/)\s*\d{1,4}|-|–|\|)?", re.IGNORECASE
)
_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b")
_BARE_BULLET = re.compile(r"[•◦▪▫‣⁃●○■□\uf0b7\uf0a7–—*-]|\(?(?:\d{1,3}|[a-z])[.)]")


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


def without_running(lines: list[list[Line]], pages: Sequence[Page]) -> list[list[Line]]:
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
