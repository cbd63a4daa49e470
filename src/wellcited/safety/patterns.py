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
from collections.abc import Container, Iterable, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from wellcited.errors import SafetyDataError
from wellcited.safety.text import SCALE, Words

_GAPS = {"..": 4, "...": 9}
_WORD = re.compile(r"[a-z0-9@]+\*?")
_WORDS = re.compile(r"[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*\??")
_RANGE = re.compile(r"(?P<kind>#\.?|@scale:)(?P<low>\d+(?:\.\d+)?)-(?P<high>\d+(?:\.\d+)?)")
NEGATIONS = frozenset(
    "no not never without isnt arent wasnt werent dont doesnt didnt hasnt havent hadnt nor neither wouldnt shouldnt "
    "zero none nicht kein keine keinen ohne ni sans pas aucun aucune sin nao sem non senza nessun nessuna".split()
)

MOST_KNOWN = 20_000
"""So many words are remembered at most: nobody's nonsense fills the memory."""

_NOWHERE: dict[int, tuple[int, ...]] = {}

Match = tuple[int, int]
Found = dict[int, int]


class Element(NamedTuple):
    """One place of a pattern: the alternatives that may stand there."""

    source: str
    exact: frozenset[str]
    starts: tuple[str, ...]
    ranges: tuple[tuple[str, float, float], ...]
    vocabularies: tuple[str, ...]
    optional: bool
    gap: int
    opens: bool
    plain: bool
    """Words alone: absent from a message that has none of them, without looking further."""


Phrases = Mapping[str, Sequence[str]]
"""Patterns by the element that must stand somewhere, "" where that is none of words alone."""


@dataclass(frozen=True)
class Vocabulary:
    """The elements that each word can stand in, by their numbers in `elements`, and the phrases of each vocabulary.

    All of it is plain data, which a bundle keeps (edition.py): a pattern that no word of a message touches is never
    parsed.
    """

    elements: Sequence[str]
    exact: Mapping[str, Sequence[int]]
    starts: Mapping[str, Sequence[int]]
    phrases: Mapping[str, Phrases]
    _known: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def elements_of(self, form: str) -> frozenset[str]:
        """The elements that a word can stand in; remembered, for people use the same words."""
        known = self._known.get(form)
        if known is None:
            begins = (self.starts.get(form[:length], ()) for length in range(2, len(form) + 1))
            numbers = chain(self.exact.get(form, ()), *begins)
            known = frozenset(self.elements[number] for number in numbers)
            if len(self._known) < MOST_KNOWN:
                self._known[form] = known
        return known


def index(phrases: Mapping[str, Iterable[Pattern]], others: Iterable[Pattern]) -> Vocabulary:
    """Turn all patterns round: from a word to the elements it can stand in, so that reading costs what is there."""
    exact: dict[str, list[int]] = {}
    starts: dict[str, list[int]] = {}
    patterns = (*chain(*phrases.values()), *others)
    elements = {element.source: element for pattern in patterns for element in pattern.elements}
    for number, element in enumerate(elements.values()):
        for word in sorted(element.exact):
            exact.setdefault(word, []).append(number)
        for start in element.starts:
            starts.setdefault(start, []).append(number)
    return Vocabulary(list(elements), exact, starts, {name: by_anchor(some) for name, some in phrases.items()})


def by_anchor(patterns: Iterable[Pattern]) -> Phrases:
    """Return patterns by the element that must stand somewhere."""
    found: dict[str, list[str]] = {}
    for pattern in patterns:
        found.setdefault(pattern.anchor.source if pattern.anchor.plain else "", []).append(pattern.source)
    return found


@dataclass(slots=True)
class Reading:
    """One message being matched: remembers what each element and vocabulary found in it."""

    words: Words
    vocabulary: Vocabulary
    hidden: frozenset[int] = frozenset()
    present: KeysView[str] = field(init=False)
    """The elements of words alone that stand somewhere."""
    _plain: dict[str, list[int]] = field(default_factory=dict)
    _elements: dict[str, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    _phrases: dict[str, tuple[Match, ...]] = field(default_factory=dict)
    _negations: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.present = self._plain.keys()
        total = 0
        self._negations.append(0)
        for word in self.words.words:
            total += word.form in NEGATIONS
            self._negations.append(total)
        for form, positions in self.words.positions.items():
            sources = self.vocabulary.elements_of(form)
            if sources:
                seen = [index for index in positions if index not in self.hidden]
                for source in sources:
                    self._plain.setdefault(source, []).extend(seen)

    def lacks(self, element: Element) -> bool:
        """Whether an element of words alone stands nowhere: the cheap way to say no to most patterns."""
        return element.plain and element.source not in self._plain

    def negated_between(self, first: int, last: int) -> bool:
        return self._negations[last] > self._negations[first]

    def phrases(self, name: str) -> tuple[Match, ...]:
        """Where any phrase of a vocabulary stands."""
        known = self._phrases.get(name)
        if known is None:
            self._phrases[name] = ()
            known = self._phrases[name] = tuple(self.places(self.vocabulary.phrases[name]))
        return known

    def places(self, phrases: Phrases) -> list[Match]:
        """Where any of `phrases` stands, in order."""
        found: set[Match] = set()
        for anchor in ("", *(self.present & phrases.keys())):
            for source in phrases.get(anchor, ()):
                found.update(sound(source).find(self))
        return sorted(found)

    def element(self, element: Element) -> dict[int, tuple[int, ...]]:
        """Where an element stands: first word -> ends."""
        if self.lacks(element):
            return _NOWHERE
        known = self._elements.get(element.source)
        if known is None:
            known = self._elements[element.source] = self._find(element)
        return known

    def _find(self, element: Element) -> dict[int, tuple[int, ...]]:
        found: dict[int, set[int]] = {index: {index + 1} for index in self._plain.get(element.source, ())}
        for kind, low, high in element.ranges:
            for index in self.words.numbers:
                word = self.words.words[index]
                scale = word.form == SCALE
                if (
                    scale == (kind == "@scale:")
                    and (kind != "#." or word.decimal)
                    and low <= (word.value or 0.0) <= high
                ):
                    found.setdefault(index, set()).add(index + 1)
        for name in element.vocabularies:
            for first, last in self.phrases(name):
                found.setdefault(first, set()).add(last)
        return {first: tuple(sorted(ends)) for first, ends in found.items() if first not in self.hidden}


class Pattern(NamedTuple):
    """A sequence of elements; `find` returns the word spans where it stands, shortest first word span per end."""

    source: str
    elements: tuple[Element, ...]
    anchor: Element
    needs: frozenset[str]
    """The elements of words alone that must stand somewhere in the message."""

    def find(self, reading: Reading) -> list[Match]:
        if not (self.needs <= reading.present and reading.element(self.anchor)):
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


@lru_cache(maxsize=MOST_KNOWN)
def sound(source: str) -> Pattern:
    """Return a pattern that was parsed before, when the rules were checked; remembered."""
    return parse(source, None, "")


def parse(source: str, known: Container[str] | None, where: str) -> Pattern:
    """Read one pattern; `known` are the vocabularies there are, None where that was checked before.

    Raises: SafetyDataError naming `where`, for a word that is not lower-case ASCII or an unknown vocabulary.
    """
    elements: list[Element] = []
    gap, opens = 0, False
    for piece in source.split():
        if piece in _GAPS:
            gap = _GAPS[piece]
        elif piece == "^":
            opens = True
        else:
            elements.append(_element(piece, gap, opens, known, where))
            gap, opens = 0, False
    solid = [element for element in elements if not element.optional]
    if not solid or elements[0].optional:
        raise SafetyDataError(f"{where}: the pattern {source!r} must begin with a word that is not optional")
    anchor = min(solid, key=lambda e: (len(e.vocabularies) > 0, len(e.exact) + len(e.starts), -len(e.source)))
    needs = frozenset(element.source for element in solid if element.plain)
    return Pattern(source, tuple(elements), anchor, needs)


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
    source = piece.removesuffix("?")
    plain = not ranges and not names
    return Element(source, frozenset(exact), tuple(starts), tuple(ranges), tuple(names), optional, gap, opens, plain)
