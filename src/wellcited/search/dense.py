"""Vectors in FAISS: inner product over unit vectors, which is the cosine; exact while few, approximate when many.

Up to EXACT_UP_TO vectors every one is compared. Beyond, they stand in lists by nearness, in 8 bits each number (IVF,
scalar quantiser); a search looks through the nearest lists and compares what it finds there with the stored vectors
themselves (16 bits, vectors.npy). The lists are mapped into memory, so that processes share them; of the vectors only
the rows asked for are read. How many lists are looked through is found at build time: as many as it takes to find GOAL
of the true ten nearest.
"""

from __future__ import annotations

import errno
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from wellcited.datatypes import VectorSearch
from wellcited.errors import IndexDamaged
from wellcited.search.stored import STORED, Rows, Stored, StoredFile, Vectors, blocks, nearest

EXACT_UP_TO = 50_000
"""Comparing so many vectors takes some 15 ms, 77 MB, and no time to open (benchmarks/size.py)."""
GOAL = 0.985
"""The share of the true ten nearest to find, of sample questions; 0.98 is promised for others."""
SAMPLE = 400
NEAREST = 10
FOUND = 600
"""So many rows at least are compared with the stored vectors: 8 bits alone mistake the order of the nearest."""
TRAINED_ON = 64
"""Vectors for each list that the lists are made from."""
_SEED = 5


def is_large(rows: int) -> bool:
    """Whether so many vectors are too many to compare every one of them."""
    return rows > EXACT_UP_TO


class Cosines(Protocol):
    """The cosines of one question with the rows of an index."""

    def of(self, rows: Rows) -> Vectors:
        """Return those of `rows`, of shape (len(rows),)."""

    def best(self, k: int) -> Rows:
        """Return the `k` nearest rows, in any order, all where there are no more."""


class DenseIndex:
    """Unit vectors by row number, every one of them compared."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @cached_property
    def _all(self) -> Vectors:
        """The vectors, of shape (rows, dimension): the memory of FAISS, not a copy."""
        flat: Any = self._index
        found: Vectors = faiss.rev_swig_ptr(flat.get_xb(), len(self) * self.dimension)
        return found.reshape(len(self), self.dimension)

    @classmethod
    def build(cls, vectors: NDArray[Any]) -> DenseIndex:
        """Index `vectors`, unit length, of shape (rows, dimension): approximately beyond EXACT_UP_TO of them.

        More than that are rounded to 16 bits, so float16 is taken as well. Where GOAL cannot be reached it is exact.
        """
        approximate = _Approximate.tuned(vectors) if is_large(len(vectors)) else None
        if approximate is not None:
            return approximate
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return DenseIndex(index)

    @classmethod
    def open(cls, path: Path) -> DenseIndex:
        """Open the file that `save` wrote. Raises IndexDamaged."""
        try:
            if (path.parent / STORED).exists():
                return _Approximate.mapped(path)
            return DenseIndex(faiss.read_index(str(path)))
        except Exception as error:  # faiss raises RuntimeError and bare Exceptions
            raise IndexDamaged(f"{path}: cannot be opened: {error}; run: wellcited index") from error

    def save(self, path: Path) -> None:
        """Write the index to the file `path`. Raises OSError, as on a full disk."""
        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(errno.EIO, "the vectors cannot be written, is the disk full?", str(path)) from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    @property
    def how(self) -> VectorSearch:
        """How it searches, and how well."""
        return VectorSearch()

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """Return cosines and rows, both of shape (len(queries), min(k, rows)), best first."""
        scores, rows = self._index.search(queries, min(k, len(self)))
        return scores, rows

    def cosines(self, query: Vectors) -> Cosines:
        """Return the cosines of `query`, of shape (dimension,), with every row."""
        return _Compared(self._all @ query)

    def vectors(self, rows: Rows) -> Vectors:
        """Return the stored vectors of `rows`, of shape (len(rows), dimension)."""
        found: Vectors = self._all[rows]
        return found


class _Compared:
    def __init__(self, cosines: Vectors) -> None:
        self._cosines = cosines

    def of(self, rows: Rows) -> Vectors:
        return self._cosines[rows]

    def best(self, k: int) -> Rows:
        if k >= len(self._cosines):
            return np.arange(len(self._cosines))
        return np.argpartition(-self._cosines, k - 1)[:k]


class _Approximate(DenseIndex):
    """Unit vectors by row number, those of the nearest lists compared."""

    def __init__(self, index: Any, stored: Stored | StoredFile, recall: float = 0.0) -> None:
        """`index` is an IndexIVFScalarQuantizer, `stored` holds its vectors."""
        super().__init__(index)
        self._lists = index
        self._stored = stored
        self._recall = recall

    @classmethod
    def tuned(cls, vectors: NDArray[Any]) -> _Approximate | None:
        """Index `vectors`, and look through as many lists as GOAL takes; None where all of them do not reach it."""
        stored = np.ascontiguousarray(vectors, dtype=np.float16)
        rows, dimension = stored.shape
        lists = max(1, min(2 ** round(np.log2(2 * np.sqrt(rows))), rows // 8))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(dimension),
            dimension,
            lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.cp.seed, index.cp.niter, index.cp.spherical = _SEED, 10, True
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, TRAINED_ON
        chance = np.random.default_rng(_SEED)
        taken = chance.choice(rows, size=min(rows, lists * TRAINED_ON), replace=False)
        index.train(stored[np.sort(taken)].astype(np.float32))
        for block in blocks(stored):
            index.add(block)
        built = cls(index, stored)
        return built if built._tune(built._sample(chance), stored) else None

    @classmethod
    def mapped(cls, path: Path) -> _Approximate:
        """Map the file `path`, and open the vectors beside it. Raises ValueError where they do not belong together."""
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
        stored = StoredFile(path.parent / STORED)
        if stored.shape != (index.ntotal, index.d):
            raise ValueError(f"{STORED} does not hold its vectors")
        return cls(index, stored)

    def save(self, path: Path) -> None:
        """Write the index to the file `path`, and its vectors beside it. Raises OSError, as on a full disk."""
        super().save(path)
        if isinstance(self._stored, np.ndarray):
            np.save(path.parent / STORED, self._stored)

    @property
    def how(self) -> VectorSearch:
        """How it searches, and how well; the recall is known to whoever has built it."""
        return VectorSearch(
            kind="ivf-sq8",
            lists=self._lists.nlist,
            probes=self._lists.nprobe,
            recall=round(self._recall, 4),
            sample=min(SAMPLE, len(self)),
        )

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """Return cosines and rows, both of shape (len(queries), min(k, rows)), best first."""
        k = min(k, len(self))
        found = self._index.search(queries, min(max(k, FOUND), len(self)))[1]
        scores, rows = np.empty((len(queries), k), dtype=np.float32), np.empty((len(queries), k), dtype=np.int64)
        for number, query in enumerate(queries):
            near = found[number][found[number] >= 0]
            if len(near) < k:  # too little stands in the lists looked through
                near = self._thoroughly(query, k)
            near = np.sort(near)  # in the order of the disk
            cosines = self.vectors(near) @ query
            best = np.argsort(-cosines, kind="stable")[:k]
            scores[number], rows[number] = cosines[best], near[best]
        return scores, rows

    def cosines(self, query: Vectors) -> Cosines:
        """Return the cosines of `query`, of shape (dimension,), with the rows that will be asked for."""
        return _ComparedOnDemand(self, query)

    def vectors(self, rows: Rows) -> Vectors:
        """Return the stored vectors of `rows`, of shape (len(rows), dimension)."""
        return self._stored[rows].astype(np.float32)

    def _thoroughly(self, query: Vectors, k: int) -> Rows:
        everywhere = faiss.SearchParametersIVF(nprobe=self._lists.nlist)  # type: ignore[call-arg]
        found: Rows = self._lists.search(query[None, :], k, params=everywhere)[1][0]
        return found

    def _sample(self, chance: np.random.Generator) -> Vectors:
        """Return sample questions: half-way between two texts, and half of them chance.

        So they stand as far from every text as questions of readers do (0.5 to the nearest), and are no easier to
        answer: with the default model, of 1,000,000 vectors, 0.97 of theirs is found where it is 0.98 of real ones.
        """
        size = min(SAMPLE, len(self))
        pairs = [self.vectors(chance.integers(0, len(self), size)) for _ in range(2)]
        noise = _unit(chance.standard_normal((size, self.dimension), dtype=np.float32))
        return _unit(0.5 * _unit(pairs[0] + pairs[1]) + np.float32(np.sqrt(0.75)) * noise)

    def _tune(self, queries: Vectors, stored: Stored) -> bool:
        """Look through more and more lists until GOAL of the true nearest of `queries` is found; tell whether it is."""
        count = min(NEAREST, len(self))
        true = nearest(stored, queries, count)
        probes = min(8, self._lists.nlist)
        while True:
            self._lists.nprobe = probes
            _, found = self.search(queries, count)
            hits = sum(len(set(ours) & set(theirs)) for ours, theirs in zip(found.tolist(), true.tolist(), strict=True))
            self._recall = hits / true.size
            if self._recall >= GOAL or probes == self._lists.nlist:
                return self._recall >= GOAL
            probes = min(-(-probes * 5 // 4), self._lists.nlist)


class _ComparedOnDemand:
    def __init__(self, index: DenseIndex, query: Vectors) -> None:
        self._index = index
        self._query = query

    def of(self, rows: Rows) -> Vectors:
        return self._index.vectors(rows) @ self._query

    def best(self, k: int) -> Rows:
        found: Rows = self._index.search(self._query[None, :], k)[1][0]
        return found


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit
