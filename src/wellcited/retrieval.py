"""Question -> Hits: vectors and terms of the whole bundle, fused sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from wellcited.bundle import DENSE, ENCODER, LEXICAL, REPAIR, TRAITS, WORDS, Build
from wellcited.contents import Contents, OnDemand
from wellcited.conversation import leaning
from wellcited.datatypes import Hit
from wellcited.elsewhere import Elsewhere
from wellcited.encoding import Encoder, Vectors
from wellcited.errors import IndexDamaged
from wellcited.layout import Grouped, Layout, ranges
from wellcited.nearness import Candidates, Nearness
from wellcited.ranking import FEATURES, SentenceTraits, Wanted, content_words, trait_features, weights
from wellcited.search.dense import Cosines, DenseIndex
from wellcited.search.lexical import LexicalIndex, terms
from wellcited.search.spelling import Spelling, vocabulary

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]

CANDIDATE_ROWS = 600
"""Rows taken from the vector search; a guide of up to 100 passages or so is looked at whole."""
CANDIDATE_TERMS = 60
"""Passages taken from the term search beside them."""


@dataclass(frozen=True)
class Evidence:
    """The candidate sentences of one question and the features of each.

    `rows` (n,) are sentence rows of the layout, `features` (n, len(FEATURES)).
    """

    rows: Rows
    features: Scores

    @cached_property
    def scores(self) -> Scores:
        """The fused score of each sentence, of shape (n,); higher is better."""
        fused: Scores = self.features @ weights()
        return fused

    @cached_property
    def order(self) -> Rows:
        """The places of the candidates, best first."""
        return np.argsort(-self.scores, kind="stable")

    def texts(self, layout: Layout, most: int | None = None) -> list[str]:
        """Return the `most` best candidate sentences, or all of them, best first."""
        return [layout.sentences[row] for row in self.rows[self.order[:most]].tolist()]

    def column(self, name: str) -> Scores:
        """Return one feature of all candidates."""
        column: Scores = self.features[:, FEATURES.index(name)]
        return column

    def best(self, name: str) -> float:
        """Return the highest value of one feature, 0 where there is no candidate."""
        return float(self.column(name).max(initial=0.0))


def presentable(label: str) -> bool:
    """Whether a curated question may be offered to readers: it opens with a capital and ends with a question mark."""
    return label[:1].isupper() and label.endswith("?")


def blend(evidences: Sequence[tuple[float, Evidence]]) -> Evidence:
    """Return one Evidence whose features are the weighted sum of several, over all their candidates."""
    rows = _each_once(np.concatenate([evidence.rows for _, evidence in evidences]))
    features = np.zeros((len(rows), len(FEATURES)), dtype=np.float32)
    for weight, evidence in evidences:
        features[np.searchsorted(rows, evidence.rows)] += weight * evidence.features
    return Evidence(rows, features)


def in_context(question: str, alone: Evidence, joined: Evidence) -> tuple[Evidence, float]:
    """Return the evidence for `question` in its conversation, and how much it leans on that (0..1).

    `alone` is the evidence for the question itself, `joined` for the question after what was asked before.
    """
    leans = leaning(question, alone.best("sentence"), joined.best("sentence"))
    return blend([(1 - leans, alone), (leans, joined)]), leans


class Retriever:
    """Finds the sentences of a bundle that answer a question."""

    def __init__(
        self,
        contents: Contents,
        dense: DenseIndex,
        lexical: LexicalIndex,
        encoder: Encoder,
        traits: Flags | None = None,
        words: Sequence[str] | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`traits` and `words` are what index time has read off the sentences; without them it is read now. Without
        `elsewhere`, no question is near to other topics."""
        self.documents = contents.documents
        self.passages = contents.passages
        self.lexical = lexical
        self.encoder = encoder
        self._dense = dense
        self._elsewhere = elsewhere
        self.layout: Layout = contents.layout
        owner = self.layout.sentence_passage
        self._section = self.layout.passage_section[owner]
        opening = np.concatenate([[True], self._section[1:] != self._section[:-1]]) if len(owner) else np.zeros(0, bool)
        if traits is None:
            traits = SentenceTraits.read(self.layout.sentences)
        self._traits = SentenceTraits(self.layout.sentences, opening, traits)
        self._language = next(iter(self.documents.values())).language if self.documents else "en"
        self._labels = Grouped(self.layout.label_section)
        self._passages_of = Grouped(self.layout.passage_section)
        self._spelling = Spelling(vocabulary(self.layout.headed) if words is None else words, encoder.is_word)
        self._nearness = Nearness(dense, self.layout)
        whole = len(dense) <= CANDIDATE_ROWS
        self._everything = Candidates.of(np.arange(len(owner)), self.layout, self._labels) if whole else None

    @classmethod
    def open(cls, build: Build, encoder: Encoder) -> Retriever:
        """Open the searches of `build`. Raises IndexDamaged."""
        try:
            traits = np.load(build.folder / TRAITS)
            words = (build.folder / WORDS).read_text("utf-8").split()
        except (OSError, ValueError, EOFError) as error:
            raise IndexDamaged(f"{build.folder}: cannot be opened: {error}; {REPAIR}") from error
        return cls(
            Contents.open(build),
            DenseIndex.open(build.folder / DENSE),
            LexicalIndex.open(build.folder / LEXICAL),
            encoder,
            traits,
            words,
            Elsewhere.open(build.folder / ENCODER),
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of `texts` in the space of the bundle."""
        return self.encoder.encode(texts)

    def elsewhere(self, vector: Vectors) -> float:
        """Return how near a question with this vector is to those that people ask of anything but a guide, a cosine."""
        return self._elsewhere.nearness(vector) if self._elsewhere is not None else 0.0

    def mended(self, text: str) -> str:
        """Return `text` with slips of the finger mended to words of the guides."""
        return self._spelling.mended(text)

    def question_terms(self, text: str) -> list[str]:
        """Return the stems of the words of `text` that carry a topic, each once."""
        return list(dict.fromkeys(terms(" ".join(content_words(text)), self._language)))

    def uses(self, text: str) -> bool:
        """Whether the guides use every word of `text` that carries a topic."""
        return all(self.lexical.knows(stem) for stem in self.question_terms(text))

    def evidence(self, text: str, vector: Vectors) -> Evidence:
        """Return the candidate sentences for the question `text`, whose vector of shape (dimension,) is `vector`."""
        stems = self.question_terms(text)
        bm25 = self.lexical.scores(stems)
        near = self._dense.cosines(vector)
        candidates = self._everything or self._candidates(near, bm25)
        rows = candidates.rows
        idf = np.array([self.lexical.idf(stem) for stem in stems], dtype=np.float32)
        total = float(idf.sum()) or 1.0
        held, *beside = np.split(self.lexical.holding(stems, candidates.around.reshape(-1)), 3)
        window = held.copy()
        for others, same in zip(beside, candidates.same, strict=True):
            window |= others & same[:, None]
        columns = {
            **self._nearness.features(near, candidates),
            "bm25": bm25[rows] / (total * 2.2),
            "coverage": held @ idf / total,
            "window_coverage": window @ idf / total,
            **trait_features(Wanted.of(text), self._traits, rows),
        }
        features = np.empty((len(rows), len(FEATURES)), dtype=np.float32)
        for number, name in enumerate(FEATURES):
            features[:, number] = columns[name]
        return Evidence(rows, features)

    def hits(self, evidence: Evidence, k: int) -> Sequence[Hit]:
        """Return the sentences of the best `k` passages, best first; each is looked up as it is asked for.

        Of equal ones that comes first whose passage has the better sentence.
        """
        owner, scores = self.layout.sentence_passage, evidence.scores[evidence.order]
        rows = evidence.rows[evidence.order]
        ranks: dict[int, int] = {}
        rank = np.array([ranks.setdefault(number, len(ranks)) for number in owner[rows].tolist()], dtype=np.int64)
        kept = np.flatnonzero(rank < k)
        kept = kept[np.lexsort((rank[kept], -scores[kept]))]

        @cache
        def hit(place: int) -> Hit:
            row = int(rows[kept[place]])
            number = int(owner[row])
            span = self.passages[number].sentences[row - int(owner.searchsorted(number))]
            return Hit(self.passages[number], span.start, span.end, float(scores[kept[place]]))

        return OnDemand(len(kept), hit)

    def nearest_labels(self, evidence: Evidence, k: int) -> tuple[str, ...]:
        """Return of each of the `k` sections with the best sentences a curated question or, failing that, the heading.

        The question is the one nearest to the best sentence, of those written as a question is.
        """
        found: dict[int, str] = {}
        for position in evidence.order:
            section = int(self._section[evidence.rows[position]])
            if section not in found:
                labels = [int(row) for row in self._labels.of(section) if presentable(self.layout.labels[row])]
                labels = labels or [section]
                sentence = self._dense.vectors(evidence.rows[position : position + 1])[0]
                vectors = self._dense.vectors(self.layout.label_start + np.array(labels, dtype=np.int64))
                found[section] = self.layout.labels[labels[int(np.argmax(vectors @ sentence))]]
            if len(found) == k:
                break
        return tuple(dict.fromkeys(found.values()))

    def _candidates(self, near: Cosines, bm25: Scores) -> Candidates:
        """Return the sentences of every passage that either search brings up, in order."""
        rows, owner = near.best(CANDIDATE_ROWS), self.layout.sentence_passage
        in_sentences = rows[rows < self.layout.passage_start] % len(owner)  # alone, or under its heading
        in_passages = rows[(rows >= self.layout.passage_start) & (rows < self.layout.label_start)]
        labels = rows[rows >= self.layout.label_start] - self.layout.label_start
        passages = np.concatenate(
            [
                owner[in_sentences],
                in_passages - self.layout.passage_start,
                self._passages_of.of_all(self.layout.label_section[labels]),
                owner[self.lexical.best(bm25, CANDIDATE_TERMS)],
            ]
        )
        chosen = _each_once(passages)
        found = ranges(np.searchsorted(owner, chosen), np.searchsorted(owner, chosen, side="right"))
        return Candidates.of(found, self.layout, self._labels)


def _each_once(rows: Rows) -> Rows:
    """Return `rows` in order, each once: np.unique, which loads all of numpy.ma for it at a first question."""
    ordered = np.sort(rows)
    found: Rows = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    return found
