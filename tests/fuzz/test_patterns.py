"""The guardrail reads any message without breaking, and no pattern anywhere can be made slow."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from re import _parser as sre  # type: ignore[attr-defined]
from types import FrameType
from typing import Any

import pytest
from conftest import FUZZ_TIMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wellcited
from wellcited import ranking
from wellcited.datatypes import Message
from wellcited.safety import Guardrail
from wellcited.safety.guardrail import FAILED
from wellcited.safety.rules import TIERS, data_files, load_rules
from wellcited.safety.text import fold, read

many = settings(max_examples=100 * FUZZ_TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
GUARDRAIL = Guardrail.open()
VOCABULARY = sorted(load_rules(data_files()).vocabulary.exact)
AT_THE_BEGINNING = (ranking._DEFINES,)
"""Only ever matched where a sentence begins; searched for anywhere it would be slow."""
SIGNS = "abeiosn0135 .,-_*'’@$/?!\n\t()\u200b\u0301éßаеоρ漢א🤒🔟½²"
noise = st.text(st.characters(exclude_categories=()), max_size=400)
disguised = st.text(st.sampled_from(SIGNS), max_size=400)
told = st.lists(st.sampled_from([*VOCABULARY, *".,?!", "not", "no", "years ago", "if", "my mum"]), max_size=150).map(
    " ".join
)
messages = st.one_of(noise, disguised, told)


@many
@given(messages)
def test_every_word_stands_where_it_was_written(text: str) -> None:
    letters, origin = fold(text)
    assert len(letters) == len(origin)
    assert origin == sorted(origin)
    assert all(0 <= place < len(text) for place in origin)
    found = read(text, {})
    for word in found.words:
        assert 0 <= word.start < word.end <= len(text)
        assert word.form
    for one, two in itertools.pairwise(found.words):
        assert (one.sentence, one.clause) <= (two.sentence, two.clause)
        assert one.start <= two.start


@many
@given(messages, st.lists(messages, max_size=3))
def test_every_message_is_judged_in_time_and_nothing_inside_breaks(text: str, before: list[str]) -> None:
    began = time.process_time()
    found = GUARDRAIL.triage(text, [Message(role="user", content=one) for one in before])
    assert time.process_time() - began < 3.0
    assert found.tier in TIERS
    assert FAILED not in found.reasons


def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled pattern of the package, by its text: of modules, classes, tuples and tables."""
    found: dict[str, re.Pattern[str]] = {}

    def collect(thing: Any, depth: int = 0) -> None:
        if isinstance(thing, re.Pattern):
            if isinstance(thing.pattern, str):
                found[thing.pattern] = thing
        elif depth < 3 and isinstance(thing, tuple | list | set | frozenset):
            for one in thing:
                collect(one, depth + 1)
        elif depth < 3 and isinstance(thing, dict):
            for one in thing.values():
                collect(one, depth + 1)

    for module in pkgutil.walk_packages(wellcited.__path__, "wellcited."):
        if module.name != "wellcited.__main__":
            for thing in vars(importlib.import_module(module.name)).values():
                collect(thing)
                if isinstance(thing, type) and thing.__module__.startswith("wellcited"):
                    collect(dict(vars(thing)))
    return found


def letters_of(parsed: Any) -> Iterator[str]:
    """The letters that a pattern speaks of; of a class of letters, a few."""
    for operation, argument in parsed:
        match str(operation):
            case "LITERAL" | "NOT_LITERAL":
                yield chr(argument)
            case "IN":
                yield from letters_of(argument)
            case "RANGE":
                yield chr(argument[0])
            case "CATEGORY" | "ANY" | "NEGATE":
                yield from "a1 "
            case "BRANCH":
                for branch in argument[1]:
                    yield from letters_of(branch)
            case "SUBPATTERN":
                yield from letters_of(argument[3])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                yield from letters_of(argument[2])
            case "ASSERT" | "ASSERT_NOT":
                yield from letters_of(argument[1])
            case "ATOMIC_GROUP":
                yield from letters_of(argument)


@contextmanager
def within(seconds: float, what: str) -> Iterator[None]:
    """Interrupt a search, which looks for signals as it goes."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"too slow: {what}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attack(pattern: re.Pattern[str], length: int = 1200) -> None:
    """Search in runs of each letter, and each two, that the pattern speaks of, with an end that spoils the match."""
    letters = list(dict.fromkeys(letters_of(sre.parse(pattern.pattern, pattern.flags))))[:9]
    pieces = [*letters, *map("".join, itertools.permutations(letters, 2))]
    for piece in pieces:
        for size in (40, length):
            text = (piece * size)[:size] + "\x00"
            with within(5.0, f"{pattern.pattern!r} at {piece!r} times {size // len(piece)}"):
                if pattern not in AT_THE_BEGINNING:
                    pattern.search(text)
                pattern.match(text)
                pattern.fullmatch(text)


def test_a_pattern_that_can_be_made_slow_is_found() -> None:
    with pytest.raises(AssertionError, match="too slow"):
        attack(re.compile(r"(?:a+b?)+c"))


def test_no_pattern_of_the_package_can_be_made_slow() -> None:
    found = patterns()
    assert len(found) > 60
    for pattern in found.values():
        attack(pattern)
