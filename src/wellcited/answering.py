"""Ranked sentences -> the quotes of an answer. Pure: no index, no model, no clock."""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from urllib.parse import quote

from wellcited.datatypes import Answer, Citation, Document, Hit

MARGIN = 0.7
"""A sentence joins the answer where its score, a log-probability, is within this of the best: half as likely."""
SEVERAL_MARGIN = 1.8
"""The margin where a question asks for several things, each of which a sentence of its own may tell."""
FURTHER_CHARS = 2400
FURTHER_QUOTES = 12
FRAGMENT_WORDS = 6
QUOTE_DIGEST = 12
KEPT = 2048
"""So many addresses of quotes are remembered: readers are shown the same sentences."""
UNSURE = 0.5
"""Below this confidence an answer is shown as what it is: a guess at what the guide says to the question."""
HEDGE = "The guide may not answer this. The nearest it says:"

_LISTED = (
    r"(?:causes|reasons|benefits|advantages|functions|duties|jobs|roles|tasks|symptoms|signs|effects|ways|options"
    r"|examples|steps|signals|mistakes|risks|sources|kinds|types)"
)
_SEVERAL = re.compile(
    r"\b(?:what|which) (?:(?:can|could|might|may|usually|typically|all|things) )*(?:causes?|leads? to|brings? on)\b"
    r"|\b(?:what|which)(?: are|['’]re| were)? "
    rf"(?:(?:the|some|all|its|their|other|possible|common|main|usual|different) )*{_LISTED}\b"
    rf"|\b{_LISTED} (?:of|for|why|behind)\b|\b(?:what|which|any|anything) (?:else|others?)\b"
    r"|\b(?:name|list)(?: me)? (?:the|some|all|a few)\b",
    re.IGNORECASE,
)


def margin_for(question: str) -> float:
    """Return how far from the best sentence of its part one may be to join the answer to `question`."""
    return SEVERAL_MARGIN if _SEVERAL.search(question) else MARGIN


def choose(
    rankings: Sequence[Sequence[Hit]], max_sentences: int, max_chars: int, margin: float = MARGIN
) -> tuple[list[Hit], list[Hit]]:
    """Return what an answer quotes and what follows it, from one ranking for each part of the question.

    The best sentence of every part is quoted; others join while they are within `margin` of the best of their part and
    the answer stays within `max_sentences` and `max_chars`. The rest follows in the order of rank, up to
    FURTHER_QUOTES and FURTHER_CHARS.
    """
    answer: list[Hit] = []
    seen: set[tuple[str, int]] = set()

    def take(found: Hit) -> None:
        answer.append(found)
        seen.add(_place(found))

    for ranking in rankings:
        first = next((found for found in ranking if _place(found) not in seen), None)
        if first is not None and len(answer) < max_sentences:
            take(first)
    for found in _interleaved(rankings, margin):
        room = max_chars - sum(chosen.length for chosen in answer)
        if _place(found) not in seen and len(answer) < max_sentences and found.length <= room:
            take(found)

    further: list[Hit] = []
    room = FURTHER_CHARS
    for found in _interleaved(rankings, math.inf):
        if _place(found) in seen or found.length > room:
            continue
        seen.add(_place(found))
        further.append(found)
        room -= found.length
        if len(further) == FURTHER_QUOTES:
            break
    return answer, further


def cite(quotes: Iterable[Hit], documents: Mapping[str, Document], first_number: int = 1) -> tuple[Citation, ...]:
    """Return the citations of `quotes`, numbered from `first_number`."""
    citations = []
    for number, found in enumerate(quotes, start=first_number):
        passage, start, end = found.passage, found.start, found.end
        document = documents[passage.document_id]
        text = document.text[start:end]
        citations.append(
            Citation(
                number=number,
                passage_id=passage.id,
                document_id=document.id,
                title=document.title,
                headings=passage.headings,
                quote=text,
                start=start,
                end=end,
                url=_section_url(document, start) or passage_url(document.id, start, end, text),
                page=bisect_right(document.pages, start) or None,
                source_url=_at_source(document.source_url, text),
            )
        )
    return tuple(citations)


def hedge(answer: Answer) -> str:
    """Return what to say before the quotes of an answer that is not sure, nothing before one that is."""
    return HEDGE if answer.kind == "answer" and answer.confidence < UNSURE else ""


def answer_text(citations: Iterable[Citation]) -> str:
    """Return the quotes as one text, each on its line and followed by its number in brackets."""
    return "\n".join(f"{' '.join(citation.quote.split())} [{citation.number}]" for citation in citations)


@lru_cache(maxsize=KEPT)
def passage_url(document_id: str, start: int, end: int, text: str) -> str:
    """Return the address, on this server, of the guide's page with `text` marked, and scrolled to by its words.

    The text directive (`#:~:text=`) names the quote's first and last words, as the URL Fragment Text Directives
    draft has it; browsers without it go to the element `cite`. `sha` tells whether the words still stand there.
    """
    address = f"/guide/{quote(document_id, safe='')}?start={start}&end={end}&sha={quote_digest(text)}"
    return f"{address}#cite{_directive(text)}"


def _at_source(source_url: str | None, text: str) -> str | None:
    """Return the address of the words `text` on the publisher's own page, where the guide has one on the web."""
    if source_url is None or not source_url.lower().startswith(("https://", "http://")):
        return None
    return f"{source_url}{'' if '#' in source_url else '#'}{_directive(text)}"


@lru_cache(maxsize=KEPT)
def _directive(text: str) -> str:
    terms = text.split()
    if len(terms) <= 2 * FRAGMENT_WORDS:
        return f":~:text={_encoded(' '.join(terms))}"
    first, last = terms[:FRAGMENT_WORDS], terms[-FRAGMENT_WORDS:]
    return f":~:text={_encoded(' '.join(first))},{_encoded(' '.join(last))}"


def quote_digest(text: str) -> str:
    """Return the first characters of the sha256 of a quote, as its address carries them."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:QUOTE_DIGEST]


def _section_url(document: Document, start: int) -> str | None:
    """Return the publisher's own address of the section that `start` stands in."""
    for block in reversed(document.blocks[: bisect_right(document.blocks, start, key=lambda block: block.start)]):
        if block.kind == "heading":
            return block.url
    return None


def _encoded(words: str) -> str:
    return quote(words, safe="").replace("-", "%2D")


def _place(found: Hit) -> tuple[str, int]:
    return found.passage.document_id, found.start


def _interleaved(rankings: Sequence[Sequence[Hit]], margin: float) -> Iterable[Hit]:
    """Yield the next-best sentence of each part in turn, those within `margin` of the best of their part."""
    for rank in range(max(map(len, rankings), default=0)):
        near = [one[rank] for one in rankings if rank < len(one) and one[rank].score >= one[0].score - margin]
        if not near:  # nor is what comes after
            return
        yield from near
