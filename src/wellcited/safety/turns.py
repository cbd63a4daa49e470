"""The reader's messages as rules and head read them: each read once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wellcited.safety.context import Context, context_of, hidden_words
from wellcited.safety.language import plainly_english
from wellcited.safety.patterns import Match, Pattern
from wellcited.safety.reading import Reading
from wellcited.safety.rules import RuleBook
from wellcited.safety.text import Words, read

# Longer messages are read at both ends: nobody types more, and the time stays bounded.
LONGEST = 40_000


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the reader: `number` counts from 0, `text` is as it was written."""

    number: int
    text: str
    reading: Reading
    context: Context
    english: bool
    """Plainly English."""
    _matches: dict[str, list[Match]] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, text: str, book: RuleBook, common: Mapping[str, frozenset[str]]) -> Turn:
        """Read a message."""
        shown = text
        if len(text) > LONGEST:
            half = LONGEST // 2
            shown = text[:half] + "\n" + " " * (len(text) - LONGEST - 1) + text[-half:]
        words = read(shown, book.spelling)
        plain = Reading.of(words, book.vocabulary)
        reading = plain.without(hidden_words(plain))
        return cls(number, text, reading, context_of(reading), plainly_english(words, common))

    def find(self, pattern: Pattern) -> list[Match]:
        """Where a pattern stands."""
        if not pattern.needs <= self.reading.possible:
            return []
        known = self._matches.get(pattern.source)
        if known is None:
            known = self._matches[pattern.source] = pattern.find(self.reading)
        return known

    @property
    def words(self) -> Words:
        """The message as words; of one that is longer than LONGEST, both ends."""
        return self.reading.words


def forms(words: Words) -> list[str]:
    """The words as rules read them, numbers as "#"."""
    return [word.form if word.value is None or word.form.isalpha() else "#" for word in words.words]
