"""Document -> Passages: whole blocks under one heading, never across it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from wellcited.corpus.sentences import sentence_spans, trimmed
from wellcited.corpus.slugs import Slugs
from wellcited.datatypes import Block, Document, Passage, Span

PASSAGE_CHARS = 700


@dataclass
class Section:
    """The blocks between one heading and the next, under the path of headings that leads there."""

    headings: tuple[str, ...]
    blocks: list[Block] = field(default_factory=list)
    start: int = 0


@dataclass
class _Piece:
    """A block, or a run of sentences of a long one, from the end of what stands before it."""

    start: int
    end: int
    sentences: list[Span]


def heading_text(document: Document, block: Block) -> str:
    """Return the words of a heading on one line."""
    return " ".join(document.text[block.start : block.end].split())


def sections(document: Document) -> list[Section]:
    """Return the sections of `document` in order, the text before the first heading included, empty ones too."""
    found = [Section(headings=())]
    path: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.kind == "heading":
            path = [entry for entry in path if entry[0] < block.level] + [(block.level, heading_text(document, block))]
            found.append(Section(headings=tuple(text for _, text in path), start=block.end))
        else:
            found[-1].blocks.append(block)
    return found


def split(document: Document, max_chars: int = PASSAGE_CHARS) -> list[Passage]:
    """Cut `document` into passages of whole blocks, in order, each an exact slice of its text under one heading.

    Blocks are packed up to `max_chars` characters; a longer block is cut between sentences. Every character of the
    document other than white space and headings is in exactly one passage. Ids are `<document>/<section>/<digest>`: the
    same text in the same section keeps its id wherever it moves to, and no id is ever given to another text.
    """
    slugs = Slugs()
    passages: list[Passage] = []
    for section in sections(document):
        slug = slugs.unique(section.headings[-1] if section.headings else "start")
        ids = Slugs()
        for run in _packed(_pieces(document, section, max_chars), max_chars):
            start, end = run[0].start, run[-1].end
            digest = hashlib.sha256(document.text[start:end].encode("utf-8", "surrogatepass")).hexdigest()[:10]
            passages.append(
                Passage(
                    id=f"{document.id}/{slug}/{ids.unique(digest)}",
                    document_id=document.id,
                    headings=section.headings or (document.title,),
                    text=document.text[start:end],
                    start=start,
                    end=end,
                    sentences=tuple(span for piece in run for span in piece.sentences),
                )
            )
    return passages


def section_slug(passage: Passage) -> str:
    """Return the slug of the section a passage stands in: the middle of its id."""
    return passage.id.rsplit("/", 2)[-2]


def _pieces(document: Document, section: Section, max_chars: int) -> Iterator[_Piece]:
    text = document.text
    before = section.start
    for block in section.blocks:
        start = _skip_space(text, before, block.start)  # a list marker stands before its block and goes with it
        before = block.end
        if block.kind in ("code", "row"):
            spans = [trimmed(text, block.start, block.end)]
        else:
            spans = sentence_spans(text, block.start, block.end, document.language)
        if block.end - start <= max_chars or len(spans) < 2:
            yield _Piece(start, block.end, spans)
            continue
        for index, span in enumerate(spans):
            end = block.end if index + 1 == len(spans) else _strip_end(text, span.end, spans[index + 1].start)
            yield _Piece(start, end, [span])
            start = _skip_space(text, end, block.end)


def _strip_end(text: str, end: int, limit: int) -> int:
    """Return the end of what stands before `limit`: a sentence with the punctuation that no sentence claims."""
    while limit > end and text[limit - 1].isspace():
        limit -= 1
    return limit


def _skip_space(text: str, start: int, end: int) -> int:
    while start < end and text[start].isspace():
        start += 1
    return start


def _packed(pieces: Iterator[_Piece], max_chars: int) -> Iterator[list[_Piece]]:
    run: list[_Piece] = []
    for piece in pieces:
        if run and piece.end - run[0].start > max_chars:
            yield run
            run = []
        run.append(piece)
    if run:
        yield run
