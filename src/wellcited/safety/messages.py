"""What the reader is told: templates per language and tier, with extra lines per category, all from messages.toml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from wellcited.datatypes import Tier
from wellcited.errors import SafetyDataError
from wellcited.safety.language import LANGUAGES, Language
from wellcited.safety.rules import TIERS

_SLOT = re.compile(r"\{(\w+)\}")
_SLOTS = {"numbers", "noticed", "action", "tip", "who", "why", "how", "signs"}


@dataclass(frozen=True, slots=True)
class Messages:
    """The reader's messages, with the emergency numbers put in."""

    table: Mapping[str, Any]
    numbers: Sequence[str]

    def compose(self, tier: Tier, category: str, language: Language, quotes: Sequence[str], again: bool) -> str:
        """The full text for a tier; the short form where `again`: told before, and now asked something else."""
        texts = self.table[language]
        special = texts.get("category", {}).get(category, {})
        noticed = texts["noticed"].format(quotes=texts["and"].join(f"“{quote}”" for quote in quotes)) if quotes else ""
        numbers = {"numbers": self._numbers(texts)}
        lines = {name: _fill(line, numbers) for name, line in {**texts["default"][tier], **special}.items()}
        own = special.get("repeat" if again else tier)
        template = own or texts["repeat" if again else "full"][tier]
        return _fill(template, {**lines, **numbers, "noticed": noticed})

    def fixed(self, name: str, language: Language) -> str:
        """A message without evidence: "unreadable", "failed", or the sentence "crisis" on thoughts of self-harm."""
        texts = self.table[language]
        return _fill(texts[name], {"numbers": self._numbers(texts)})

    def _numbers(self, texts: Mapping[str, Any]) -> str:
        *first, last = self.numbers
        listed = f"{', '.join(first)}{texts['or']}{last}" if first else last
        return cast(str, texts["numbers"]).replace("{listed}", listed)


def load_messages(table: Mapping[str, Any], numbers: Sequence[str]) -> Messages:
    """Wrap a table that was checked.  Raises: SafetyDataError where there is no emergency number."""
    if not numbers or not all(number.strip() for number in numbers):
        raise SafetyDataError("emergency_numbers is empty; give at least one number, for example 112")
    return Messages(table, tuple(numbers))


def check_messages(table: Mapping[str, Any]) -> None:
    """Check messages.toml.

    Raises: SafetyDataError for a language or tier without a message, or an unknown {slot}.
    """
    for language in LANGUAGES:
        for kind in ("full", "repeat"):
            for tier in TIERS[1:]:
                if not table.get(language, {}).get(kind, {}).get(tier):
                    raise SafetyDataError(f"messages.toml: [{language}.{kind}] has no message for tier {tier!r}")
        for key in ("or", "and", "numbers", "noticed", "unreadable", "failed", "crisis", "default"):
            if not table[language].get(key):
                raise SafetyDataError(f"messages.toml: [{language}] has no {key!r}")
        for text in _texts(table[language]):
            if unknown := set(_SLOT.findall(text)) - _SLOTS - {"listed", "quotes"}:
                raise SafetyDataError(f"messages.toml: [{language}] uses the unknown slot {{{unknown.pop()}}}")


def _fill(template: str, values: Mapping[str, str]) -> str:
    # Not str.format: a reader's own words may hold braces.
    text = _SLOT.sub(lambda slot: values.get(slot[1], ""), template)
    return re.sub(r"  +", " ", text).strip()


def _texts(table: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for value in table.values():
        found += _texts(value) if isinstance(value, Mapping) else [str(value)]
    return found
