"""Which of the six languages a message is written in, from its commonest words; deliberately slow to say "none"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from wellcited.safety.text import Words

Language = Literal["en", "es", "fr", "de", "pt", "it"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
# A message counts as unreadable only with this much of another script, or this many words of another language.
FOREIGN_LETTERS = 12
FOREIGN_WORDS = 2
PLAINLY = 3


def language_of(words: Words, common: Mapping[str, Iterable[str]]) -> Language:
    """The likeliest of the six; "en" where nothing speaks for another."""
    forms = [word.form for word in words.words]
    scores = {language: sum(form in common[language] for form in forms) for language in LANGUAGES}
    best = max(LANGUAGES, key=lambda language: scores[language])
    return best if scores[best] > scores["en"] else "en"


def plainly_english(words: Words, common: Mapping[str, Iterable[str]]) -> bool:
    """Whether several of the commonest words are English and at most one belongs to another of the six alone."""
    forms = [word.form for word in words.words]
    if sum(form in common["en"] for form in forms) < PLAINLY:
        return False
    others = (
        sum(form in common[language] and form not in common["en"] for form in forms)
        for language in LANGUAGES
        if language != "en"
    )
    return max(others) <= 1


def unreadable(words: Words, common: Mapping[str, Iterable[str]]) -> bool:
    """Whether the message is in a language or script that no rule can read.

    Names, anatomy, single words, emoji and gibberish are not enough: it takes a run of letters of another script, or
    several of another language's commonest words and hardly any of ours.
    """
    if words.foreign >= FOREIGN_LETTERS:
        latin = sum(len(word.form) for word in words.words if word.form.isalpha())
        if words.foreign > latin:
            return True
    forms = [word.form for word in words.words]
    foreign = {form for form in forms if form in common["foreign"]}
    if len(forms) < 4 or len(foreign) < FOREIGN_WORDS:
        return False
    ours = sum(any(form in common[language] for language in LANGUAGES) for form in forms)
    return len(foreign) > ours
