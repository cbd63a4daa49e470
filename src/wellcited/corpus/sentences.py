"""Sentence spans of a piece of text, as exact offsets."""

from __future__ import annotations

import re

import sentencex

from wellcited.datatypes import Span

MAX_SENTENCE = 800
"""A longer run without sentence punctuation (a list pasted as one line) is cut at a space: who would read it whole?"""

_HAS_WORD = re.compile(r"[^\W_]")
_LIST_NUMBER = re.compile(r"\(?[\divxlc]{1,4}[.)]\s*$", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def sentence_spans(text: str, start: int, end: int, language: str = "en") -> list[Span]:
    """Return the spans of the sentences in `text[start:end]`, in order, without surrounding white space.

    What holds no letter or digit belongs to no sentence; everything else belongs to exactly one.
    """
    spans: list[Span] = []
    pending: int | None = None
    for boundary in sentencex.get_sentence_boundaries(language, text[start:end]):
        first = start + boundary["start_index"] if pending is None else pending
        last = start + boundary["end_index"]
        pending = None
        if not _HAS_WORD.search(text, first, last):
            if spans and not text[first:last].isspace():
                spans[-1] = trimmed(text, spans[-1].start, last)
            continue
        if _LIST_NUMBER.fullmatch(text[first:last].strip()) and last < end:
            pending = first  # "1. " is the number of the sentence that follows
            continue
        spans.extend(_pieces(text, first, last))
    if pending is not None:
        spans.extend(_pieces(text, pending, end))
    return spans


def _pieces(text: str, start: int, end: int) -> list[Span]:
    span = trimmed(text, start, end)
    pieces = []
    while span.end - span.start > MAX_SENTENCE:
        limit = span.start + MAX_SENTENCE
        spaces = (match.start() for match in _SPACE.finditer(text, limit - MAX_SENTENCE // 2, limit))
        cut = max(spaces, default=limit)
        pieces.append(trimmed(text, span.start, cut))
        span = trimmed(text, cut, span.end)
    pieces.append(span)
    return [piece for piece in pieces if _HAS_WORD.search(text, piece.start, piece.end)]


def trimmed(text: str, start: int, end: int) -> Span:
    """Return the span of `text[start:end]` without the white space around it."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start=start, end=end)
