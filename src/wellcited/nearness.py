"""How near a question stands to the texts of a bundle: the features of sentences that are cosines.

The window of a sentence is itself, twice, with its neighbours of the same section. Its cosine is the sum of theirs by
the length of that sum of vectors, which no question changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellcited.layout import Grouped, Layout
from wellcited.search.dense import Cosines, DenseIndex
from wellcited.search.stored import Vectors

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]
Flags = NDArray[np.bool_]

LABEL_NEAR = 0.5


@dataclass(frozen=True)
class Candidates:
    """Sentences that may answer, and what of the layout concerns them, whatever is asked.

    `rows` (n,) are sentence rows of the layout, `passage` (n,) those of their passages. `around` (3, n) are the rows of
    each sentence, the one before and the one after, and `same` (2, n) tells which of these two stand in its section.
    `labels` are label rows, section by section, each section's heading first; `firsts` (sections,) are the places of
    these headings, and `section` (n,) is the place of each sentence's section among them.
    """

    rows: Rows
    passage: Rows
    around: Rows
    same: Flags
    labels: Rows
    firsts: Rows
    section: Rows

    @classmethod
    def of(cls, rows: Rows, layout: Layout, labels: Grouped) -> Candidates:
        """Look up the sentences `rows`; `labels` are those of each section."""
        passage = layout.sentence_passage[rows]
        own = layout.passage_section[passage]
        beside = np.clip(np.stack([rows - 1, rows + 1]), 0, len(layout.sentence_passage) - 1)
        same = (layout.passage_section[layout.sentence_passage[beside]] == own) & (beside != rows)
        sections, section = np.unique(own, return_inverse=True)
        firsts = np.concatenate([np.zeros(1, np.int64), np.cumsum(labels.sizes(sections))[:-1]])[: len(sections)]
        return cls(rows, passage, np.vstack([rows, beside]), same, labels.of_all(sections), firsts, section)


class Nearness:
    """Reads the features that are cosines off the vectors of a bundle."""

    def __init__(self, dense: DenseIndex, layout: Layout) -> None:
        self._dense = dense
        self._layout = layout
        self._lengths = ReadOnce(len(layout.sentence_passage))

    def features(self, near: Cosines, candidates: Candidates) -> Mapping[str, Scores]:
        """Return eight features of the candidates, by name, each of shape (n,); `near` are the question's cosines."""
        layout, rows = self._layout, candidates.rows
        sentence, *beside = near.of(candidates.around.reshape(-1)).reshape(3, -1)
        before, after = np.stack(beside) * candidates.same
        lengths = self._lengths.of(rows, lambda missing: self._windows(candidates, missing))
        return {
            "sentence": sentence,
            "headed": near.of(layout.headed_start + rows),
            "window": (2 * sentence + before + after) / lengths,
            "passage": near.of(layout.passage_start + candidates.passage),
            **self._labels(near.of(layout.label_start + candidates.labels), candidates),
        }

    def _windows(self, candidates: Candidates, places: Rows) -> Scores:
        """Return the length of the sum of vectors that the window of each candidate at `places` is."""
        around = self._dense.vectors(candidates.around[:, places].reshape(-1)).reshape(3, len(places), -1)
        before, after = around[1:] * candidates.same[:, places, None]
        lengths: Scores = np.linalg.norm(2 * around[0] + before + after, axis=1)
        return np.maximum(lengths, np.float32(1e-9))

    def _labels(self, cosines: Scores, candidates: Candidates) -> dict[str, Scores]:
        """Return what headings and curated questions tell; `cosines` are those of the candidates' labels."""
        firsts, section = candidates.firsts, candidates.section
        if not len(firsts):
            return dict.fromkeys(("heading", "label", "curated", "curated_sentence"), np.zeros(0, dtype=np.float32))
        questions = cosines.copy()
        questions[firsts] = -np.inf
        best = np.maximum.reduceat(questions, firsts)
        curated = np.maximum(np.float32(0), best - np.float32(LABEL_NEAR))[section]
        return {
            "heading": cosines[firsts][section],
            "label": np.maximum.reduceat(cosines, firsts)[section],
            "curated": curated,
            "curated_sentence": curated * self._to_curated(questions, best, curated, candidates),
        }

    def _to_curated(self, questions: Scores, best: Scores, curated: Scores, candidates: Candidates) -> Scores:
        """Return the cosine of each sentence with the nearest curated question of its section, where that is near."""
        found = np.zeros(len(candidates.rows), dtype=np.float32)
        places = np.flatnonzero(curated)
        if len(places):
            sections, own = np.unique(candidates.section[places], return_inverse=True)
            ends = np.append(candidates.firsts[1:], len(questions))
            spans = [questions[candidates.firsts[number] : ends[number]] for number in sections.tolist()]
            nearest = candidates.firsts[sections] + [int(span.argmax()) for span in spans]
            vectors = self._label_vectors(candidates.labels[nearest])[own]
            found[places] = np.einsum("ij,ij->i", vectors, self._dense.vectors(candidates.rows[places]))
        return found

    def _label_vectors(self, labels: Rows) -> Vectors:
        return self._dense.vectors(self._layout.label_start + labels)


class ReadOnce:
    """A number for each row, worked out when a row is first asked for."""

    def __init__(self, rows: int) -> None:
        self._numbers = np.full(rows, np.nan, dtype=np.float32)

    def of(self, rows: Rows, work_out: Callable[[Rows], Scores]) -> Scores:
        """Return the numbers of `rows`; `work_out` returns those at some places of `rows`."""
        found: Scores = self._numbers[rows]
        places = np.flatnonzero(np.isnan(found))
        if len(places):
            found[places] = work_out(places)
            self._numbers[rows] = found
        return found
