"""The guide as pages: good to read, to link into and to print, without a line of script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote as percent

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from wellcited.answering import quote_digest
from wellcited.corpus.slugs import slugify
from wellcited.datatypes import Block, Document, Span
from wellcited.web.markup import blocks_html, escape, safe_href
from wellcited.web.static import asset_url, frame

GONE = "The passage of this answer is no longer in the guide: it was changed or taken out since."
LONGEST_QUOTE = 5000
_SENTENCE_MAY_BEGIN = re.compile(r"(?:\A|(?<=[\s(“‘\"'«]))(?=\S)")
_TAKEN = {"cite", "contents", "guide", "top"}


def heading_anchors(document: Document) -> dict[int, str]:
    """Return an id for every heading, by the offset where the heading starts; no id comes twice."""
    anchors: dict[int, str] = {}
    taken = set(_TAKEN)
    for block in _headings(document):
        base = slugify(document.text[block.start : block.end])
        slug, count = base, 2
        while slug in taken:
            slug, count = f"{base}-{count}", count + 1
        taken.add(slug)
        anchors[block.start] = slug
    return anchors


def article_html(document: Document, cite: Span | None = None) -> str:
    """Return the whole guide as HTML, the cited characters in `<mark id="cite">`."""
    return blocks_html(document, document.blocks, cite, heading_anchors(document))


def guide_page(document: Document, cite: Span | None = None, note: str = "", root: str = "") -> str:
    """Return the page of one guide, with a note above it where there is one."""
    has_title = any(block.kind == "heading" and block.level == 1 for block in document.blocks)
    facts = []
    if document.updated:
        day = document.updated
        facts.append(f'Updated <time datetime="{day.isoformat()}">{day.day} {day:%B %Y}</time>')
    facts.append(f"{max(1, round(len(document.text.split()) / 220))} minutes to read")
    original = safe_href(document.source_url)
    if original:
        facts.append(f'<a href="{escape(original)}" rel="noopener noreferrer">Original</a>')
    return _page(
        title=document.title,
        language=document.language,
        heading="" if has_title else f"<h1>{escape(document.title)}</h1>",
        facts=" · ".join(facts),
        note=note,
        contents=_contents_html(document),
        body=article_html(document, cite),
        credit=f"<p>{escape(document.source)}</p>" if document.source else "",
        root=root,
    )


def listing_page(documents: Mapping[str, Document], root: str = "") -> str:
    """Return the page that lists every guide."""
    items = _items_html(documents, root)
    body = f'<ul class="guides">{items}</ul>' if items else ""
    return _page(title="The guides", heading="<h1>The guides</h1>", body=body, root=root)


def missing_page(documents: Mapping[str, Document], root: str = "") -> str:
    """Return the page for a guide that is not here, with the guides that are."""
    body = "<p>There is no guide at this address. It may have been renamed or withdrawn.</p>"
    body += f'<ul class="guides">{_items_html(documents, root)}</ul>'
    return _page(title="No such guide", heading="<h1>No such guide</h1>", body=body, root=root)


def cited_span(document: Document, start: str | None, end: str | None, sha: str | None = None) -> Span | None:
    """Return the span that the address names, or None where it names none of this document.

    `sha` is the digest of the quote. Where other words stand in its place by now, the quote is looked for elsewhere.
    """
    try:
        first, last = int(start or ""), int(end or "")
    except ValueError:
        return None
    if not 0 <= first < last:
        return None
    inside = last <= len(document.text)
    if inside and (not sha or quote_digest(document.text[first:last]) == sha):
        return Span(start=first, end=last)
    return _moved(document.text, last - first, sha) if sha else None


def _moved(text: str, length: int, sha: str) -> Span | None:
    """Return where the words with this digest, that begin as a sentence does, stand now."""
    if length > LONGEST_QUOTE:
        return None
    for found in _SENTENCE_MAY_BEGIN.finditer(text):
        start = found.end()
        if quote_digest(text[start : start + length]) == sha:
            return Span(start=start, end=start + length)
    return None


def guide_router(guides: Callable[[], Mapping[str, Document]], root: str = "") -> APIRouter:
    """Serve `/guide` and `/guide/<document id>`; `guides` gives the guides as they are now, `root` where they stand."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/guide", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def listing() -> HTMLResponse:
        return HTMLResponse(listing_page(guides(), root))

    @router.api_route("/guide/{document_id:path}", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def guide(
        document_id: str, start: str | None = None, end: str | None = None, sha: str | None = None
    ) -> HTMLResponse:
        documents = guides()
        document = documents.get(document_id)
        if document is None:
            return HTMLResponse(missing_page(documents, root), status_code=404)
        span = cited_span(document, start, end, sha)
        return HTMLResponse(guide_page(document, span, GONE if sha and span is None else "", root))

    return router


def _page(
    *,
    title: str,
    body: str,
    language: str = "en",
    heading: str = "",
    facts: str = "",
    note: str = "",
    contents: str = "",
    credit: str = "",
    root: str = "",
) -> str:
    return frame("guide.html").substitute(
        title=escape(title),
        language=escape(language),
        heading=heading,
        facts=f'<p class="facts">{facts}</p>' if facts else "",
        note=f'<p class="note" role="note">{escape(note)}</p>' if note else "",
        contents=contents,
        body=body,
        credit=credit,
        root=root,
        theme_css=asset_url("theme.css", root),
        guide_css=asset_url("guide.css", root),
        theme_js=asset_url("theme.js", root),
        icon=asset_url("icon.svg", root),
    )


def _items_html(documents: Mapping[str, Document], root: str) -> str:
    return "".join(
        f'<li><a href="{root}/guide/{percent(document.id, safe="")}">{escape(document.title)}</a></li>'
        for document in documents.values()
    )


def _contents_html(document: Document) -> str:
    anchors = heading_anchors(document)
    entries = [block for block in _headings(document) if 2 <= block.level <= 3]
    if len(entries) < 2:
        return ""
    items = "".join(
        f'<li class="level-{block.level}"><a href="#{escape(anchors[block.start])}">'
        f"{escape(document.text[block.start : block.end])}</a></li>"
        for block in entries
    )
    folded = f"<details><summary>Contents</summary><ol>{items}</ol></details>"
    return f'<nav class="contents" aria-label="Contents">{folded}</nav>'


def _headings(document: Document) -> list[Block]:
    return [block for block in document.blocks if block.kind == "heading"]
