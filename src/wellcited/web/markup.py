"""Guide text to HTML: every character escaped, inline formatting nested correctly, a cited span in `<mark>`."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence

from wellcited.datatypes import Block, Document, Mark, Span

_TAGS = {"strong": "strong", "emphasis": "em", "code": "code"}
_SAFE_HREF = re.compile(r"(?:https?://|mailto:|#)[^\s\x00-\x1f\x7f]*", re.IGNORECASE)
# HTML cannot carry these control characters; a carriage return would be read back as a line feed.
_UNSHOWABLE = dict.fromkeys((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F), "\ufffd") | {0x0D: "&#13;"}
# A lone surrogate cannot be encoded as UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")


def escape(text: str) -> str:
    """Return `text` as HTML that shows exactly these characters, in an element or in a quoted attribute."""
    return _SURROGATE.sub("\ufffd", html.escape(text, quote=True).translate(_UNSHOWABLE))


def safe_href(href: str | None) -> str | None:
    """Return `href` where it is http, https, mailto or an anchor of the page, else None."""
    return href if href and _SAFE_HREF.fullmatch(href) else None


def inline_html(
    source: str, start: int, end: int, marks: Iterable[Mark] = (), cite: Span | None = None, cite_id: str = ""
) -> str:
    """Return `source[start:end]` with its formatting, the part inside `cite` in one `<mark>`.

    The `<mark>` is outermost, so formatting that crosses its edge is closed and opened again there.
    """
    marks = tuple(marks)
    if cite is None or not _overlap(cite, start, end):
        return _formatted(source, start, end, marks)
    first, last = max(start, cite.start), min(end, cite.end)
    identity = f' id="{escape(cite_id)}"' if cite_id else ""
    return (
        _formatted(source, start, first, marks)
        + f"<mark{identity}>{_formatted(source, first, last, marks)}</mark>"
        + _formatted(source, last, end, marks)
    )


def blocks_html(
    document: Document, blocks: Sequence[Block], cite: Span | None = None, anchors: Mapping[int, str] | None = None
) -> str:
    """Return `blocks` of `document` as HTML in reading order, items grouped into nested lists.

    `anchors` maps the start of a heading to its id. The first cited block holds `<mark id="cite">`, and only
    where `anchors` is given: ids belong to pages, not to fragments.
    """
    parts: list[str] = []
    lists: list[str] = []  # tags of the lists now open, each with one open <li>
    cited = anchors is None
    for block in blocks:
        if block.kind != "item":
            _close_lists(parts, lists, 0)
        cite_id = ""
        if not cited and cite is not None and _overlap(cite, block.start, block.end):
            cite_id, cited = "cite", True
        inner = inline_html(document.text, block.start, block.end, block.marks, cite, cite_id)
        match block.kind:
            case "item":
                _open_item(parts, lists, block)
                parts.append(inner)
            case "heading":
                level = min(max(block.level, 1), 6)
                identity = f' id="{escape(anchors[block.start])}"' if anchors and block.start in anchors else ""
                parts.append(f"<h{level}{identity}>{inner}</h{level}>")
            case "code":
                parts.append(f'<pre tabindex="0"><code>{inner}</code></pre>')
            case "row":
                parts.append(f'<p class="row">{inner}</p>')
            case _:
                parts.append(f"<p>{inner}</p>")
    _close_lists(parts, lists, 0)
    return "".join(parts)


def _open_item(parts: list[str], lists: list[str], block: Block) -> None:
    depth = min(max(block.level, 1), len(lists) + 1)
    tag = "ol" if block.ordered else "ul"
    _close_lists(parts, lists, depth)
    if len(lists) == depth and lists[-1] != tag:
        _close_lists(parts, lists, depth - 1)
    if len(lists) == depth:
        parts.append("</li><li>")
    else:
        parts.append(f"<{tag}><li>")
        lists.append(tag)


def _close_lists(parts: list[str], lists: list[str], depth: int) -> None:
    while len(lists) > depth:
        parts.append(f"</li></{lists.pop()}>")


def _formatted(source: str, start: int, end: int, marks: Sequence[Mark], in_link: bool = False) -> str:
    pending = _clipped(marks, start, end)
    parts: list[str] = []
    while pending:
        outer, *rest = pending
        opening, closing = ("", "") if in_link and outer.kind == "link" else _tag(outer)
        inner = _formatted(source, outer.start, outer.end, rest, in_link or outer.kind == "link")
        parts += [escape(source[start : outer.start]), opening, inner, closing]
        start = outer.end
        pending = _clipped(rest, start, end)
    parts.append(escape(source[start:end]))
    return "".join(parts)


def _clipped(marks: Sequence[Mark], start: int, end: int) -> list[Mark]:
    inside = [
        mark.model_copy(update={"start": max(mark.start, start), "end": min(mark.end, end)})
        for mark in marks
        if max(mark.start, start) < min(mark.end, end)
    ]
    return sorted(inside, key=lambda mark: (mark.start, -mark.end))


def _tag(mark: Mark) -> tuple[str, str]:
    if mark.kind == "link":
        href = safe_href(mark.href)
        return (f'<a href="{escape(href)}" rel="noopener noreferrer">', "</a>") if href else ("", "")
    return f"<{_TAGS[mark.kind]}>", f"</{_TAGS[mark.kind]}>"


def _overlap(span: Span, start: int, end: int) -> bool:
    return max(span.start, start) < min(span.end, end)
