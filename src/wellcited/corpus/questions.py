"""Curated reader questions: `<guide>.questions.md` beside the guide, the same headings with questions as list items."""

from __future__ import annotations

import difflib
from pathlib import Path

from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.splitting import heading_text, sections
from wellcited.datatypes import CuratedQuestion, Document
from wellcited.errors import CorpusError

SUFFIX = ".questions.md"


def is_questions_file(path: Path) -> bool:
    """Whether `path` holds curated questions rather than a guide."""
    return path.name.lower().endswith(SUFFIX)


def questions_path(guide: Path) -> Path:
    """Return where the curated questions of `guide` are looked for."""
    return guide.with_name(guide.stem + SUFFIX)


def parse_questions(source: str, document: Document) -> tuple[CuratedQuestion, ...]:
    """Return the questions of `source`, each under the section of `document` that its heading names.

    Of several sections with one heading, the next in order is meant. Raises CorpusError for a heading that the guide
    does not have, and for a question before the first heading.
    """
    text, blocks = parse_markdown(source)
    paths = [section.headings for section in sections(document)]
    questions = []
    position = -1
    headings: tuple[str, ...] = ()
    listed = Document(id="questions", title="", text=text, blocks=blocks)
    for block in blocks:
        words = heading_text(listed, block)
        if block.kind == "heading":
            position = _section(words, paths, position + 1)
            headings = paths[position]
        elif block.kind == "item":
            if not headings:
                raise CorpusError(f"{words!r} stands before the first heading; put it under one of the guide's")
            questions.append(CuratedQuestion(headings=headings, text=words))
    return tuple(questions)


def _section(heading: str, paths: list[tuple[str, ...]], start: int) -> int:
    order: list[int] = [*range(start, len(paths)), *range(start)]
    for index in order:
        if paths[index] and paths[index][-1].casefold() == heading.casefold():
            return index
    close = difflib.get_close_matches(heading, [names[-1] for names in paths if names], n=1, cutoff=0.3)
    hint = f"; the nearest is {close[0]!r}" if close else ""
    raise CorpusError(f"the guide has no heading {heading!r}{hint}; use the guide's own headings")
