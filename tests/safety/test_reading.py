"""What is not tried could not have matched: the patterns left out of a message find nothing in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wellcited.safety.lines import conditions, needs_of_line
from wellcited.safety.patterns import Pattern, parse
from wellcited.safety.reading import ByNeed, Reading, by_rarest, index
from wellcited.safety.rules import data_files, load_rules
from wellcited.safety.text import read

BOOK = load_rules(data_files())
LINES = [one.pattern for rule in BOOK.rules for line in rule.when for one in conditions(line, BOOK.places)]
SAID = [sentence for rule in BOOK.rules for sentence in (*rule.examples[:2], *rule.near_misses[:1])]


def reading(text: str) -> Reading:
    return Reading.of(read(text, BOOK.spelling), BOOK.vocabulary)


def trying_all(one: Reading) -> Reading:
    """The same message, of which every phrase and every pattern is tried."""
    phrases: dict[str, list[Pattern]] = {}
    for name, pattern in BOOK.vocabulary.phrases.met(set(BOOK.vocabulary.elements)):
        phrases.setdefault(name, []).append(pattern)
    return replace(one, possible=frozenset(BOOK.vocabulary.elements), _standing=phrases, _elements={}, _phrases={})


def test_patterns_and_phrases_find_what_they_find_where_all_of_them_are_tried() -> None:
    found = 0
    for text in SAID:
        quick = reading(text)
        thorough = trying_all(quick)
        for name in BOOK.vocabulary.names:
            assert quick.phrases(name) == thorough.phrases(name), (text, name)
        for pattern in LINES:
            assert pattern.find(quick) == pattern.find(thorough), (text, pattern.source)
            found += bool(pattern.find(quick))
    assert found > len(SAID)


def test_what_a_line_needs_is_what_its_patterns_need() -> None:
    for rule in BOOK.rules:
        for line in rule.when:
            told = [one.pattern for one in conditions(line, BOOK.places) if not one.absent]
            solid = {one.source for pattern in told for one in pattern.elements if not one.optional}
            assert needs_of_line(line) == solid, (rule.id, line)


def test_most_of_what_could_be_asked_for_is_not_even_possible() -> None:
    possible = [reading(text).possible for text in SAID[:40]]
    tried = sum(pattern.needs <= some for some in possible for pattern in LINES) / len(possible)
    assert tried < len(LINES) / 8, "and these are sentences with a sign"


def test_a_number_makes_possible_the_ranges_that_hold_it_alone() -> None:
    names = ("fever",)
    phrases = {"fever": (parse("temp|temperature .. #38-42", names, "a test"), parse("@scale:7-10", names, "a test"))}
    book, _ = index(phrases, [parse("{fever} today", names, "a test")])

    def standing(text: str) -> frozenset[str]:
        return Reading.of(read(text, {}), book).possible - {"temp|temperature", "today"}

    assert standing("a temp of 39 today") == {"#38-42", "{fever}"}
    assert standing("a temp of 37 today") == set()
    assert standing("it is 8/10 today") == {"@scale:7-10", "{fever}"}
    assert standing("39 sheep today") == {"#38-42"}


@pytest.mark.parametrize(
    ("standing", "met"), [("a", ""), ("a c", "two"), ("a b", "one"), ("a b c", "one two"), ("", "")]
)
def test_a_thing_is_met_where_all_stands_that_it_needs(standing: str, met: str) -> None:
    needs = {"one": frozenset("ab"), "two": frozenset("ac")}
    kept = by_rarest([(needs[name], name) for name in needs], {"a": 9, "b": 1, "c": 2}.__getitem__)
    assert kept == {"b": ["one"], "c": ["two"]}
    things = ByNeed(kept, lambda name: (needs[name], name))
    assert sorted(things.met(set(standing.split()))) == met.split()
