"""One Answer as what the chat window shows: HTML with every character escaped, and plain text to copy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TypedDict

from wellcited.answering import hedge
from wellcited.datatypes import Answer, Citation, Document
from wellcited.web.markup import escape
from wellcited.web.passages import passage_html, path, trail_html, where
from wellcited.web.static import read_asset

# Three digits, or groups of digits such as 116 123, 0808 2000 247 and 1-800-799-7233.
_QUOTED_OR_NUMBER = re.compile(r"“[^”]*”|(?<![\w+.,-])(?P<number>\+?\d{1,4}(?:[ -]\d{3,4}){1,3}|\d{3})(?![\w-]|[.,]\d)")
# A number stays on the line of the word before it; a very long word may still be broken.
_LAST_WORD = re.compile(r"([^\s<>]{1,24})</q>(<button [^>]*>\d+</button>)")
# Between two sentences, but not inside “quoted words”.
_SENTENCE_GAP = re.compile(r"(?<=[.!?])[ \t]+(?=[A-ZÀ-Þ“¿¡])(?![^“]*”)")
_MARKER = re.compile(r"\s*\[(\d{1,2})\]")


class Reply(TypedDict):
    """What the browser gets for one turn: `text` goes back as history, `copy` to the clipboard, `html` on the page."""

    kind: str
    html: str
    text: str
    copy: str


def reply(answer: Answer, documents: Mapping[str, Document], emergency_numbers: Sequence[str]) -> Reply:
    """Return `answer` ready to be shown."""
    match answer.kind:
        case "answer":
            unsure = hedge(answer)
            inner = (
                (f'<div class="said own">{said_html(unsure, ())}</div>' if unsure else "")
                + f'<div class="said">{said_html(answer.text, answer.citations)}</div>'
                f'<div class="under">{_sources_html(answer.citations, len(documents) > 1)}'
                '<button type="button" class="quiet" data-copy>Copy with sources</button></div>'
                f"{_further_html('More from the guide', answer.further, len(documents) > 1)}"
            )
        case "referral":
            inner = _referral_html(answer, emergency_numbers)
        case "not_covered":
            inner = (
                f'<div class="said own">{said_html(answer.text, ())}</div>'
                f"{_further_html('The nearest the guide comes', answer.further, len(documents) > 1)}"
            )
        case "smalltalk":
            inner = f'<div class="said own">{said_html(answer.text, ())}</div>'
    passages = "".join(
        f'<template data-passage="{key}">{passage_html(citation, documents)}</template>'
        for key, citation in _keyed(answer)
    )
    html = f"{inner}{_suggestions_html(answer)}{passages}"
    return Reply(kind=answer.kind, html=html, text=answer.text, copy=copy_text(answer))


def problem_reply(message: str, long_conversation: bool = False) -> Reply:
    """Return a kind line for a question that could not be taken; it is no part of the conversation."""
    button = '<p class="tools"><button type="button" class="quiet" data-new>Start a new conversation</button></p>'
    message = message[:1].upper() + message[1:] + ("" if message.endswith((".", "!", "?")) else ".")
    html = f'<div class="said own">{said_html(message, ())}</div>{button if long_conversation else ""}'
    return Reply(kind="problem", html=html, text="", copy="")


def said_html(text: str, citations: Sequence[Citation]) -> str:
    """Return the words of an answer as paragraphs, one a line: quotes set apart, each with its number.

    A marker such as `[1]` in `text` becomes that number; where the text has none, it comes after the quote. Every
    citation gets its number, even one whose quote the text does not repeat.
    """
    marked = {int(number) for number in _MARKER.findall(text)}
    known = {citation.number: citation for citation in citations}
    paragraphs: list[list[str]] = [[]]
    shown: set[int] = set()

    def add(words: str, quoted: bool) -> None:
        for index, line in enumerate(re.split(r"\s*\n\s*", words)):
            if index:
                paragraphs.append([])
            if line.strip():
                html = _with_numbers(line, known, shown)
                paragraphs[-1].append(f"<q>{html}</q>" if quoted else html)

    at = 0
    for citation in citations:
        quote = citation.quote if citation.quote in text else " ".join(citation.quote.split())
        found = text.find(quote, at)
        if not quote or found < 0:
            continue
        add(text[at:found], quoted=False)
        add(quote, quoted=True)
        at = found + len(quote)
        if citation.number not in marked:
            paragraphs[-1].append(_number_html(citation))
            shown.add(citation.number)
    add(text[at:], quoted=False)
    paragraphs[-1] += [_number_html(citation) for citation in citations if citation.number not in shown]
    html = "".join(f'<p dir="auto">{"".join(parts).strip()}</p>' for parts in paragraphs if parts)
    return _LAST_WORD.sub(r'<span class="keep">\1\2</span></q>', html)


def copy_text(answer: Answer) -> str:
    """Return the answer as plain text, its sources numbered below; the browser completes the addresses."""
    if not answer.citations:
        return answer.text
    text = answer.text
    if not _MARKER.search(text):
        text = "\n".join(f"{citation.quote} [{citation.number}]" for citation in answer.citations)
    sources = [
        f"[{citation.number}] {' › '.join((citation.title, *path(citation)))}\n    {citation.url}"
        for citation in answer.citations
    ]
    return "\n".join([text, "", "Sources", *sources])


def _with_numbers(text: str, known: Mapping[int, Citation], shown: set[int]) -> str:
    parts: list[str] = []
    at = 0
    for match in _MARKER.finditer(text):
        citation = known.get(int(match[1]))
        if citation is not None:
            parts += [escape(text[at : match.start()]), _number_html(citation)]
            shown.add(citation.number)
            at = match.end()
    return "".join([*parts, escape(text[at:])])


def _number_html(citation: Citation) -> str:
    place = escape(where(citation))
    return (
        f'<button type="button" class="number" data-cite="{citation.number}" aria-expanded="false" '
        f'aria-label="Passage {citation.number}: {place}" title="{place}">{citation.number}</button>'
    )


def _sources_html(citations: Sequence[Citation], titles: bool) -> str:
    places: dict[tuple[str, ...], list[Citation]] = {}
    for citation in citations:
        places.setdefault((citation.title, *citation.headings), []).append(citation)
    items = "".join(
        f'<li><button type="button" class="source" data-cite="{held[0].number}" aria-expanded="false">'
        f'<span class="numbers">{" ".join(str(citation.number) for citation in held)}</span>'
        f'<span class="unseen">Passage: </span>{trail_html(held[0], titles)}</button></li>'
        for held in places.values()
    )
    return f'<ul class="sources" aria-label="Sources">{items}</ul>'


def _further_html(title: str, further: Sequence[Citation], titles: bool) -> str:
    if not further:
        return ""
    items = "".join(
        f'<li><blockquote dir="auto">{escape(citation.quote)}</blockquote>'
        f'<button type="button" class="source" data-cite="f{index}" aria-expanded="false">'
        f'<span class="unseen">Passage: </span>{trail_html(citation, titles)}</button></li>'
        for index, citation in enumerate(further, start=1)
    )
    summary = f'{title} <span class="count">{len(further)}</span>'
    return f'<details class="further"><summary>{summary}</summary><ul>{items}</ul></details>'


@cache
def _referral_table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads(read_asset("referral.json"))
    return table


def referral_words(language: str) -> Mapping[str, str]:
    """Return the titles of the tiers and the word before a number, in `language` or else in English."""
    table = _referral_table()
    return table.get(language, table["en"])


def _referral_html(answer: Answer, emergency_numbers: Sequence[str]) -> str:
    tier, language = answer.triage.tier, answer.triage.language
    words = referral_words(language)
    title = escape(words[tier])
    calls = "".join(
        f'<li><a class="call" href="tel:{_dialled(number)}"><small>{escape(words["call"])}</small> '
        f"{escape(number)}</a></li>"
        for number in emergency_numbers
    )
    numbers = f'<ul class="calls">{calls}</ul>' if tier == "emergency" else ""
    return (
        f'<section class="card {tier}" lang="{escape(language)}" aria-label="{title}"><h3>{title}</h3>{numbers}'
        f'<div class="said own">{_message_html(answer.text or answer.triage.message)}</div></section>'
    )


def _message_html(text: str) -> str:
    """Return a referral a sentence a line, its telephone numbers as links; quoted words stay as they are.

    Someone frightened or in pain reads short lines, not a paragraph of a hundred words.
    """
    paragraphs = []
    for line in filter(str.strip, re.split(r"\n", _SENTENCE_GAP.sub("\n", text))):
        parts, at = [], 0
        for match in _QUOTED_OR_NUMBER.finditer(line):
            if match["number"]:
                link = f'<a href="tel:{_dialled(match["number"])}">{escape(match["number"])}</a>'
                parts += [escape(line[at : match.start()]), link]
                at = match.end()
        paragraphs.append(f'<p dir="auto">{"".join(parts)}{escape(line[at:])}</p>')
    return " ".join(paragraphs)


def _dialled(number: str) -> str:
    return escape(re.sub(r"[^0-9+*#]", "", number))


def _suggestions_html(answer: Answer) -> str:
    if not answer.suggestions:
        return ""
    title = "The guide does cover" if answer.kind == "not_covered" else "You could also ask"
    items = "".join(
        f'<li><button type="button" class="ask" dir="auto" data-ask>{escape(suggestion)}</button></li>'
        for suggestion in answer.suggestions
    )
    return f'<div class="suggestions"><p>{title}</p><ul>{items}</ul></div>'


def _keyed(answer: Answer) -> Iterable[tuple[str, Citation]]:
    yield from ((str(citation.number), citation) for citation in answer.citations)
    yield from ((f"f{index}", citation) for index, citation in enumerate(answer.further, start=1))
