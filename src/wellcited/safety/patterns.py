r"""The small pattern language of the rules, matched word by word: no regular expression, so no backtracking.

    leg                 the word "leg" (lower-case, no accents, no apostrophes: "can't" is `cant`)
    numb*               any word that begins with "numb"
    hip|leg|{joint}     any of these; `{joint}` is a vocabulary, which may hold phrases
    gone?               optional
    #38-42  #.38-42     a number in this range; with a dot only one with decimals
    @scale:8-10         "8/10", "ten out of ten"
    ^                   the beginning of a sentence
    ..   ...            up to 4, up to 9 other words of the same sentence, none of them a negation

Cost grows with the number of words, never with how they combine: each step keeps one match per end position.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Container
from typing import TYPE_CHECKING, NamedTuple

from wellcited.errors import SafetyDataError
from wellcited.safety.text import SCALE, Word

if TYPE_CHECKING:
    from wellcited.safety.reading import Reading

_GAPS = {"..": 4, "...": 9}
_OPENING = "^"
_WORD = re.compile(r"[a-z0-9@]+\*?")
_WORDS = re.compile(r"[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*\??")
_RANGE = re.compile(r"(?P<kind>#\.?|@scale:)(?P<low>\d+(?:\.\d+)?)-(?P<high>\d+(?:\.\d+)?)")
NEGATIONS = frozenset(
    "no not never without isnt arent wasnt werent dont doesnt didnt hasnt havent hadnt nor neither wouldnt shouldnt "
    "zero none nicht kein keine keinen ohne ni sans pas aucun aucune sin nao sem non senza nessun nessuna".split()
)

Match = tuple[int, int]
Found = dict[int, int]


class Element(NamedTuple):
    """One place of a pattern: the alternatives that may stand there.

    `source`, by which elements are told apart all the time, is interned wherever it comes from.
    """

    source: str
    exact: frozenset[str]
    starts: tuple[str, ...]
    ranges: tuple[tuple[str, float, float], ...]
    vocabularies: tuple[str, ...]
    optional: bool
    gap: int
    opens: bool
    plain: bool
    """Words alone, no range and no vocabulary."""

    def counts(self, word: Word) -> bool:
        """Whether a word is a number in one of the ranges."""
        value, scale = word.value, word.form == SCALE
        return value is not None and any(
            scale == (kind == "@scale:") and (kind != "#." or word.decimal) and low <= value <= high
            for kind, low, high in self.ranges
        )


class Pattern(NamedTuple):
    """A sequence of elements; `find` returns the word spans where it stands, shortest first word span per end."""

    source: str
    elements: tuple[Element, ...]
    anchor: Element
    needs: frozenset[str]
    """The elements that must stand somewhere in the message."""

    def find(self, reading: Reading) -> list[Match]:
        if not (self.needs <= reading.possible and reading.element(self.anchor)):
            return []
        words = reading.words.words
        ends: Found = {}
        for number, element in enumerate(self.elements):
            places = reading.element(element)
            if number == 0:
                reached: Found = {}
                for first, lasts in places.items():
                    if element.opens and first and words[first - 1].sentence == words[first].sentence:
                        continue
                    for last in lasts:
                        reached[last] = max(first, reached.get(last, -1))
                ends = reached
                continue
            reached = dict(ends) if element.optional else {}
            for end, begin in ends.items():
                sentence = words[end - 1].sentence
                for first in range(end, min(end + element.gap, len(words) - 1) + 1):
                    if words[first].sentence != sentence:
                        break
                    for last in places.get(first, ()):
                        if words[last - 1].sentence == sentence and not (
                            first > end and reading.negated_between(end, first)
                        ):
                            reached[last] = max(begin, reached.get(last, -1))
            ends = reached
            if not ends:
                return []
        return [(begin, end) for end, begin in ends.items()]


def needs_of(source: str) -> frozenset[str]:
    """Return the elements that must stand somewhere for a pattern to match, without parsing it."""
    return frozenset(
        sys.intern(piece) for piece in source.split() if not (piece in _GAPS or piece == _OPENING or piece[-1] == "?")
    )


def parse(source: str, known: Container[str] | None, where: str) -> Pattern:
    """Read one pattern; `known` are the vocabularies there are, None where that was checked before.

    Raises: SafetyDataError naming `where`, for a word that is not lower-case ASCII or an unknown vocabulary.
    """
    elements: list[Element] = []
    gap, opens = 0, False
    for piece in source.split():
        if piece in _GAPS:
            gap = _GAPS[piece]
        elif piece == _OPENING:
            opens = True
        else:
            elements.append(_element(piece, gap, opens, known, where))
            gap, opens = 0, False
    solid = [element for element in elements if not element.optional]
    if not solid or elements[0].optional:
        raise SafetyDataError(f"{where}: the pattern {source!r} must begin with a word that is not optional")
    anchor = min(solid, key=lambda e: (len(e.vocabularies) > 0, len(e.exact) + len(e.starts), -len(e.source)))
    return Pattern(source, tuple(elements), anchor, needs_of(source))


def _element(piece: str, gap: int, opens: bool, known: Container[str] | None, where: str) -> Element:
    optional = piece.endswith("?")
    exact: set[str] = set()
    starts: list[str] = []
    ranges: list[tuple[str, float, float]] = []
    names: list[str] = []
    sound = _WORDS.fullmatch(piece)
    for part in piece.removesuffix("?").split("|"):
        if part[:1] == "{" and part[-1:] == "}":
            if known is not None and part[1:-1] not in known:
                raise SafetyDataError(f"{where}: unknown vocabulary {part} in {piece!r}; add it to vocabulary.toml")
            names.append(part[1:-1])
        elif not sound and (ranged := _RANGE.fullmatch(part)):
            ranges.append((ranged["kind"], float(ranged["low"]), float(ranged["high"])))
        elif not sound and not _WORD.fullmatch(part):
            raise SafetyDataError(
                f"{where}: cannot read {part!r}; write lower-case words without accents or apostrophes"
            )
        elif part.endswith("*"):
            if len(part) < 3:
                raise SafetyDataError(f"{where}: {part!r} is too short a beginning; give at least two letters")
            starts.append(part[:-1])
        else:
            exact.add(part)
    source = sys.intern(piece.removesuffix("?"))
    plain = not ranges and not names
    return Element(source, frozenset(exact), tuple(starts), tuple(ranges), tuple(names), optional, gap, opens, plain)
