"""A line of a rule, "a & b & !c": the conditions it is made of, and the words without which it cannot match."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from wellcited.errors import SafetyDataError
from wellcited.safety.patterns import Pattern, needs_of, parse

_AND = " & "


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
    for part in line.split(_AND):
        pattern = parse(part.strip().removeprefix("!"), known, where)
        spoken = pattern.elements[0].vocabularies
        place = len(pattern.elements) == 1 and bool(spoken) and all(name in places for name in spoken)
        found.append(Condition(pattern, part.strip().startswith("!"), place))
    if all(condition.absent for condition in found):
        raise SafetyDataError(f"{where}: {line!r} only says what must be absent")
    # Words before vocabularies: most lines are refused by their cheapest condition.
    return tuple(sorted(found, key=lambda condition: (condition.absent, not condition.pattern.anchor.plain)))


def needs_of_line(line: str) -> frozenset[str]:
    """Return the elements without which a line cannot match: most lines are told apart by them in no time."""
    parts = (part.strip() for part in line.split(_AND))
    return frozenset[str]().union(*(needs_of(part) for part in parts if not part.startswith("!")))
