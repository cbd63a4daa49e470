"""Terms in BM25 (bm25s): stemmed words, one entry a sentence."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import Stemmer
from numpy.typing import NDArray

from wellcited.errors import IndexDamaged

Scores = NDArray[np.float32]
Rows = NDArray[np.int32]

ARRAYS = ("data", "indices", "indptr")
MAPPED_FROM = 16 * 1024 * 1024
"""An array of more bytes than this is mapped into memory, so that several processes share it."""

_WORD = re.compile(r"[^\W_]+")
_LANGUAGES = {"en": "english", "es": "spanish", "fr": "french", "de": "german", "pt": "portuguese", "it": "italian"}


@lru_cache(maxsize=8)
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(_LANGUAGES.get(language.split("-")[0].lower(), "english"))


def words(text: str) -> list[str]:
    """Return the words of `text`, lower-case, without accents and apostrophes."""
    plain = text.lower().replace("'", "").replace("’", "")
    if not plain.isascii():  # what is has nothing to decompose
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
    return _WORD.findall(plain)


def terms(text: str, language: str = "en") -> list[str]:
    """Return the stemmed words of `text`, in order, common words included."""
    stems: list[str] = _stemmer(language).stemWords(words(text))
    return stems


class LexicalIndex:
    """BM25 over entries of terms: bm25s computes and stores the score of every term in every entry, this adds them up.

    The scores are a sparse matrix by columns of terms, as bm25s saves them: `data` and `indices` (scores, entries),
    `indptr` (where each term's run begins), `vocabulary` (the column of each term).
    """

    def __init__(self, data: Scores, indices: Rows, indptr: Rows, vocabulary: dict[str, int], entries: int) -> None:
        self._data = data
        self._indices = indices
        self._indptr = indptr
        self._vocabulary = vocabulary
        self._entries = entries

    @classmethod
    def build(cls, entries: Sequence[list[str]]) -> LexicalIndex:
        """Index `entries`, each the terms of one text; at least one entry must hold a term."""
        import bm25s  # brings scipy: a tenth of a second that answering does without

        bm25 = bm25s.BM25(k1=1.2, b=0.75)
        bm25.index([entry or [""] for entry in entries], show_progress=False)
        scores = bm25.scores
        vocabulary = {term: column for term, column in bm25.vocab_dict.items() if term}
        return cls(scores["data"], scores["indices"], scores["indptr"], vocabulary, len(entries))

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open the folder that `save` wrote, large arrays mapped into memory. Raises IndexDamaged."""
        try:
            data, indices, indptr = (_load(folder / f"{name}.npy") for name in ARRAYS)
            table = json.loads((folder / "terms.json").read_text("utf-8"))
            return cls(data, indices, indptr, table["vocabulary"], table["entries"])
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise IndexDamaged(f"{folder}: cannot be opened: {error}; run: wellcited index") from error

    def save(self, folder: Path) -> None:
        """Write the index into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in zip(ARRAYS, (self._data, self._indices, self._indptr), strict=True):
            np.save(folder / f"{name}.npy", array)
        table = {"entries": self._entries, "vocabulary": dict(sorted(self._vocabulary.items()))}
        (folder / "terms.json").write_text(json.dumps(table, ensure_ascii=False), "utf-8")

    def __len__(self) -> int:
        return self._entries

    def scores(self, query: Iterable[str]) -> Scores:
        """Return the BM25 score of every entry, of shape (entries,), 0 where no term of `query` occurs."""
        total = np.zeros(self._entries, dtype=np.float32)
        for term in query:
            if term in self._vocabulary:
                column = self._column(term)
                total[self._indices[column]] += self._data[column]
        return total

    def holding(self, query: Sequence[str], entries: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of `entries` hold each term of `query`, of shape (len(entries), len(query))."""
        held = np.zeros((len(entries), len(query)), dtype=np.bool_)
        marked = np.zeros(self._entries, dtype=np.bool_)
        for number, term in enumerate(query):
            if term in self._vocabulary:
                holders = self._indices[self._column(term)]
                marked[holders] = True
                held[:, number] = marked[entries]
                marked[holders] = False
        return held

    @staticmethod
    def best(scores: Scores, k: int) -> NDArray[np.int64]:
        """Return the entries of the `k` highest of `scores` that are above 0, in order; of equals the first ones."""
        found = np.flatnonzero(scores > 0)
        if len(found) > k:
            least = np.partition(scores[found], -k)[-k]
            above = found[scores[found] > least]
            equal = found[scores[found] == least]
            found = np.sort(np.concatenate([above, equal[: k - len(above)]]))
        return found

    def knows(self, term: str) -> bool:
        """Whether any entry holds `term`."""
        return term in self._vocabulary

    def idf(self, term: str) -> float:
        """Return ln(1 + (N - n + 0.5) / (n + 0.5)), Robertson's inverse document frequency, for n of N entries."""
        column = self._column(term) if term in self._vocabulary else slice(0, 0)
        count = column.stop - column.start
        return math.log1p((self._entries - count + 0.5) / (count + 0.5))

    def _column(self, term: str) -> slice:
        number = self._vocabulary[term]
        return slice(int(self._indptr[number]), int(self._indptr[number + 1]))


def _load(path: Path) -> Any:
    # Whoever shortens a mapped file kills its readers: a small one is not worth that.
    return np.load(path, mmap_mode="r" if path.stat().st_size > MAPPED_FROM else None)
