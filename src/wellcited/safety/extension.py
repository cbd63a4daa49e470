"""A publisher's own rules, messages and normal phrases, from one file beside the corpus; checked before it counts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellcited.errors import SafetyDataError
from wellcited.safety.language import LANGUAGES
from wellcited.safety.matching import Matcher
from wellcited.safety.patterns import parse
from wellcited.safety.rules import OWN_FILE, TIERS, RuleBook, read_table

_PARTS = ("rule", "vocabulary", "normal", "messages")


def read_extension(path: Path) -> bytes:
    """Return the file as it stands.  Raises: SafetyDataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SafetyDataError(
            f"{path}: cannot be read: {error.strerror}; correct the setting 'safety_file', or remove it"
        ) from error


def own_table(content: bytes, path: Path) -> dict[str, Any]:
    """Return the file's parts.  Raises: SafetyDataError for anything that is none of its parts."""
    try:
        table = read_table(OWN_FILE, {OWN_FILE: content})
    except SafetyDataError as error:
        raise SafetyDataError(str(error).replace(f"safety/data/{OWN_FILE}", str(path))) from error
    if unknown := set(table) - set(_PARTS):
        raise SafetyDataError(f"{path}: unknown part {sorted(unknown)[0]!r}; known are {', '.join(_PARTS)}")
    for part, kind, written in (
        ("rule", list, "[[rule]]"),
        ("normal", list, 'normal = ["..."]'),
        ("vocabulary", Mapping, "[vocabulary]"),
        ("messages", Mapping, "[messages.en.full]"),
    ):
        if not isinstance(table.get(part, kind()), kind) if kind is list else not isinstance(table.get(part, {}), kind):
            raise SafetyDataError(f"{path}: {part!r} is not as it should be; write it as {written}")
    for phrase in table.get("normal", ()):
        parse(phrase, frozenset(), f"{path}: normal {phrase!r}")
    if unknown := set(table.get("messages", {})) - set(LANGUAGES):
        raise SafetyDataError(
            f"{path}: messages in the unknown language {sorted(unknown)[0]!r}; known are {', '.join(LANGUAGES)}"
        )
    return table


def merged(texts: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the messages with the publisher's in place of, or beside, those that ship."""
    found: dict[str, Any] = copy.deepcopy(dict(texts))
    for key, value in own.items():
        known = found.get(key)
        found[key] = merged(known, value) if isinstance(known, Mapping) and isinstance(value, Mapping) else value
    return found


def check(book: RuleBook, matcher: Matcher, normal: list[str], path: Path) -> None:
    """Hold each own rule to its test sentences, and each normal phrase to the sentences of the rules that ship.

    Raises: SafetyDataError naming the first rule or phrase that fails, the sentence, and what to do.
    """
    for rule in (rule for rule in book.rules if rule.own):
        for sentence in rule.examples:
            if TIERS.index(matcher.examine(matcher.read([sentence])).tier) < TIERS.index(rule.tier):
                raise SafetyDataError(
                    f"{path}: rule {rule.id!r} does not refer its example {sentence!r} as {rule.tier}; "
                    "add its words to 'when', or correct the sentence"
                )
        for sentence in rule.near_misses:
            if any(
                one.rule == rule.id and not one.switched_off_by
                for one in matcher.examine(matcher.read([sentence])).findings
            ):
                raise SafetyDataError(
                    f"{path}: rule {rule.id!r} fires on its near miss {sentence!r}; "
                    "narrow 'when', for example with another word or with & !word"
                )
    if not normal:
        return
    forms = [f" {' '.join(phrase.split())} " for phrase in normal]
    for rule in book.rules:
        for sentence in rule.examples if rule.tier in ("emergency", "urgent") else ():
            said = f" {' '.join(matcher.forms(sentence))} "
            hidden = next((phrase for phrase, form in zip(normal, forms, strict=True) if form in said), None)
            if hidden and TIERS.index(matcher.examine(matcher.read([sentence])).tier) < TIERS.index(rule.tier):
                raise SafetyDataError(
                    f"{path}: the normal phrase {hidden!r} would silence rule {rule.id!r} on {sentence!r}; "
                    "write a longer phrase"
                )
