"""Many vectors are searched approximately: nearly as well as one by one, the same every time, never damaged ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from wellcited.errors import IndexDamaged
from wellcited.search import dense
from wellcited.search.dense import GOAL, DenseIndex
from wellcited.search.stored import STORED, Vectors

ROWS = 3000


def clustered(rows: int, seed: int = 1, dimension: int = 32) -> Vectors:
    """Unit vectors around a hundred centres, as texts on a hundred topics have them."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((100, dimension))
    vectors = centres[chance.integers(0, 100, rows)] + 0.7 * chance.standard_normal((rows, dimension))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "EXACT_UP_TO", 1000)


@pytest.fixture
def vectors(few_are_many: None) -> Vectors:
    return clustered(ROWS)


def recall(index: DenseIndex, vectors: Vectors, questions: Vectors, k: int = 10) -> float:
    _, rows = index.search(questions, k)
    true = np.argsort(-(questions @ vectors.T), axis=1)[:, :k]
    return sum(len(set(ours) & set(theirs)) for ours, theirs in zip(rows.tolist(), true.tolist(), strict=True)) / (
        k * len(questions)
    )


def test_the_number_of_vectors_decides_how_they_are_searched(few_are_many: None) -> None:
    assert DenseIndex.build(clustered(1000)).how.kind == "exact"
    assert DenseIndex.build(clustered(1001)).how.kind == "ivf-sq8"


def test_nearly_all_of_the_true_nearest_are_found_and_not_every_list_is_looked_through(vectors: Vectors) -> None:
    index = DenseIndex.build(vectors)
    assert index.how.recall >= GOAL
    assert 0 < index.how.probes < index.how.lists
    assert index.how.sample == dense.SAMPLE
    assert recall(index, vectors, clustered(300, seed=2)) >= 0.98


def test_the_effort_is_what_the_goal_takes(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    probes = []
    for goal in (0.5, 0.9, 0.999):
        monkeypatch.setattr(dense, "GOAL", goal)
        found = DenseIndex.build(vectors).how
        assert found.recall >= goal
        probes.append(found.probes)
    assert probes[0] <= probes[1] < probes[2]


def test_where_the_goal_cannot_be_reached_every_vector_is_compared(
    vectors: Vectors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dense, "GOAL", 1.01)
    index = DenseIndex.build(vectors)
    assert index.how.kind == "exact"
    index.save(tmp_path / "dense.faiss")
    assert recall(DenseIndex.open(tmp_path / "dense.faiss"), vectors, clustered(50, seed=2)) == 1


def test_cosines_are_those_of_the_stored_vectors_and_best_first(vectors: Vectors) -> None:
    questions = clustered(20, seed=2)
    scores, rows = DenseIndex.build(vectors).search(questions, 25)
    assert scores.shape == rows.shape == (20, 25)
    assert np.allclose(scores, np.einsum("id,ijd->ij", questions, vectors[rows]), atol=1e-3)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(found)) == 25 for found in rows.tolist())


def test_as_many_rows_come_back_as_are_asked_for(vectors: Vectors) -> None:
    _, rows = DenseIndex.build(vectors).search(clustered(2, seed=2), ROWS + 5)
    assert rows.shape == (2, ROWS)
    assert np.sort(rows[0]).tolist() == list(range(ROWS))


def test_stored_vectors_come_back_with_sixteen_bits_of_each_number(vectors: Vectors, tmp_path: Path) -> None:
    DenseIndex.build(vectors).save(tmp_path / "dense.faiss")
    opened = DenseIndex.open(tmp_path / "dense.faiss")
    assert (len(opened), opened.dimension) == vectors.shape
    asked = np.array([ROWS - 1, 0, 7, 7])
    assert np.array_equal(opened.vectors(asked), vectors[asked].astype(np.float16).astype(np.float32))
    assert np.array_equal(opened.vectors(np.arange(ROWS)), vectors.astype(np.float16).astype(np.float32))
    assert opened.vectors(np.array([], dtype=np.int64)).shape == (0, 32)


def test_a_file_that_is_shortened_while_it_is_open_is_told(vectors: Vectors, tmp_path: Path) -> None:
    DenseIndex.build(vectors).save(tmp_path / "dense.faiss")
    opened = DenseIndex.open(tmp_path / "dense.faiss")
    os.truncate(tmp_path / STORED, 5000)
    assert opened.vectors(np.arange(3)).shape == (3, 32)
    with pytest.raises(IndexDamaged, match=r"vectors\.npy: is shorter than it was"):
        opened.vectors(np.array([1, ROWS - 1]))


def test_what_was_saved_finds_the_same_and_its_lists_are_mapped(vectors: Vectors, tmp_path: Path) -> None:
    questions = clustered(50, seed=2)
    built = DenseIndex.build(vectors)
    built.save(tmp_path / "dense.faiss")
    opened = DenseIndex.open(tmp_path / "dense.faiss")
    for ours, theirs in zip(opened.search(questions, 10), built.search(questions, 10), strict=True):
        assert np.array_equal(ours, theirs)
    assert str(tmp_path / "dense.faiss") in Path("/proc/self/maps").read_text("utf-8")


def test_building_twice_gives_the_same_bytes_also_of_vectors_that_were_rounded_before(
    vectors: Vectors, tmp_path: Path
) -> None:
    for name, given in (("one", vectors), ("two", vectors), ("rounded", vectors.astype(np.float16))):
        (tmp_path / name).mkdir()
        DenseIndex.build(given).save(tmp_path / name / "dense.faiss")
    for file in ("dense.faiss", STORED):
        assert len({(tmp_path / name / file).read_bytes() for name in ("one", "two", "rounded")}) == 1


@pytest.mark.parametrize("name", ["dense.faiss", STORED])
@pytest.mark.parametrize("left", [0, 40, 0.5, -1])
def test_a_file_cut_short_is_refused(vectors: Vectors, tmp_path: Path, name: str, left: float) -> None:
    DenseIndex.build(vectors).save(tmp_path / "dense.faiss")
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(whole[: int(left if left in (0, 40, -1) else left * len(whole))])
    with pytest.raises(IndexDamaged, match=r"dense\.faiss: cannot be opened: .*run: wellcited index"):
        DenseIndex.open(tmp_path / "dense.faiss")


def test_vectors_of_another_index_are_refused(vectors: Vectors, tmp_path: Path) -> None:
    DenseIndex.build(vectors).save(tmp_path / "dense.faiss")
    np.save(tmp_path / STORED, np.zeros((ROWS - 1, 32), dtype=np.float16))
    with pytest.raises(IndexDamaged, match="does not hold its vectors"):
        DenseIndex.open(tmp_path / "dense.faiss")
