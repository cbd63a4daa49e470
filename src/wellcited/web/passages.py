"""A quote where it stands: the blocks around it, the headings above it, and the way into the guide."""

from __future__ import annotations

from collections.abc import Mapping

from wellcited.datatypes import Block, Citation, Document, Span
from wellcited.web.markup import blocks_html, escape

_NEIGHBOURS = 1  # blocks shown before and after the quoted ones
_NEIGHBOURS_IN_LIST = 2


def passage_html(citation: Citation, documents: Mapping[str, Document]) -> str:
    """Return where the quote stands, and its blocks with those beside them, the quote in `<mark>`."""
    document = documents.get(citation.document_id)
    if document is None:  # the guide was replaced since: the quote is all there is
        language, inner = "en", f"<blockquote><mark>{escape(citation.quote)}</mark></blockquote>"
    else:
        language = document.language
        before, held, after = _in_context(document, citation.start, citation.end)
        span = Span(start=citation.start, end=citation.end)
        inner = "".join(
            f'<div class="{name}" dir="auto">{blocks_html(document, blocks, span)}</div>'
            for name, blocks in (("beside", before), ("held", held), ("beside", after))
            if blocks
        )
    headings = "".join(f"<li>{escape(heading)}</li>" for heading in path(citation))
    of = _short_title(citation) if citation.page is None else f"{_short_title(citation)}, page {citation.page}"
    if document is not None and document.updated:
        of += f", updated {document.updated.day} {document.updated:%B %Y}"
    return (
        f'<header><p class="of">{escape(of)}</p><ol class="path">{headings}</ol></header>'
        f'<div class="passage" lang="{escape(language)}">{inner}</div>'
        f'<footer><a class="button" href="{escape(citation.url)}" target="_blank" rel="noopener">Open in the guide'
        f'<span class="unseen"> (in a new tab)</span></a></footer>'
    )


def path(citation: Citation) -> tuple[str, ...]:
    """Return the headings above the quote, outermost first, without the title of the guide."""
    headings = citation.headings
    return headings[1:] if headings and headings[0] == citation.title else headings


def where(citation: Citation) -> str:
    """Return the heading that the quote stands under, and the page of a paged file."""
    heading = (path(citation) or (citation.title,))[-1]
    return heading if citation.page is None else f"{heading}, page {citation.page}"


def trail_html(citation: Citation, with_title: bool) -> str:
    """Return the last two headings above the quote; before them the guide's title, where there are several guides."""
    parts = [*([_short_title(citation)] if with_title else []), *path(citation)[-2:]] or [_short_title(citation)]
    parts += [] if citation.page is None else [f"page {citation.page}"]
    return '<span class="sep"> › </span>'.join(f"<span>{escape(part)}</span>" for part in parts)


def _short_title(citation: Citation) -> str:
    return citation.title.partition(": ")[0]


def _in_context(document: Document, start: int, end: int) -> tuple[list[Block], list[Block], list[Block]]:
    blocks = document.blocks
    held = [index for index, block in enumerate(blocks) if block.start < end and block.end > start]
    if not held:
        return [], [], []
    first, last = held[0], held[-1]
    reach = _NEIGHBOURS_IN_LIST if blocks[first].kind == "item" else _NEIGHBOURS
    low, high = first, last + 1
    while low > 0 and first - low < reach and blocks[low - 1].kind != "heading":
        low -= 1
    while high < len(blocks) and high - last - 1 < reach and blocks[high].kind != "heading":
        high += 1
    return list(blocks[low:first]), list(blocks[first : last + 1]), list(blocks[last + 1 : high])
