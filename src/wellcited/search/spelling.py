"""Words that are no words, but nearly one of the guide's: a reader's slips of the finger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from wellcited.search.lexical import words

SHORTEST = 5
"""Shorter words are left alone: too many others are near them."""
LONG = 8
"""A word of this length may have two slips, a shorter one has one."""
LARGEST = 50_000
"""With more words than this, a corpus is no one guide's vocabulary any more, and nothing is mended."""

_WORD = re.compile(r"[^\W\d_]+")


def vocabulary(texts: Iterable[str]) -> list[str]:
    """Return the words of `texts` that a slip may be mended to, sorted; none of a corpus with too many."""
    found = {word for text in texts for word in words(text) if len(word) >= SHORTEST - 1}
    return sorted(found) if len(found) <= LARGEST else []


class Spelling:
    """Mends words that neither the language nor the guide knows to the nearest word of the guide."""

    def __init__(self, vocabulary: Iterable[str], is_word: Callable[[str], bool]) -> None:
        """`vocabulary` is the guide's; `is_word` tells whether the language has a word, in lower case."""
        self._known: dict[str, list[str]] = {}
        self._is_word = is_word
        for word in sorted(vocabulary):
            self._known.setdefault(word[0], []).append(word)

    def mended(self, text: str) -> str:
        """Return `text` with each slip replaced by the word of the guide that begins alike and is nearest.

        Nearness is the optimal string alignment distance: a letter left out, added, changed, or two swapped.
        """
        return _WORD.sub(lambda found: self._mend(found.group()), text)

    def _mend(self, word: str) -> str:
        plain = word.lower()
        near = self._known.get(plain[0], [])
        if len(plain) < SHORTEST or not near or plain in near or self._is_word(plain):
            return word
        if f"{plain}s" in near or plain.removesuffix("s") in near:  # one or several, or "whats": no slip
            return word
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extractOne

        slips = 2 if len(plain) >= LONG else 1
        best = extractOne(plain, near, scorer=OSA.distance, score_cutoff=slips)
        return str(best[0]) if best else word
