"""Question -> Hits: vectors and terms of the whole bundle, fused sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellcited.bundle import DENSE, LEXICAL, REPAIR, TRAITS, WORDS, Build
from wellcited.conversation import leaning
from wellcited.datatypes import Document, Hit, Passage, SentenceHit
from wellcited.encoding import Encoder, Vectors
from wellcited.errors import IndexDamaged
from wellcited.layout import Layout, layout
from wellcited.ranking import FEATURES, SentenceTraits, Wanted, content_words, trait_features, weights
from wellcited.search.dense import DenseIndex
from wellcited.search.lexical import LexicalIndex, terms
from wellcited.search.spelling import Spelling, vocabulary

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]

CANDIDATE_ROWS = 600
"""Rows taken from the vector search; a guide of up to 100 passages or so is looked at whole."""
CANDIDATE_TERMS = 60
"""Passages taken from the term search beside them."""
LABEL_NEAR = 0.5


@dataclass(frozen=True)
class Evidence:
    """The candidate sentences of one question and the features of each.

    `rows` (n,) are sentence rows of the layout, `features` (n, len(FEATURES)).
    """

    rows: Rows
    features: Scores

    @property
    def scores(self) -> Scores:
        """The fused score of each sentence, of shape (n,); higher is better."""
        fused: Scores = self.features @ weights()
        return fused

    def texts(self, layout: Layout) -> list[str]:
        """Return the candidate sentences, best first."""
        return [layout.sentences[row] for row in self.rows[np.argsort(-self.scores, kind="stable")]]

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
    rows = np.unique(np.concatenate([evidence.rows for _, evidence in evidences]))
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
        documents: Sequence[Document],
        passages: Sequence[Passage],
        dense: DenseIndex,
        lexical: LexicalIndex,
        encoder: Encoder,
        traits: Flags | None = None,
        words: Sequence[str] | None = None,
    ) -> None:
        """`traits` and `words` are what index time has read off the sentences; without them it is read now."""
        self.documents = tuple(documents)
        self.passages = tuple(passages)
        self.lexical = lexical
        self.encoder = encoder
        self._dense = dense
        self.layout: Layout = layout(documents, passages)
        self._spans = [span for passage in passages for span in passage.sentences]
        owner = self.layout.sentence_passage
        self._section = self.layout.passage_section[owner]
        self._row_passage = np.concatenate([owner, owner, np.arange(len(self.passages))])
        opening = np.concatenate([[True], self._section[1:] != self._section[:-1]]) if len(owner) else np.zeros(0, bool)
        if traits is None:
            traits = SentenceTraits.read(self.layout.sentences)
        self._traits = SentenceTraits(self.layout.sentences, opening, traits)
        self._language = documents[0].language if documents else "en"
        by_section = np.argsort(self.layout.label_section, kind="stable")
        ends = np.searchsorted(self.layout.label_section[by_section], np.arange(1, self._sections))
        self._labels: list[Rows] = np.split(by_section, ends)
        self._spelling = Spelling(vocabulary(self.layout.headed) if words is None else words, encoder.is_word)
        self._label_vectors = dense.vectors(self.layout.label_start + np.arange(len(self.layout.labels)))

    @classmethod
    def open(cls, build: Build, encoder: Encoder) -> Retriever:
        """Open the searches of `build`. Raises IndexDamaged."""
        try:
            traits = np.load(build.folder / TRAITS)
            words = (build.folder / WORDS).read_text("utf-8").split()
        except (OSError, ValueError, EOFError) as error:
            raise IndexDamaged(f"{build.folder}: cannot be opened: {error}; {REPAIR}") from error
        return cls(
            build.documents(),
            build.passages(),
            DenseIndex.open(build.folder / DENSE),
            LexicalIndex.open(build.folder / LEXICAL),
            encoder,
            traits,
            words,
        )

    @property
    def _sections(self) -> int:
        return int(self.layout.passage_section.max()) + 1 if len(self.layout.passage_section) else 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of `texts` in the space of the bundle."""
        return self.encoder.encode(texts)

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
        rows = self._candidates(vector, bm25)
        sentences = self._dense.vectors(rows)
        owner = self.layout.sentence_passage[rows]
        section = self._section[rows]
        cosines = {
            "sentence": sentences @ vector,
            "headed": self._dense.vectors(self.layout.headed_start + rows) @ vector,
            "window": self._window(rows, sentences) @ vector,
            "passage": self._dense.vectors(self.layout.passage_start + owner) @ vector,
        }
        idf = np.array([self.lexical.idf(stem) for stem in stems], dtype=np.float32)
        total = float(idf.sum()) or 1.0
        held = self.lexical.holding(stems)
        near = held[rows]
        for others, same in self._neighbours(rows):
            near = near | (held[others] & same[:, None])
        columns = {
            **cosines,
            **self._label_features(vector, section, sentences),
            "bm25": bm25[rows] / (total * 2.2),
            "coverage": held[rows] @ idf / total,
            "window_coverage": near @ idf / total,
            **trait_features(Wanted.of(text), self._traits, rows),
        }
        return Evidence(rows, np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32))

    def hits(self, rows: Rows, scores: Scores, k: int) -> list[Hit]:
        """Return the best `k` passages of the scored sentences, ranked by their best sentence."""
        grouped: dict[int, list[SentenceHit]] = {}
        order = np.argsort(-scores, kind="stable")
        owners = self.layout.sentence_passage[rows[order]].tolist()
        for position, owner in zip(order.tolist(), owners, strict=True):
            if owner not in grouped and len(grouped) == k:
                continue
            span = self._spans[rows[position]]
            hit = SentenceHit(start=span.start, end=span.end, score=float(scores[position]))
            grouped.setdefault(owner, []).append(hit)
        return [
            Hit(passage=self.passages[number], score=found[0].score, rank=rank, sentences=tuple(found))
            for rank, (number, found) in enumerate(grouped.items(), start=1)
        ]

    def nearest_labels(self, evidence: Evidence, k: int) -> tuple[str, ...]:
        """Return of each of the `k` sections with the best sentences a curated question or, failing that, the heading.

        The question is the one nearest to the best sentence, of those written as a question is.
        """
        found: dict[int, str] = {}
        for position in np.argsort(-evidence.scores, kind="stable"):
            section = int(self._section[evidence.rows[position]])
            if section not in found:
                labels = [int(row) for row in self._labels[section] if presentable(self.layout.labels[row])]
                labels = labels or [section]
                sentence = self._dense.vectors(evidence.rows[position : position + 1])[0]
                found[section] = self.layout.labels[labels[int(np.argmax(self._label_vectors[labels] @ sentence))]]
            if len(found) == k:
                break
        return tuple(dict.fromkeys(found.values()))

    def _candidates(self, vector: Vectors, bm25: Scores) -> Rows:
        """Return the sentence rows of every passage that either search brings up, in order."""
        _, found = self._dense.search(vector[None, :], CANDIDATE_ROWS)
        inside = found[0][found[0] < self.layout.label_start]
        named = self.layout.label_section[found[0][found[0] >= self.layout.label_start] - self.layout.label_start]
        best = np.argsort(-bm25, kind="stable")[:CANDIDATE_TERMS]
        passages = np.concatenate(
            [
                self._row_passage[inside],
                np.flatnonzero(np.isin(self.layout.passage_section, named)),
                self.layout.sentence_passage[best[bm25[best] > 0]],
            ]
        )
        chosen = np.zeros(len(self.passages), dtype=bool)
        chosen[passages] = True
        return np.flatnonzero(chosen[self.layout.sentence_passage])

    def _neighbours(self, rows: Rows) -> Iterator[tuple[Rows, Flags]]:
        """Yield the sentences before and after each, and whether they stand in the same section."""
        last = len(self._section) - 1
        for step in (-1, 1):
            others = np.clip(rows + step, 0, last)
            yield others, (self._section[others] == self._section[rows]) & (others != rows)

    def _window(self, rows: Rows, sentences: Vectors) -> Vectors:
        """Return the unit vectors of each sentence together with its neighbours in the section."""
        window = 2 * sentences
        for others, same in self._neighbours(rows):
            window = window + self._dense.vectors(others) * same[:, None]
        norms: Vectors = window / np.maximum(np.linalg.norm(window, axis=1, keepdims=True), 1e-9)
        return norms

    def _label_features(self, vector: Vectors, section: Rows, sentences: Vectors) -> dict[str, Scores]:
        """Return what headings and curated questions tell; the first labels are the headings, in section order."""
        cosines = self._label_vectors @ vector
        nearest = np.arange(self._sections)
        curated = np.full(self._sections, -1)
        for number in set(section.tolist()):
            labels = self._labels[number]
            nearest[number] = labels[int(np.argmax(cosines[labels]))]
            if len(labels) > 1:
                curated[number] = labels[1 + int(np.argmax(cosines[labels[1:]]))]
        question = curated[section]
        near = np.where(question >= 0, np.maximum(0.0, cosines[question] - LABEL_NEAR), 0.0)
        return {
            "heading": cosines[section],
            "label": cosines[nearest[section]],
            "curated": near,
            "curated_sentence": near * np.einsum("ij,ij->i", self._label_vectors[question], sentences),
        }
