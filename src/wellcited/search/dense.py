"""Vectors in FAISS: exact inner product over unit vectors, which is the cosine."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellcited.errors import IndexDamaged

if TYPE_CHECKING:
    import faiss

Vectors = NDArray[np.float32]


class DenseIndex:
    """Unit vectors by row number."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> DenseIndex:
        """Index `vectors`, unit length, of shape (rows, dimension)."""
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(index)

    @classmethod
    def open(cls, path: Path) -> DenseIndex:
        """Open the file that `save` wrote. Raises IndexDamaged."""
        import faiss

        try:
            return cls(faiss.read_index(str(path)))
        except Exception as error:  # faiss raises RuntimeError and bare Exceptions
            raise IndexDamaged(f"{path}: cannot be opened: {error}; run: wellcited index") from error

    def save(self, path: Path) -> None:
        """Write the index to the file `path`. Raises OSError, as on a full disk."""
        import faiss

        try:
            faiss.write_index(self._index, str(path))
        except RuntimeError as error:
            raise OSError(errno.EIO, "the vectors cannot be written, is the disk full?", str(path)) from error

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        return int(self._index.d)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, NDArray[np.int64]]:
        """Return cosines and rows, both of shape (len(queries), min(k, rows)), best first."""
        scores, rows = self._index.search(queries, min(k, len(self)))
        return scores, rows

    def vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the stored vectors of `rows`, of shape (len(rows), dimension)."""
        found: Vectors = self._index.reconstruct_batch(rows)
        return found
