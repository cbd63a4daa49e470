"""The features that are cosines agree with counting by hand, whether all vectors are compared or a few."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from wellcited.layout import Grouped, Layout
from wellcited.nearness import LABEL_NEAR, Candidates, Nearness, ReadOnce
from wellcited.search import dense
from wellcited.search.dense import DenseIndex

PASSAGES = np.array([0, 0, 1, 1, 1, 2, 3, 3])
"""Of each of eight sentences."""
SECTIONS = np.array([0, 0, 1, 2])
"""Of each of four passages."""
LABELS = np.array([0, 1, 2, 0, 0, 2])
"""Of the headings of three sections, and of three curated questions: none is of the second section."""
LAYOUT = Layout(
    sentences=tuple(map(str, PASSAGES)),
    headed=tuple(map(str, PASSAGES)),
    passages=tuple(map(str, SECTIONS)),
    labels=tuple(map(str, LABELS)),
    sentence_passage=PASSAGES,
    passage_section=SECTIONS,
    label_section=LABELS,
)


@pytest.fixture(params=["all compared", "a few compared"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> DenseIndex:
    """Vectors that are near to each other, so that some curated questions are near and others are not."""
    vectors = np.random.default_rng(3).normal(size=(26, 16)) + 1
    if request.param == "a few compared":
        monkeypatch.setattr(dense, "EXACT_UP_TO", 10)
    return DenseIndex.build((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))


@pytest.mark.parametrize("rows", [list(range(8)), [2, 3, 4], [5], [0, 7], []])
def test_features_are_those_counted_by_hand(index: DenseIndex, rows: list[int]) -> None:
    question = index.vectors(np.array([3]))[0]
    candidates = Candidates.of(np.array(rows, dtype=np.int64), LAYOUT, Grouped(LABELS))
    found = Nearness(index, LAYOUT).features(index.cosines(question), candidates)

    def vector(row: int) -> NDArray[np.float32]:
        return index.vectors(np.array([row]))[0]

    for place, row in enumerate(rows):
        section = SECTIONS[PASSAGES[row]]
        beside = [near for near in (row - 1, row + 1) if 0 <= near < 8 and SECTIONS[PASSAGES[near]] == section]
        window = 2 * vector(row) + sum(vector(near) for near in beside)
        heading, *curated = [vector(LAYOUT.label_start + label) for label in np.flatnonzero(section == LABELS)]
        nearest = max(curated, key=lambda one: one @ question, default=np.zeros(16))
        near = max(0.0, float(nearest @ question) - LABEL_NEAR)
        assert {name: float(values[place]) for name, values in found.items()} == pytest.approx(
            {
                "sentence": vector(row) @ question,
                "headed": vector(LAYOUT.headed_start + row) @ question,
                "window": window @ question / np.linalg.norm(window),
                "passage": vector(LAYOUT.passage_start + PASSAGES[row]) @ question,
                "heading": heading @ question,
                "label": max(one @ question for one in (heading, *curated)),
                "curated": near,
                "curated_sentence": near * (nearest @ vector(row)),
            },
            abs=1e-5,
        )
    assert all(values.shape == (len(rows),) for values in found.values())


def test_some_curated_questions_of_this_test_are_near_and_others_are_not(index: DenseIndex) -> None:
    question = index.vectors(np.array([3]))[0]
    everything = Candidates.of(np.arange(8), LAYOUT, Grouped(LABELS))
    curated = Nearness(index, LAYOUT).features(index.cosines(question), everything)["curated"]
    assert 0 < np.count_nonzero(curated) < 8


def test_a_number_is_worked_out_once() -> None:
    numbers, asked = ReadOnce(5), []

    def of(*rows: int) -> list[float]:
        def work_out(places: NDArray[np.int64]) -> NDArray[np.float32]:
            asked.append([rows[place] for place in places])
            return np.array([10 * rows[place] for place in places], dtype=np.float32)

        return numbers.of(np.array(rows), work_out).tolist()

    assert of(3, 1) == [30, 10]
    assert of(1, 4, 3) == [10, 40, 30]
    assert of(4, 1) == [40, 10]
    assert asked == [[3, 1], [4]]
