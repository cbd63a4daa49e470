"""One message being matched: which of all patterns can stand in it is told from its words, and no other is tried.

An element is possible where one of its words stands, a number in one of its ranges, or a phrase of one of its
vocabularies, which is possible where all elements are that it needs. Most messages leave a few of 5,000 patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Generic, TypeVar

from wellcited.safety.patterns import NEGATIONS, Element, Match, Pattern
from wellcited.safety.text import Words

MOST_KNOWN = 20_000
"""So many words are remembered at most: nobody's nonsense fills the memory."""

_LIKELIER = 100_000
"""Than any words, so that vocabularies and ranges are looked up last."""
_NOWHERE: dict[int, tuple[int, ...]] = {}

T = TypeVar("T")


class ByNeed(Generic[T]):
    """Things that need some elements to stand, each looked up by the one of its needs that seldom does."""

    def __init__(self, things: Iterable[tuple[frozenset[str], T]], seldom: Callable[[str], int]) -> None:
        """Every one of `things` has needs; `seldom` tells of an element how likely it stands, the lowest first."""
        self._by_need: dict[str, list[tuple[frozenset[str], T]]] = {}
        for needs, thing in things:
            rarest = min(needs, key=lambda need: (seldom(need), need))
            self._by_need.setdefault(rarest, []).append((needs, thing))
        self._keys = frozenset(self._by_need)

    def near(self, elements: Set[str]) -> list[tuple[frozenset[str], T]]:
        """Those that are looked up by one of `elements`, with all that they need."""
        return [entry for need in self._keys & elements for entry in self._by_need[need]]

    def met(self, elements: Set[str]) -> list[T]:
        """Those that need nothing but what is among `elements`."""
        return [thing for needs, thing in self.near(elements) if needs <= elements]


@dataclass(frozen=True)
class Vocabulary:
    """All phrases by name, and all patterns turned round: which elements each word can stand in."""

    names: frozenset[str]
    exact: Mapping[str, Sequence[str]]
    starts: Mapping[str, Sequence[str]]
    ranged: Sequence[Element]
    holders: Mapping[str, Sequence[str]]
    """The elements that hold each vocabulary."""
    likely: Mapping[str, int]
    """By element, how often its words stand in all patterns: people use those words too."""
    later: frozenset[str]
    """The elements that may turn out to be possible once a vocabulary is."""
    phrases: ByNeed[tuple[str, Pattern]]
    _known: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def elements_of(self, form: str) -> frozenset[str]:
        """The elements that a word can stand in; remembered, for people use the same words."""
        known = self._known.get(form)
        if known is None:
            begins = (self.starts.get(form[:length], ()) for length in range(2, len(form) + 1))
            known = frozenset(self.exact.get(form, ())).union(*begins)
            if len(self._known) < MOST_KNOWN:
                self._known[form] = known
        return known

    def standing(self, present: Iterable[str]) -> tuple[frozenset[str], dict[str, list[Pattern]]]:
        """The elements that are possible where those of `present` stand, and the phrases of each name that are."""
        possible, phrases = set(present), dict[str, list[Pattern]]()
        new, waiting = possible, list[tuple[frozenset[str], tuple[str, Pattern]]]()
        while new:
            tried = waiting + self.phrases.near(new)
            waiting, named = [], set[str]()
            for entry in tried:
                needs, (name, pattern) = entry
                if needs <= possible:
                    phrases.setdefault(name, []).append(pattern)
                    named.add(name)
                elif needs - possible <= self.later:
                    waiting.append(entry)
            new = {source for name in named for source in self.holders.get(name, ())} - possible
            possible |= new
        return frozenset(possible), phrases


def index(phrases: Mapping[str, tuple[Pattern, ...]], others: Iterable[Pattern]) -> Vocabulary:
    """Turn all patterns round: from a word to the elements it can stand in, so that reading costs what is there."""
    exact: dict[str, list[str]] = {}
    starts: dict[str, list[str]] = {}
    holders: dict[str, list[str]] = {}
    named = [(name, pattern) for name, some in phrases.items() for pattern in some]
    patterns = (*(pattern for _, pattern in named), *others)
    elements = {element.source: element for pattern in patterns for element in pattern.elements}
    for source, element in elements.items():
        for place, keys in ((exact, element.exact), (starts, element.starts), (holders, element.vocabularies)):
            for key in keys:
                place.setdefault(key, []).append(source)
    ranged = [element for element in elements.values() if element.ranges]
    likely = {
        source: sum(len(exact[word]) for word in element.exact)
        + sum(len(starts[start]) for start in element.starts)
        + _LIKELIER * (len(element.vocabularies) + len(element.ranges))
        for source, element in elements.items()
    }
    later = frozenset(source for source, element in elements.items() if element.vocabularies)
    by_need = ByNeed(((pattern.needs, (name, pattern)) for name, pattern in named), likely.__getitem__)
    return Vocabulary(frozenset(phrases), exact, starts, ranged, holders, likely, later, by_need)


@dataclass(slots=True)
class Reading:
    """One message being matched: remembers what each element and vocabulary found in it."""

    words: Words
    vocabulary: Vocabulary
    possible: frozenset[str]
    """All elements that stand somewhere, and some that may not."""
    hidden: frozenset[int]
    _forms: Sequence[tuple[Sequence[int], frozenset[str]]]
    """Where each word stands, and the elements that it can stand in."""
    _standing: Mapping[str, Sequence[Pattern]]
    _negations: Sequence[int]
    """How many negations stand before each word."""
    _elements: dict[str, dict[int, tuple[int, ...]]] = field(default_factory=dict)
    _phrases: dict[str, tuple[Match, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Words, vocabulary: Vocabulary) -> Reading:
        """Read a message."""
        forms = [(positions, vocabulary.elements_of(form)) for form, positions in words.positions.items()]
        present = set[str]().union(*(sources for _, sources in forms))
        numbers = [words.words[index] for index in words.numbers]
        if numbers:
            present.update(one.source for one in vocabulary.ranged if any(map(one.counts, numbers)))
        possible, standing = vocabulary.standing(present)
        negations = list(accumulate((word.form in NEGATIONS for word in words.words), initial=0))
        return cls(words, vocabulary, possible, frozenset(), forms, standing, negations)

    def without(self, hidden: frozenset[int]) -> Reading:
        """The same message, of which some words are seen by no pattern."""
        if not hidden:
            return self
        return Reading(self.words, self.vocabulary, self.possible, hidden, self._forms, self._standing, self._negations)

    def negated_between(self, first: int, last: int) -> bool:
        return self._negations[last] > self._negations[first]

    def phrases(self, name: str) -> tuple[Match, ...]:
        """Where any phrase of a vocabulary stands, in order."""
        known = self._phrases.get(name)
        if known is None:
            if name not in self.vocabulary.names:
                raise KeyError(name)
            self._phrases[name] = ()  # for a vocabulary that holds itself
            found = {match for pattern in self._standing.get(name, ()) for match in pattern.find(self)}
            known = self._phrases[name] = tuple(sorted(found))
        return known

    def element(self, element: Element) -> dict[int, tuple[int, ...]]:
        """Where an element stands: first word -> ends."""
        if element.source not in self.possible:
            return _NOWHERE
        known = self._elements.get(element.source)
        if known is None:
            known = self._elements[element.source] = self._find(element)
        return known

    def _find(self, element: Element) -> dict[int, tuple[int, ...]]:
        source, hidden = element.source, self.hidden
        alone: dict[int, tuple[int, ...]] = {
            index: (index + 1,)
            for positions, sources in self._forms
            if source in sources
            for index in positions
            if index not in hidden
        }
        if element.plain:
            return alone
        found = {index: set(ends) for index, ends in alone.items()}
        for index in self.words.numbers if element.ranges else ():
            if element.counts(self.words.words[index]):
                found.setdefault(index, set()).add(index + 1)
        for name in element.vocabularies:
            for first, last in self.phrases(name):
                found.setdefault(first, set()).add(last)
        return {first: tuple(sorted(ends)) for first, ends in found.items() if first not in hidden}
