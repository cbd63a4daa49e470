"""What every reader gives: the words of a file as text, the blocks that point into it, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from wellcited.datatypes import Block, BlockKind, CuratedQuestion, Mark, Value

GAP = "\n\n"
"""What stands between two blocks of the text."""


class Facts(Value):
    """What a file says of itself, each None where it says nothing."""

    id: str | None = None
    title: str | None = None
    language: str | None = None
    updated: date | None = None
    source: str | None = None
    source_url: str | None = None


class Parsed(Value):
    """A file as a reader understood it.

    `pages` are the offsets in `text` where each page starts. `left_out` names parts that could not be used, one line
    each.
    """

    text: str
    blocks: tuple[Block, ...]
    facts: Facts = Facts()
    pages: tuple[int, ...] = ()
    questions: tuple[CuratedQuestion, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass
class BlockWriter:
    """Puts blocks one below the other into one text, and remembers where each stands."""

    pieces: list[str] = field(default_factory=list)
    length: int = 0
    blocks: list[Block] = field(default_factory=list)

    def add(
        self,
        kind: BlockKind,
        text: str,
        marks: Iterable[Mark] = (),
        level: int = 0,
        ordered: bool = False,
        url: str | None = None,
    ) -> bool:
        """Append one block; `marks` count from the start of `text`. A block without words is left out: False."""
        if not text.strip():
            return False
        if self.pieces:
            self.pieces.append(GAP)
            self.length += len(GAP)
        start = self.length
        self.pieces.append(text)
        self.length += len(text)
        moved = tuple(mark.model_copy(update={"start": mark.start + start, "end": mark.end + start}) for mark in marks)
        self.blocks.append(
            Block(kind=kind, start=start, end=self.length, level=level, ordered=ordered, marks=moved, url=url)
        )
        return True

    @property
    def next_start(self) -> int:
        """Where the next block will start."""
        return self.length + (len(GAP) if self.pieces else 0)

    def finish(self) -> tuple[str, tuple[Block, ...]]:
        """Return the text and its blocks."""
        return "".join(self.pieces), tuple(self.blocks)


def without_empty(marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks that hold something, outer before inner."""
    return sorted((mark for mark in marks if mark.start < mark.end), key=lambda mark: (mark.start, -mark.end))
