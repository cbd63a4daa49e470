"""Whether the gold evidence is in what the reader was shown."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from wellcited.datatypes import Citation, Document

NEEDED = 0.6
"""The share of a gold span's characters that must be shown for the span to count as shown."""

_ALIKE = str.maketrans(
    {**dict.fromkeys("‘’‚‛′`´", "'"), **dict.fromkeys("“”„‟″«»", '"'), **dict.fromkeys("‐‑‒–—―−", "-")}
)
_SENTENCE_END = re.compile(r"""(?<=[.!?…])["'”’)\]]*\s+|\n+""")


class Squeezed(NamedTuple):
    """A text without its white space and typography; `offsets[i]` is where character i stood in the text."""

    text: str
    offsets: tuple[int, ...]


class Piece(NamedTuple):
    """A run of a guide that the reader sees: `document.text[start:end]`, in characters."""

    document_id: str
    start: int
    end: int
    text: str


class Place(NamedTuple):
    """Where a span of gold evidence stands in a guide: the document offset of each squeezed character."""

    document_id: str
    offsets: tuple[int, ...]


def squeeze(text: str) -> Squeezed:
    """Drop white space and invisible characters, and write typographic quotes, dashes and ligatures plainly (NFKC)."""
    letters: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        # Map before NFKC too: NFKC turns the acute accent into a space and a combining mark.
        for plain in unicodedata.normalize("NFKC", character.translate(_ALIKE)).translate(_ALIKE):
            if not plain.isspace() and unicodedata.category(plain) != "Cf":
                letters.append(plain)
                offsets.append(offset)
    return Squeezed("".join(letters), tuple(offsets))


def pieces(quotes: Iterable[Citation], limit: int | None = None) -> list[Piece]:
    """The quotes joined by one line break each, cut after `limit` characters; all of them where it is None."""
    found: list[Piece] = []
    left = limit
    for quote in quotes:
        if left is not None and left <= 0:
            break
        text = quote.quote if left is None else quote.quote[:left]
        found.append(Piece(quote.document_id, quote.start, quote.start + len(text), text))
        if left is not None:
            left -= len(text) + 1
    return found


def sentences(quote: Citation) -> list[Piece]:
    """The sentences of a quote, divided after . ! ? … and at line breaks."""
    cuts = [0, *(end.end() for end in _SENTENCE_END.finditer(quote.quote)), len(quote.quote)]
    return [
        Piece(quote.document_id, quote.start + start, quote.start + end, quote.quote[start:end])
        for start, end in itertools.pairwise(cuts)
        if quote.quote[start:end].strip()
    ]


class Atlas:
    """Finds gold spans in the guides, whatever their white space and typography."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = {name: squeeze(document.text) for name, document in documents.items()}
        self._found: dict[str, tuple[Place, ...]] = {}

    def locate(self, span: str) -> tuple[Place, ...]:
        """Every place where the span stands, in all guides; empty where it stands in none."""
        if span not in self._found:
            self._found[span] = tuple(self._search(squeeze(span).text))
        return self._found[span]

    def _search(self, wanted: str) -> Iterable[Place]:
        for name, document in self._documents.items():
            at = document.text.find(wanted) if wanted else -1
            while at >= 0:
                yield Place(name, document.offsets[at : at + len(wanted)])
                at = document.text.find(wanted, at + 1)

    def coverage(self, span: str, shown: Sequence[Piece]) -> float:
        """The share (0..1) of the span's squeezed characters that are shown.

        Where the span stands in a guide, a character is shown if its offset lies within a shown piece: quotes are
        exact slices, so this is exact, and parts shown by different quotes add up. The best place counts. Where
        it stands nowhere (evidence written down from another edition), the longest common substring of span and
        shown text counts instead.
        """
        places = self.locate(span)
        if not places:
            return _alike(span, "".join(piece.text for piece in shown))
        return max(
            sum(_within(place, offset, shown) for offset in place.offsets) / len(place.offsets) for place in places
        )

    def shows(self, gold: Sequence[Sequence[str]], shown: Sequence[Piece]) -> bool:
        """Whether one alternative of the gold evidence is shown: at least `NEEDED` of each of its spans."""
        return any(all(self.coverage(span, shown) >= NEEDED for span in alternative) for alternative in gold)

    def touches(self, gold: Sequence[Sequence[str]], sentence: Piece) -> bool:
        """Whether a quoted sentence overlaps a span of any alternative.

        By offsets: one shared character is an overlap. For a span that stands nowhere: `NEEDED` of the shorter of
        the two is common to both.
        """
        return any(self._touches(span, sentence) for alternative in gold for span in alternative)

    def _touches(self, span: str, sentence: Piece) -> bool:
        places = self.locate(span)
        if places:
            return any(_within(place, offset, [sentence]) for place in places for offset in place.offsets)
        return max(_alike(span, sentence.text), _alike(sentence.text, span)) >= NEEDED


def _within(place: Place, offset: int, shown: Sequence[Piece]) -> bool:
    return any(piece.document_id == place.document_id and piece.start <= offset < piece.end for piece in shown)


def _alike(span: str, text: str) -> float:
    """The longest common substring of the two, as a share of the span."""
    wanted, seen = squeeze(span).text, squeeze(text).text
    if not wanted:
        return 0.0
    return difflib.SequenceMatcher(None, wanted, seen, autojunk=False).find_longest_match().size / len(wanted)
