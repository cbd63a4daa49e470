"""What is said about a sign: denied, past, hypothetical, invented, somebody else's; and what ends an open flag.

After ConText (Harkema et al. 2009): a trigger phrase, a direction, and words that end its scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wellcited.safety.patterns import Match
from wellcited.safety.reading import Reading
from wellcited.safety.rules import MODIFIER

# Words after which a denial no longer reaches: a new subject or a contrast.
_ENDS_DENIAL = frozenset(
    "but except apart just only however though although yet because so however other aside besides unless until then "
    "while whereas which who when still now today suddenly mais pero aber sondern ma mas excepto sauf ausser".split()
)
_SUBJECTS = frozenset(
    "i im ive my it its the there theres she he shes hes they theyre her his this that we weve our mine both "
    "one a an got".split()
)
_LINKS = frozenset("in on of to with from about for down between at around near across over under into any".split())
_LISTS = frozenset("or nor and no any".split())
_DENIAL_REACH = 12


@dataclass(frozen=True, slots=True)
class Context:
    """Per message: word numbers that each modifier covers, and where the reader closes what was said before."""

    covered: Mapping[str, frozenset[int]]
    closings: tuple[tuple[str, int], ...]
    """(strength, word number): "retracted", "hospital" or "cleared"."""
    reopened: int
    """The word number of the last "but it has come back", or -1."""

    def modifier(self, match: Match, off: frozenset[str]) -> str | None:
        """The modifier that switches this match off, or None."""
        first, last = match
        for name, words in self.covered.items():
            if name in off and words:
                if name == "negated":
                    if first in words:
                        return name
                elif any(index in words for index in range(first, last)):
                    return name
        return None


def hidden_words(reading: Reading) -> frozenset[int]:
    """The words of idioms ("killing me", "smoke alarm"), which no rule shall see."""
    return frozenset(i for first, last in _all(reading, "idiom") for i in range(first, last))


def context_of(reading: Reading) -> Context:
    live = _sentences(reading, _all(reading, "live"))
    timed = _sentences(reading, _all(reading, "timed"))
    covered = {
        "negated": _denied(reading),
        "past": _past(reading),
        "hypothetical": _hypothetical(reading, live, timed),
        "fiction": _fiction(reading, live & timed),
        "handled": _handled(reading),
        "bystander": _around(reading, "bystander"),
    }
    closings = [
        (strength, last)
        for strength in ("retracted", "hospital", "cleared")
        for first, last in _all(reading, strength)
        if first not in covered["negated"] and first not in covered["hypothetical"]
    ]
    reopened = max((first for first, _ in _all(reading, "reopened")), default=-1)
    return Context(covered, tuple(sorted(closings, key=lambda c: c[1])), reopened)


def _denied(reading: Reading) -> frozenset[int]:
    words = reading.words.words
    not_denials = {i for first, last in _all(reading, "not_a_denial") for i in range(first, last)}
    covered: set[int] = set()
    for first, last in _all(reading, "denial"):
        if first in not_denials:
            continue
        for index in range(last, min(len(words), last + _DENIAL_REACH)):
            if words[index].sentence != words[first].sentence or words[index].form in _ENDS_DENIAL:
                break
            if index > last and words[index].form in _SUBJECTS and words[index - 1].form not in _LINKS | _LISTS:
                break
            if words[index].clause != words[index - 1].clause and not _continues_list(reading, index):
                break
            covered.add(index)
    for first, _ in _all(reading, "denied_before"):
        sentence = words[first].sentence
        if sentence in reading.words.questions:  # "is a pulse under it normal?" denies nothing
            continue
        for index in range(first - 1, max(-1, first - 6), -1):
            if words[index].sentence != sentence or words[index].clause != words[first].clause:
                break
            covered.add(index)
    return frozenset(covered)


def _continues_list(reading: Reading, index: int) -> bool:
    """Whether the clause that begins here is one more item of "no fever, numbness or injury"."""
    words = reading.words.words
    if words[index].form in _LISTS:
        return True
    end = index
    while end < len(words) and words[end].clause == words[index].clause:
        end += 1
    return end - index <= 2 and end < len(words) and words[end].sentence == words[index].sentence


def _past(reading: Reading) -> frozenset[int]:
    """Sentences with "years ago"; only the clause, where the sentence also says "now" or "still"."""
    ongoing = _sentences(reading, _all(reading, "ongoing"))
    covered: set[int] = set()
    for first, last in _all(reading, "past"):
        sentence = reading.words.words[first].sentence
        covered.update(_span_of(reading, first, last, "clause" if sentence in ongoing else "sentence"))
    return frozenset(covered)


def _hypothetical(reading: Reading, live: set[int], timed: set[int]) -> frozenset[int]:
    """From the clause of "can a tight psoas ...?" to the end of its sentence, unless somebody real is in it."""
    words = reading.words.words
    covered: set[int] = set()
    for kind, real in (("hypothetical", live | timed), ("supposed", timed)):
        for first, last in _all(reading, kind):
            if words[first].sentence in real:
                continue
            begin = _span_of(reading, first, last, "clause").start
            covered.update(range(begin, _span_of(reading, first, last, "sentence").stop))
    return frozenset(covered)


def _fiction(reading: Reading, real: set[int]) -> frozenset[int]:
    cues = _all(reading, "fiction")
    if not cues:
        return frozenset()
    told = _sentences(reading, cues)
    if _all(reading, "not_fiction"):  # "say it is for a novel; it is not" invents nothing else
        real = {word.sentence for word in reading.words.words}
    return frozenset(
        i for i, word in enumerate(reading.words.words) if word.sentence in told or word.sentence not in real
    )


def _handled(reading: Reading) -> frozenset[int]:
    """Sentences about somebody who is looked after, or who is not the one to be treated."""
    covered = set(_around(reading, "handled"))
    if _all(reading, "for_myself"):
        covered |= _around(reading, "other_person")
    return frozenset(covered)


def _around(reading: Reading, modifier: str) -> frozenset[int]:
    """The sentences in which a phrase of the modifier stands."""
    told = _sentences(reading, _all(reading, modifier))
    if not told:
        return frozenset()
    return frozenset(i for i, word in enumerate(reading.words.words) if word.sentence in told)


def _all(reading: Reading, modifier: str) -> tuple[Match, ...]:
    return reading.phrases(MODIFIER + modifier)


def _sentences(reading: Reading, matches: Iterable[Match]) -> set[int]:
    return {reading.words.words[first].sentence for first, _ in matches}


def _span_of(reading: Reading, first: int, last: int, unit: str) -> range:
    words = reading.words.words
    low, high = first, last
    while low > 0 and getattr(words[low - 1], unit) == getattr(words[first], unit):
        low -= 1
    while high < len(words) and getattr(words[high], unit) == getattr(words[last - 1], unit):
        high += 1
    return range(low, high)
