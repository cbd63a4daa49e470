"""One message being matched: which of all patterns can stand in it is told from its words, and no other is tried.

An element is possible where one of its words stands, a number in one of its ranges, or a phrase of one of its
vocabularies, which is possible where all elements are that it needs. Most messages leave a few of 5,000 patterns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, chain
from typing import Generic, TypeVar

from wellcited.safety.patterns import NEGATIONS, Element, Match, Pattern, parse
from wellcited.safety.text import Words

MOST_KNOWN = 20_000
"""So many words are remembered at most: nobody's nonsense fills the memory."""

_LIKELIER = 100_000
"""Than any words, so that vocabularies and ranges are looked up last."""
_NOWHERE: dict[int, tuple[int, ...]] = {}

Kept = TypeVar("Kept")
T = TypeVar("T")
KeptPhrase = Sequence[str]
"""The name of its vocabulary, and its pattern as it is written."""
Phrase = tuple[str, Pattern]


class ByNeed(Generic[Kept, T]):
    """Things that need some elements to stand, each looked up by the one of its needs that seldom does.

    `kept`, the things by that need, is plain data; `read` makes of one what it needs and what it is, once the need by
    which it is looked up first stands.
    """

    def __init__(self, kept: Mapping[str, Sequence[Kept]], read: Callable[[Kept], tuple[frozenset[str], T]]) -> None:
        self.kept = kept
        self._read = read
        self._keys = frozenset(map(sys.intern, kept))
        self._entries: dict[str, list[tuple[frozenset[str], T]]] = {}

    def near(self, elements: Set[str]) -> list[tuple[frozenset[str], T]]:
        """Those that are looked up by one of `elements`, with all that they need."""
        found: list[tuple[frozenset[str], T]] = []
        for need in self._keys & elements:
            entries = self._entries.get(need)
            if entries is None:
                entries = self._entries[need] = [self._read(thing) for thing in self.kept[need]]
            found += entries
        return found

    def met(self, elements: Set[str]) -> list[T]:
        """Those that need nothing but what is among `elements`."""
        return [thing for needs, thing in self.near(elements) if needs <= elements]


def by_rarest(things: Iterable[tuple[frozenset[str], Kept]], likely: Callable[[str], int]) -> dict[str, list[Kept]]:
    """Return things by the one of their needs that seldom stands, as ByNeed keeps them.

    Each has needs; `likely` tells of an element how likely it stands.
    """
    kept: dict[str, list[Kept]] = {}
    for needs, thing in things:
        kept.setdefault(min(needs, key=lambda need: (likely(need), need)), []).append(thing)
    return kept


@dataclass(frozen=True)
class Vocabulary:
    """All phrases, and all patterns turned round: which elements each word can stand in.

    All of it is plain data, which a bundle keeps (edition.py): a phrase is parsed once the rarest of its needs stands.
    """

    names: frozenset[str]
    elements: Sequence[str]
    exact: Mapping[str, Sequence[int]]
    """By word, the numbers of the elements that name it."""
    starts: Mapping[str, Sequence[int]]
    """The same by the letters with which a word begins."""
    holders: Mapping[str, Sequence[int]]
    """The same by vocabulary."""
    numeric: Sequence[str]
    """The elements in which a number may stand."""
    phrases: ByNeed[KeptPhrase, Phrase]
    _known: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def elements_of(self, form: str) -> frozenset[str]:
        """The elements that a word can stand in; remembered, for people use the same words."""
        known = self._known.get(form)
        if known is None:
            begins = (self.starts.get(form[:length], ()) for length in range(2, len(form) + 1))
            known = frozenset(self._elements(chain(self.exact.get(form, ()), *begins)))
            if len(self._known) < MOST_KNOWN:
                self._known[form] = known
        return known

    @cached_property
    def ranged(self) -> Sequence[Element]:
        """The elements in which a number may stand, parsed."""
        return [parse(source, None, "").anchor for source in self.numeric]

    def standing(self, present: Iterable[str]) -> tuple[frozenset[str], dict[str, list[Pattern]]]:
        """The elements that are possible where those of `present` stand, and the phrases of each name that are."""
        possible, phrases = set(present), dict[str, list[Pattern]]()
        new, waiting = possible, list[tuple[frozenset[str], Phrase]]()
        while new:
            tried = waiting + self.phrases.near(new)
            waiting, named = [], set[str]()
            for entry in tried:
                needs, (name, pattern) = entry
                if needs <= possible:
                    phrases.setdefault(name, []).append(pattern)
                    named.add(name)
                elif needs - possible <= self._later:
                    waiting.append(entry)
            new = {source for name in named for source in self._holders.get(name, ())} - possible
            possible |= new
        return frozenset(possible), phrases

    @cached_property
    def _holders(self) -> Mapping[str, Sequence[str]]:
        return {name: self._elements(numbers) for name, numbers in self.holders.items()}

    def _elements(self, numbers: Iterable[int]) -> list[str]:
        return [sys.intern(self.elements[number]) for number in numbers]

    @cached_property
    def _later(self) -> frozenset[str]:
        """The elements that may turn out to be possible once a vocabulary is."""
        return frozenset(chain(*self._holders.values()))


def kept_phrases(kept: Mapping[str, Sequence[KeptPhrase]]) -> ByNeed[KeptPhrase, Phrase]:
    """Return phrases, checked before, as a vocabulary holds them."""

    def read(phrase: KeptPhrase) -> tuple[frozenset[str], Phrase]:
        name, source = phrase
        pattern = parse(source, None, "")
        return pattern.needs, (name, pattern)

    return ByNeed(kept, read)


def index(
    phrases: Mapping[str, Sequence[Pattern]], others: Iterable[Pattern]
) -> tuple[Vocabulary, Callable[[str], int]]:
    """Turn all patterns round: from a word to the elements it can stand in, so that reading costs what is there.

    Return also how likely an element stands in a message: how often its words do in all patterns, for people use those
    words too.
    """
    exact: dict[str, list[int]] = {}
    starts: dict[str, list[int]] = {}
    holders: dict[str, list[int]] = {}
    patterns = (*chain(*phrases.values()), *others)
    elements = {element.source: element for pattern in patterns for element in pattern.elements}
    for number, element in enumerate(elements.values()):
        for place, keys in ((exact, sorted(element.exact)), (starts, element.starts), (holders, element.vocabularies)):
            for key in keys:
                place.setdefault(key, []).append(number)
    likely = {
        source: sum(len(exact[word]) for word in element.exact)
        + sum(len(starts[start]) for start in element.starts)
        + _LIKELIER * (len(element.vocabularies) + len(element.ranges))
        for source, element in elements.items()
    }
    named = ((pattern.needs, (name, pattern.source)) for name, some in phrases.items() for pattern in some)
    by_need = kept_phrases(by_rarest(named, likely.__getitem__))
    numeric = [source for source, element in elements.items() if element.ranges]
    book = Vocabulary(frozenset(phrases), list(elements), exact, starts, holders, numeric, by_need)
    return book, likely.__getitem__


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
