"""The vector search is exact: it agrees with counting by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wellcited.errors import IndexDamaged
from wellcited.search.dense import DenseIndex
from wellcited.search.stored import Vectors


def unit(rows: int, dimension: int = 16, seed: int = 1) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    unit_vectors: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit_vectors


def test_search_agrees_with_comparing_every_vector() -> None:
    vectors, queries = unit(300), unit(20, seed=2)
    scores, rows = DenseIndex.build(vectors).search(queries, 25)
    cosines = queries @ vectors.T
    wanted = np.argsort(-cosines, axis=1)[:, :25]
    assert rows.tolist() == wanted.tolist()
    assert np.allclose(scores, np.take_along_axis(cosines, wanted, axis=1), atol=1e-6)


def test_a_vector_is_nearest_to_itself() -> None:
    vectors = unit(50)
    scores, rows = DenseIndex.build(vectors).search(vectors, 1)
    assert rows[:, 0].tolist() == list(range(50))
    assert np.allclose(scores, 1, atol=1e-6)


def test_cosines_of_one_question_are_those_of_the_stored_vectors() -> None:
    vectors, query = unit(300), unit(1, seed=2)[0]
    cosines = DenseIndex.build(vectors).cosines(query)
    assert np.allclose(cosines.of(np.array([7, 0, 7])), vectors[[7, 0, 7]] @ query, atol=1e-6)
    assert sorted(cosines.best(25).tolist()) == sorted(np.argsort(-(vectors @ query))[:25].tolist())
    assert sorted(cosines.best(1000).tolist()) == list(range(300))


def test_more_than_there_is_cannot_be_found() -> None:
    index = DenseIndex.build(unit(3))
    scores, rows = index.search(unit(2, seed=2), 10)
    assert scores.shape == rows.shape == (2, 3)
    assert sorted(rows[0].tolist()) == [0, 1, 2]


def test_stored_vectors_come_back_in_the_order_asked_for() -> None:
    vectors = unit(9)
    index = DenseIndex.build(vectors)
    assert (len(index), index.dimension) == (9, 16)
    assert np.array_equal(index.vectors(np.array([7, 0, 7])), vectors[[7, 0, 7]])
    assert index.vectors(np.array([], dtype=np.int64)).shape == (0, 16)


def test_what_was_saved_is_opened(tmp_path: Path) -> None:
    vectors = unit(9)
    DenseIndex.build(vectors).save(tmp_path / "dense.faiss")
    opened = DenseIndex.open(tmp_path / "dense.faiss")
    assert np.array_equal(opened.vectors(np.arange(9)), vectors)


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"IxFI" + bytes(8)])
def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "dense.faiss"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"dense\.faiss: cannot be opened: .*run: wellcited index"):
        DenseIndex.open(path)


def test_a_file_cut_short_is_named(tmp_path: Path) -> None:
    path = tmp_path / "dense.faiss"
    DenseIndex.build(unit(9)).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(IndexDamaged):
        DenseIndex.open(path)
