"""Structure of a plain-text guide: headings, paragraphs and list items, found without any markup.

The document's text is the file itself; blocks only point into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from wellcited.datatypes import Block

MAX_HEADING_CHARS = 120
MAX_HEADING_WORDS = 20
MAX_HEADING_RUN = 3
"""More heading-like lines than this in a row are a list of lines (an address, a table of contents), not headings."""

_LINE = re.compile(r"[^\r\n]+")
_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<marker>[-*•‣–]|(?P<number>\d{1,3}[.)]))[ \t]+(?=\S)")
_SENTENCE_END = re.compile(r"[.!;:,…。！][\"'”’)\]]*$")
_INNER_END = re.compile(r"[.!…]\s+[\"'“‘(]?[A-ZÀ-Þ]")


@dataclass(frozen=True)
class _Line:
    start: int
    end: int
    text: str
    after_blank: bool


def parse_plaintext(text: str) -> tuple[Block, ...]:
    """Return the blocks of `text`: together they hold every character but white space and list markers.

    A heading is a short line that opens with a capital or a digit, does not end like a sentence, and has text below
    it. Where paragraphs are wrapped over several lines, only a line that stands alone between blank lines can be one.
    """
    lines = _lines(text)
    wrapped = _is_wrapped(lines)
    paragraphs = _paragraphs(lines) if wrapped else [[line] for line in lines]
    alike = [_looks_like_heading(paragraph) for paragraph in paragraphs]
    headings = alike if len(alike) > 1 and all(alike) else _without_runs(alike)  # headings only: told to the publisher
    blocks: list[Block] = []
    for index, paragraph in enumerate(paragraphs):
        if headings[index]:
            level = 1 if index == 0 else 2
            blocks.append(Block(kind="heading", start=paragraph[0].start, end=paragraph[-1].end, level=level))
        else:
            blocks.append(_body(text, paragraph))
    return tuple(_nested_questions(text, blocks))


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    previous_end = 0
    for match in _LINE.finditer(text):
        stripped = match.group().strip()
        if not stripped:
            continue
        start = match.start() + match.group().index(stripped[0])
        gap = text[previous_end:start]
        blank = len(re.findall(r"\r\n|\n|\r", gap)) > 1
        lines.append(_Line(start, start + len(stripped), stripped, blank or not lines))
        previous_end = start + len(stripped)
    return lines


def _is_wrapped(lines: list[_Line]) -> bool:
    """Whether paragraphs run over several lines: a line that breaks off, with its lower-case rest right below."""
    if not any(line.after_blank for line in lines[1:]):
        return False
    broken = sum(
        1
        for line, below in pairwise(lines)
        if not below.after_blank and not _SENTENCE_END.search(line.text) and below.text[:1].islower()
    )
    return broken >= 1 and broken * 10 >= len(lines)


def _paragraphs(lines: list[_Line]) -> list[list[_Line]]:
    paragraphs: list[list[_Line]] = []
    for line in lines:
        if line.after_blank or _ITEM.match(line.text) or not paragraphs:
            paragraphs.append([line])
        else:
            paragraphs[-1].append(line)
    return paragraphs


def _looks_like_heading(paragraph: list[_Line]) -> bool:
    if len(paragraph) > 1:
        return False
    text = paragraph[0].text
    if len(text) > MAX_HEADING_CHARS or len(text.split()) > MAX_HEADING_WORDS or _ITEM.match(text):
        return False
    first = next((char for char in text if char.isalnum()), "")
    if not first or first.islower() or not any(char.isalpha() for char in text):
        return False
    return not _SENTENCE_END.search(text) and not _INNER_END.search(text)


def _without_runs(alike: list[bool]) -> list[bool]:
    """Keep a heading only above some text, and of a long run of heading-like lines only the first and the last."""
    headings = list(alike)
    index = 0
    while index < len(alike):
        end = index
        while end < len(alike) and alike[end]:
            end += 1
        if end == len(alike):
            headings[index:end] = [False] * (end - index)
        elif end - index > MAX_HEADING_RUN:
            headings[index + 1 : end - 1] = [False] * (end - index - 2)
        index = end + 1
    return headings


def _body(text: str, paragraph: list[_Line]) -> Block:
    start, end = paragraph[0].start, paragraph[-1].end
    item = _ITEM.match(text, start, end)
    if not item:
        return Block(kind="paragraph", start=start, end=end)
    return Block(kind="item", start=item.end(), end=end, level=1, ordered=item.group("number") is not None)


def _nested_questions(text: str, blocks: list[Block]) -> list[Block]:
    """Put the questions right below a heading without text of its own (a FAQ) one level under it."""
    nested = []
    inside = False
    for index, block in enumerate(blocks):
        if block.kind == "heading":
            question = text[block.start : block.end].endswith("?")
            opens = index + 1 < len(blocks) and blocks[index + 1].kind == "heading" and block.level == 2
            if inside and question:
                block = block.model_copy(update={"level": 3})
            else:
                inside = opens and text[blocks[index + 1].start : blocks[index + 1].end].endswith("?")
        nested.append(block)
    return nested
