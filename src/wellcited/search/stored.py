"""The vectors themselves beside an approximate index: in 16 bits, in memory or in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellcited.errors import IndexDamaged

Vectors = NDArray[np.float32]
Stored = NDArray[np.float16]
Rows = NDArray[np.int64]

STORED = "vectors.npy"
BLOCK = 65_536
"""So many rows are held in 32 bits at once."""


class StoredFile:
    """The rows of a file of vectors, read as they are asked for.

    Mapped, each row would bring its neighbourhood into the memory of the process, and soon all of the file.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises ValueError where it does not hold float16 vectors, whole."""
        mapped = np.load(path, mmap_mode="r")
        if mapped.dtype != np.float16 or mapped.ndim != 2 or not mapped.flags.c_contiguous:
            raise ValueError(f"{path.name} does not hold its vectors")
        self.shape: tuple[int, ...] = mapped.shape
        self._path = path
        self._offset: int = mapped.offset
        self._file = path.open("rb", buffering=0)

    def __getitem__(self, rows: Rows) -> Stored:
        """Return the vectors of `rows`, of shape (len(rows), dimension). Raises IndexDamaged."""
        asked, places = np.unique(rows, return_inverse=True)
        found = np.empty((len(asked), self.shape[1]), dtype=np.float16)
        size, into, source = found.itemsize * self.shape[1], found.reshape(-1).view(np.uint8).data, self._file.fileno()
        ends = [*(np.flatnonzero(np.diff(asked) != 1) + 1).tolist(), len(asked)] if len(asked) else []
        start = 0
        for end in ends:  # rows that follow each other are read at once
            wanted = into[start * size : end * size]
            if os.preadv(source, [wanted], self._offset + int(asked[start]) * size) != len(wanted):
                raise IndexDamaged(f"{self._path}: is shorter than it was; run: wellcited index")
            start = end
        return found[places]


def nearest(stored: Stored, queries: Vectors, k: int) -> Rows:
    """Return the `k` rows nearest to each of `queries`, every vector compared."""
    scores = np.zeros((len(queries), 0), dtype=np.float32)
    rows = np.zeros((len(queries), 0), dtype=np.int64)
    start = 0
    for block in blocks(stored):
        scores = np.hstack([scores, queries @ block.T])
        rows = np.hstack([rows, np.broadcast_to(np.arange(start, start + len(block)), (len(queries), len(block)))])
        start += len(block)
        best = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        scores, rows = np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)
    return rows


def blocks(stored: Stored) -> Iterator[Vectors]:
    """Yield `stored` in 32 bits, BLOCK rows a time."""
    for start in range(0, len(stored), BLOCK):
        yield stored[start : start + BLOCK].astype(np.float32)
