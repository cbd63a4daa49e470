"""Terms in BM25 (bm25s): stemmed words, one entry a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import Stemmer
from numpy.typing import NDArray

from wellcited.errors import IndexDamaged

if TYPE_CHECKING:
    import bm25s

Scores = NDArray[np.float32]

_WORD = re.compile(r"[^\W_]+")
_LANGUAGES = {"en": "english", "es": "spanish", "fr": "french", "de": "german", "pt": "portuguese", "it": "italian"}


@lru_cache(maxsize=8)
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(_LANGUAGES.get(language.split("-")[0].lower(), "english"))


def words(text: str) -> list[str]:
    """Return the words of `text`, lower-case, without accents and apostrophes."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("'", "").replace("’", ""))
    return _WORD.findall("".join(char for char in plain if not unicodedata.combining(char)))


def terms(text: str, language: str = "en") -> list[str]:
    """Return the stemmed words of `text`, in order, common words included."""
    stems: list[str] = _stemmer(language).stemWords(words(text))
    return stems


class LexicalIndex:
    """BM25 over entries of terms."""

    def __init__(self, bm25: bm25s.BM25, entries: int, document_frequency: dict[str, int]) -> None:
        self._bm25 = bm25
        self._entries = entries
        self._document_frequency = document_frequency

    @classmethod
    def build(cls, entries: Sequence[list[str]]) -> LexicalIndex:
        """Index `entries`, each the terms of one text; at least one entry must hold a term."""
        import bm25s

        frequency: dict[str, int] = {}
        for entry in entries:
            for term in set(entry):
                frequency[term] = frequency.get(term, 0) + 1
        bm25 = bm25s.BM25(k1=1.2, b=0.75)
        bm25.index([entry or [""] for entry in entries], show_progress=False)
        return cls(bm25, len(entries), frequency)

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open the folder that `save` wrote. Raises IndexDamaged."""
        import bm25s

        try:
            bm25 = bm25s.BM25.load(str(folder), show_progress=False)
            table = (folder / "terms.tsv").read_text("utf-8").splitlines()
            frequency = {term: int(count) for term, count in (line.split("\t") for line in table[1:])}
            return cls(bm25, int(table[0]), frequency)
        except Exception as error:  # bm25s raises whatever json and numpy raise
            raise IndexDamaged(f"{folder}: cannot be opened: {error}; run: wellcited index") from error

    def save(self, folder: Path) -> None:
        """Write the index into `folder`."""
        self._bm25.save(str(folder), show_progress=False)
        rows = [str(self._entries), *(f"{term}\t{count}" for term, count in sorted(self._document_frequency.items()))]
        (folder / "terms.tsv").write_text("\n".join(rows), "utf-8")

    def __len__(self) -> int:
        return self._entries

    def scores(self, query: Iterable[str]) -> Scores:
        """Return the BM25 score of every entry, of shape (entries,), 0 where no term of `query` occurs."""
        known = [term for term in query if term in self._document_frequency]
        if not known:
            return np.zeros(self._entries, dtype=np.float32)
        found: Scores = self._bm25.get_scores(known)
        return found

    def knows(self, term: str) -> bool:
        """Whether any entry holds `term`."""
        return term in self._document_frequency

    def idf(self, term: str) -> float:
        """Return ln(1 + (N - n + 0.5) / (n + 0.5)), Robertson's inverse document frequency, for n of N entries."""
        count = self._document_frequency.get(term, 0)
        return float(np.log1p((self._entries - count + 0.5) / (count + 0.5)))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every term of every entry."""
        return frozenset(self._document_frequency)
