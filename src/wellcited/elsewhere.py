"""How near a question is to what people ask of anything but a guide: the weather, a football match, a poem.

The questions are shipped as data; a bundle holds their vectors beside the encoder that made them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from wellcited.bundle import REPAIR
from wellcited.encoding import Vectors
from wellcited.errors import IndexDamaged

FILE = "elsewhere.npy"
"""The name of the vectors in the encoder's folder: an array (questions, dimension) of 16-bit numbers."""
NEAREST = 5


@dataclass(frozen=True)
class Elsewhere:
    """The vectors of the questions, of shape (questions, dimension)."""

    vectors: Vectors

    @classmethod
    def open(cls, folder: Path) -> Elsewhere:
        """Open what `save` has written. Raises IndexDamaged."""
        path = folder / FILE
        try:
            rows = np.load(path)
        except (OSError, ValueError, EOFError) as error:
            raise IndexDamaged(f"{path}: cannot be read: {error}; {REPAIR}") from error
        if rows.ndim != 2 or len(rows) < NEAREST:
            raise IndexDamaged(f"{path}: has the shape {rows.shape}; {REPAIR}")
        return cls(rows.astype(np.float32))

    def save(self, folder: Path) -> None:
        """Write the vectors into `folder`."""
        np.save(folder / FILE, self.vectors.astype(np.float16))

    def nearness(self, vector: Vectors) -> float:
        """Return the mean cosine (-1..1) of the unit vector of a question, (dimension,), and the NEAREST of these."""
        cosines = self.vectors @ vector
        return float(np.partition(cosines, -NEAREST)[-NEAREST:].mean())


def questions() -> list[str]:
    """Return the questions, one a line of data/elsewhere.txt."""
    return _content().decode("utf-8").splitlines()


def digest() -> str:
    """Return the sha256, in hexadecimal, of the questions."""
    return hashlib.sha256(_content()).hexdigest()


def _content() -> bytes:
    return files("wellcited").joinpath("data/elsewhere.txt").read_bytes()
