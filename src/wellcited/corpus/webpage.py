"""A saved web page -> its main article. Nothing is ever fetched: a page is bytes on the disk and no more."""

from __future__ import annotations

import re
from typing import Any

from wellcited.corpus.addresses import is_web_address
from wellcited.corpus.decoding import decode_page
from wellcited.corpus.pageblocks import Run, body_runs, write_runs
from wellcited.corpus.pagevotes import main_runs
from wellcited.corpus.parsed import Facts, Parsed
from wellcited.errors import CorpusError

_SEPARATOR = re.compile(r"\s+[|–—·•»«:\-]\s+|\s*[|»·•]\s*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")
MAX_TITLE = 250
"""Characters above which a heading is no title."""
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_NUL = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127], " ")


def parse_webpage(data: bytes) -> Parsed:
    """Return the main article of the HTML page `data`: headings, paragraphs, lists, tables and code of it alone.

    Navigation, cookie notices, sidebars, comments, share bars, footers, scripts and what a browser would not show are
    left out. The title, which is a fact of the document, is not repeated in its text. Raises CorpusError.
    """
    source = _XML_DECLARATION.sub("", decode_page(data).translate(_NUL))
    tree = _tree(source)
    base = _address(tree)
    title = _title(tree)
    runs = main_runs(tree, body_runs(tree, base))
    if not runs:
        raise CorpusError("has no text that could be an article; save the page with its text, or remove the file")
    text, blocks = write_runs(_without_title(runs, title))
    language = _first(
        tree, "/html/@lang", "//meta[@http-equiv='content-language']/@content", "/html/@*[name()='xml:lang']"
    )
    found = _LANGUAGE.match(language or "")
    facts = Facts(title=title, language=found.group().lower() if found else None, source_url=base)
    return Parsed(text=text, blocks=blocks, facts=facts)


def _tree(source: str) -> Any:
    from lxml import etree, html

    parser = html.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, encoding="utf-8")
    try:
        tree = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise CorpusError(f"is not a web page: {error}; save it again, or remove the file") from error
    return tree


def _first(tree: Any, *paths: str) -> str | None:
    for path in paths:
        for found in tree.xpath(path):
            if words := " ".join(str(found).split()):
                return words
    return None


def _texts(tree: Any, path: str) -> list[str]:
    return [words for found in tree.xpath(path) if (words := " ".join(found.text_content().split()))]


def _address(tree: Any) -> str | None:
    """Return where the page says that it stands on the web."""
    for path in ("//link[@rel='canonical']/@href", "//meta[@property='og:url']/@content"):
        address = _first(tree, path)
        if address and is_web_address(address):
            return address
    return None


def _title(tree: Any) -> str | None:
    """Return the title: a heading that <title> or og:title opens with, else one of these without the site's name."""
    plain = (_first(tree, "//head/title/text()", "//title/text()") or "")[: 2 * MAX_TITLE]
    shared = _first(tree, "//meta[@property='og:title']/@content", "//meta[@name='twitter:title']/@content") or ""
    shared = shared[: 2 * MAX_TITLE]
    site = _first(tree, "//meta[@property='og:site_name']/@content")
    first = [words for words in _texts(tree, "//h1") if len(words) <= MAX_TITLE]
    for heading in [*first, *_texts(tree, "//h2")[:3]]:
        words = _letters(heading)
        if len(words) > 3 and any(_letters(other).startswith(words) for other in (shared, plain)):
            return heading
    for heading in first:
        if len(heading.split()) > 2 and any(_letters(heading) in _letters(other) for other in (shared, plain)):
            return heading
    if shared:
        return _without_site(shared, site)
    if len(first) == 1:
        return first[0]
    if plain:
        return _without_site(plain, site)
    return first[0] if first else None


def _without_site(title: str, site: str | None) -> str:
    """Return `title` without the name of the site at its end or start."""
    if site:
        for pattern in (rf"\s*[|–—·•»:\-]\s*{re.escape(site)}\s*$", rf"^\s*{re.escape(site)}\s*[|–—·•«»:\-]\s*"):
            cut = re.sub(pattern, "", title, flags=re.IGNORECASE)
            if cut and cut != title:
                return cut
    while places := [found for found in _SEPARATOR.finditer(title) if found.group().strip() != ":"]:
        head, tail = title[: places[-1].start()], title[places[-1].end() :]
        if not head.strip() or len(tail.split()) > 4 or len(head.split()) < len(tail.split()):
            break
        title = head
    return title


def _without_title(runs: list[Run], title: str | None) -> list[Run]:
    """Return the runs without the heading that only repeats the title, where it opens the article."""
    words = _letters(title or "")
    for index, run in enumerate(runs[:6]):
        if words and _letters(run.text) == words:
            return runs[:index] + runs[index + 1 :] if len(runs) > 1 else runs
        if len(run.text) > 250:
            break
    return runs


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
