"""Which runs of a page are its article: a vote of three extractors, then what the structure of the page says.

One extractor errs in its own way: trafilatura now and then loses a paragraph or keeps a teaser, readability keeps what
stands in the winning container, jusText judges a paragraph by its words. Voting over them beats each of them on eight
data sets (Bevendorff et al., "An Empirical Comparison of Web Content Extraction Algorithms", SIGIR 2023). They vote on
text nodes, each marked before with three characters that all of them pass on, so that what they kept is known exactly.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any

from wellcited.corpus.pageblocks import Run, text_nodes
from wellcited.corpus.pagerules import furniture, is_furniture_line, tidy

_FIRST = 0x2800  # braille patterns: printed by every extractor, no letters, and on no page that is not about braille
_TAG = re.compile("\u28ff([\u2800-\u28fe])([\u2800-\u28fe])")
_BRAILLE = re.compile("[\u2800-\u28ff]")
MAX_NODES = 255 * 255
BIG_PAGE = 1_000_000
"""Characters of markup above which trafilatura decides alone: jusText takes the square of their number."""
LONG = 70
"""Characters below which jusText has no opinion worth counting (its own lower bound for a good paragraph)."""
WEIGHTS = {"trafilatura": 2.0, "precise": 0.5, "generous": 0.5, "readability": 1.0, "justext": 1.0}
ENOUGH = 0.5
LEAST = 100
"""Characters of article below which all that is not furniture is taken."""


def main_runs(tree: Any, runs: list[Run]) -> list[Run]:
    """Return the runs of the article, in their order; empty where the page has no words."""
    if not runs:
        return []
    kept, unseen = _votes(tree)
    named = furniture(runs)
    body = _article_body(tree, runs)
    shares = [_share(run, kept, named[run.order], body) for run in runs]
    chosen = tidy(runs, shares, named, ENOUGH)
    size = sum(run.size for run in chosen)
    if sum(run.size for run in unseen) > max(2 * size, LEAST):
        return unseen
    if size < LEAST:
        everything = [run for run in runs if not named[run.order] and not is_furniture_line(run.text)]
        if sum(run.size for run in everything) > 2 * size:
            return everything
    return chosen


def _share(run: Run, kept: dict[str, set[int]], named: bool, body: set[int] | None) -> float:
    """Return how much of the vote `run` gets: 0 none of it, 1 all of it."""
    total = won = 0.0
    for voter, weight in WEIGHTS.items():
        if voter not in kept or (voter == "justext" and len(run.text) < LONG):
            continue
        total += weight
        won += weight * sum(length for number, length in run.nodes if number in kept[voter]) / max(1, run.size)
    share = won / total if total else 0.0
    if named:
        share -= 0.25
    if body is not None:
        share += 0.15 if run.order in body else -0.3
    if run.link_share > 0.6 and run.kind != "heading":
        share -= 0.15
    return share


def _article_body(tree: Any, runs: list[Run]) -> set[int] | None:
    """Return the runs within the one element that the page itself marks as the body of its article."""
    marked = tree.xpath("//*[@itemprop='articleBody']")
    marked = [
        element
        for element in marked
        if not any(other is not element and other in element.iterancestors() for other in marked)
    ]
    if len(marked) != 1:
        return None
    inside = {run.order for run in runs if run.element is marked[0] or marked[0] in run.element.iterancestors()}
    words = sum(run.size for run in runs if run.order in inside)
    return inside if words > 500 and words * 4 > sum(run.size for run in runs) else None


def _votes(tree: Any) -> tuple[dict[str, set[int]], list[Run]]:
    """Return the numbers of the text nodes that each extractor keeps, nothing of one that failed; and unseen text.

    Unseen is what trafilatura found in the data of a page (JSON-LD) whose own markup does not hold its article.
    """
    from lxml import html

    nodes = list(text_nodes(tree))
    marked = deepcopy(tree)
    twins = dict(zip(tree.iter(), marked.iter(), strict=True))
    for number, (element, is_tail) in enumerate(nodes[:MAX_NODES]):
        twin = twins[element]
        tag = "\u28ff" + chr(_FIRST + number // 255) + chr(_FIRST + number % 255)
        if is_tail:
            twin.tail = tag + _BRAILLE.sub(" ", twin.tail)
        else:
            twin.text = tag + _BRAILLE.sub(" ", twin.text)
    source = html.tostring(marked, encoding="unicode")
    logging.disable(logging.CRITICAL)  # the extractors warn of every page that is not to their liking
    try:
        numbers, unseen = _trafilatura(marked)
        found = {"trafilatura": numbers}
        if len(source) < BIG_PAGE:
            found["precise"] = _trafilatura(marked, precision=True)[0]
            found["generous"] = _trafilatura(marked, recall=True)[0]
            found["readability"] = _readability(source)
            found["justext"] = _justext(source)
    finally:
        logging.disable(logging.NOTSET)
    return {voter: numbers for voter, numbers in found.items() if numbers}, unseen


def _trafilatura(tree: Any, precision: bool = False, recall: bool = False) -> tuple[set[int], list[Run]]:
    from trafilatura import bare_extraction

    found = bare_extraction(
        deepcopy(tree), include_comments=False, include_tables=True, favor_precision=precision, favor_recall=recall
    )
    body = getattr(found, "body", None)
    if body is None:
        return set(), []
    numbers = _numbers(body.itertext())
    if numbers:
        return numbers, []
    texts = [" ".join("".join(part.itertext()).split()) for part in body]
    return set(), [
        Run("paragraph", part, text, nodes=[(-1, len(text))]) for part, text in zip(body, texts, strict=True) if text
    ]


def _readability(source: str) -> set[int]:
    from trafilatura.readability_lxml import Document

    try:
        return _numbers([Document(source, min_text_length=25).summary()])
    except Exception:  # a voter that fails on a page has no vote; what it raises is not documented
        return set()


def _justext(source: str) -> set[int]:
    from justext import justext

    try:
        paragraphs = justext(source, _stoplist())
    except Exception:  # as above
        return set()
    return _numbers(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)


@cache
def _stoplist() -> frozenset[str]:
    """The common words of every language that jusText knows: a guide may be in any of them."""
    from justext import get_stoplist, get_stoplists

    return frozenset(word for name in sorted(get_stoplists()) for word in get_stoplist(name))


def _numbers(texts: Iterable[Any]) -> set[int]:
    return {
        (ord(match[1]) - _FIRST) * 255 + ord(match[2]) - _FIRST for text in texts for match in _TAG.finditer(str(text))
    }
