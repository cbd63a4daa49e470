"""A line of a rule, "a & b & !c": the conditions it is made of, and the words without which it cannot match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from wellcited.errors import SafetyDataError
from wellcited.safety.patterns import Pattern, parse

ByNeed = Mapping[str, Sequence[tuple[int, int, Sequence[str]]]]
"""Rule and number of each line, and the elements of words alone without which it cannot match; by the one of these that
fewest lines share, "" where there is none: most lines are told apart by it in no time."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One part of a line: must stand somewhere in the scope, or with `absent` nowhere in it."""

    pattern: Pattern
    absent: bool
    place: bool
    """A place of the body or a person, which "no pain in my hip" does not deny."""


Line = tuple[Condition, ...]


def conditions(line: str, places: Container[str], known: Container[str] | None = None, where: str = "") -> Line:
    """Read a line of a rule.

    `places` are the vocabularies of places of the body and of persons, `known` those there are, None where that was
    checked before. Raises: SafetyDataError naming `where`, for a pattern that cannot be read and for a line that only
    says what must be absent.
    """
    found = []
    for part in line.split(" & "):
        pattern = parse(part.strip().removeprefix("!"), known, where)
        spoken = pattern.elements[0].vocabularies
        place = len(pattern.elements) == 1 and bool(spoken) and all(name in places for name in spoken)
        found.append(Condition(pattern, part.strip().startswith("!"), place))
    if all(condition.absent for condition in found):
        raise SafetyDataError(f"{where}: {line!r} only says what must be absent")
    # Words before vocabularies: most lines are refused by their cheapest condition.
    return tuple(sorted(found, key=lambda condition: (condition.absent, not condition.pattern.anchor.plain)))


def by_need(rules: Sequence[Sequence[Line]]) -> ByNeed:
    """Turn the lines of `rules` round: from an element to the lines that need it."""
    lines = [(rule, number, _needs(line)) for rule, some in enumerate(rules) for number, line in enumerate(some)]
    shared = Counter(need for _, _, needed in lines for need in needed)
    found: dict[str, list[tuple[int, int, Sequence[str]]]] = {}
    for line in lines:
        found.setdefault(min(line[2], key=lambda need: (shared[need], need), default=""), []).append(line)
    return found


def _needs(line: Line) -> Sequence[str]:
    none: frozenset[str] = frozenset()
    return sorted(none.union(*(condition.pattern.needs for condition in line if not condition.absent)))
