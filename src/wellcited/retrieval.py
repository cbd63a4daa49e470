"""Question -> Hits: vectors and terms of the whole bundle, fused sentence by sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellcited.bundle import DENSE, LEXICAL, REPAIR, TRAITS, WORDS, Build
from wellcited.contents import Contents
from wellcited.conversation import leaning
from wellcited.datatypes import Hit, SentenceHit
from wellcited.encoding import Encoder, Vectors
from wellcited.errors import IndexDamaged
from wellcited.layout import Grouped, Layout, ranges
from wellcited.ranking import FEATURES, SentenceTraits, Wanted, content_words, trait_features, weights
from wellcited.search.dense import DenseIndex, is_large
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
    ) -> None:
        """`traits` and `words` are what index time has read off the sentences; without them it is read now."""
        self.documents = contents.documents
        self.passages = contents.passages
        self.lexical = lexical
        self.encoder = encoder
        self._dense = dense
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
        all_labels = np.arange(len(self.layout.labels))
        self._all_labels = None if is_large(len(dense)) else (all_labels, self._label_vectors(all_labels))

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
        )

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
        neighbours = list(self._neighbours(rows))
        around = np.concatenate([rows, *(others for others, _ in neighbours)])
        sentences, *beside = np.split(self._dense.vectors(around), len(neighbours) + 1)
        owner = self.layout.sentence_passage[rows]
        section = self._section[rows]
        cosines = {
            "sentence": sentences @ vector,
            "headed": self._dense.vectors(self.layout.headed_start + rows) @ vector,
            "window": _window(sentences, beside, [same for _, same in neighbours]) @ vector,
            "passage": self._dense.vectors(self.layout.passage_start + owner) @ vector,
        }
        idf = np.array([self.lexical.idf(stem) for stem in stems], dtype=np.float32)
        total = float(idf.sum()) or 1.0
        held = self.lexical.holding(stems, rows)
        near = held
        for others, same in neighbours:
            near = near | (self.lexical.holding(stems, others) & same[:, None])
        columns = {
            **cosines,
            **self._label_features(vector, section, sentences),
            "bm25": bm25[rows] / (total * 2.2),
            "coverage": held @ idf / total,
            "window_coverage": near @ idf / total,
            **trait_features(Wanted.of(text), self._traits, rows),
        }
        return Evidence(rows, np.stack([columns[name] for name in FEATURES], axis=1).astype(np.float32))

    def hits(self, rows: Rows, scores: Scores, k: int) -> list[Hit]:
        """Return the best `k` passages of the scored sentences, ranked by their best sentence."""
        owner = self.layout.sentence_passage
        passages = owner[rows]
        places = rows - np.searchsorted(owner, passages)
        grouped: dict[int, list[SentenceHit]] = {}
        for position in np.argsort(-scores, kind="stable").tolist():
            number = int(passages[position])
            if number not in grouped and len(grouped) == k:
                continue
            span = self.passages[number].sentences[places[position]]
            hit = SentenceHit(start=span.start, end=span.end, score=float(scores[position]))
            grouped.setdefault(number, []).append(hit)
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
                labels = [int(row) for row in self._labels.of(section) if presentable(self.layout.labels[row])]
                labels = labels or [section]
                sentence = self._dense.vectors(evidence.rows[position : position + 1])[0]
                vectors = self._label_vectors(np.array(labels, dtype=np.int64))
                found[section] = self.layout.labels[labels[int(np.argmax(vectors @ sentence))]]
            if len(found) == k:
                break
        return tuple(dict.fromkeys(found.values()))

    def _candidates(self, vector: Vectors, bm25: Scores) -> Rows:
        """Return the sentence rows of every passage that either search brings up, in order."""
        _, found = self._dense.search(vector[None, :], CANDIDATE_ROWS)
        rows, owner = found[0], self.layout.sentence_passage
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
        return ranges(np.searchsorted(owner, chosen), np.searchsorted(owner, chosen, side="right"))

    def _neighbours(self, rows: Rows) -> Iterator[tuple[Rows, Flags]]:
        """Yield the sentences before and after each, and whether they stand in the same section."""
        last = len(self._section) - 1
        for step in (-1, 1):
            others = np.clip(rows + step, 0, last)
            yield others, (self._section[others] == self._section[rows]) & (others != rows)

    def _label_vectors(self, labels: Rows) -> Vectors:
        return self._dense.vectors(self.layout.label_start + labels)

    def _label_features(self, vector: Vectors, section: Rows, sentences: Vectors) -> dict[str, Scores]:
        """Return what headings and curated questions tell; the first labels are the headings, in section order."""
        sections, own = np.unique(section, return_inverse=True)
        if self._all_labels is not None:
            labels, vectors = self._all_labels
        else:
            labels = np.sort(self._labels.of_all(sections))
            vectors = self._label_vectors(labels)
        cosines = vectors @ vector
        heading = np.searchsorted(labels, sections)
        nearest = heading.copy()
        curated = np.full(len(sections), -1)
        for number in np.flatnonzero(self._labels.sizes(sections) > 1).tolist():
            places = np.searchsorted(labels, self._labels.of(int(sections[number])))
            nearest[number] = places[int(np.argmax(cosines[places]))]
            curated[number] = places[1 + int(np.argmax(cosines[places[1:]]))]
        question = curated[own]
        near = np.where(question >= 0, np.maximum(0.0, cosines[question] - LABEL_NEAR), 0.0)
        return {
            "heading": cosines[heading[own]],
            "label": cosines[nearest[own]],
            "curated": near,
            "curated_sentence": near * np.einsum("ij,ij->i", vectors[question], sentences),
        }


def _each_once(rows: Rows) -> Rows:
    """Return `rows` in order, each once: np.unique, which loads all of numpy.ma for it at a first question."""
    ordered = np.sort(rows)
    found: Rows = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
    return found


def _window(sentences: Vectors, beside: Sequence[Vectors], same: Sequence[Flags]) -> Vectors:
    """Return the unit vectors of each sentence together with its neighbours, where they are of the same section."""
    window = 2 * sentences
    for vectors, of_section in zip(beside, same, strict=True):
        window = window + vectors * of_section[:, None]
    norms: Vectors = window / np.maximum(np.linalg.norm(window, axis=1, keepdims=True), 1e-9)
    return norms
