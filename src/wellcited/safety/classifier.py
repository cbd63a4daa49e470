"""The classifier: a small transformer fitted to one task, asked where rules and head leave doubt.

The head reads vectors that were made to find sentences. This model was made to tell the tier of a whole conversation,
and takes as long to run as the encoder. benchmarks/train_classifier.py learns it on top of all-MiniLM-L6-v2 and writes
data/classifier.npz; an export of the two stands in every bundle of the default model.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from wellcited.errors import IndexDamaged
from wellcited.safety.head import Encode, Probabilities, probabilities, without_filler
from wellcited.safety.rules import TIERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCALE = 20.0
"""Unit vectors are small; the layer of the tiers reads them so many times larger."""
RECENT = 3
"""The classifier reads so many of the latest messages."""
LONGEST = 1000
"""The classifier reads the end of the latest messages, so many characters: what the model takes."""
BETWEEN = " [SEP] "

_CODE = re.compile(r"\S*(?:[=<>{}|\\^`]|[a-z]:(?=[a-z/]))\S*", re.IGNORECASE)


def reading(texts: Sequence[str]) -> str:
    """Return the latest messages as the classifier reads them, without filler and without what is code, not words."""
    return BETWEEN.join(_CODE.sub(" ", without_filler(text)) for text in texts[-RECENT:])[-LONGEST:]


def learned() -> bytes:
    """Return the content of data/classifier.npz: an adapter of the default model, and the layer of the tiers."""
    return (resources.files("wellcited.safety") / "data" / "classifier.npz").read_bytes()


@cache
def learned_digest() -> str:
    """Return the sha256 of what was learned, in hexadecimal."""
    return hashlib.sha256(learned()).hexdigest()


def layer() -> NDArray[np.float32]:
    """Return the layer of the tiers, of shape (dimension + 1, 4), the bias last."""
    import numpy as np

    with np.load(BytesIO(learned())) as tables:
        return np.vstack([tables["tiers/weight"], tables["tiers/bias"]]).astype(np.float32)


@dataclass(frozen=True)
class Classifier:
    """The model, texts to unit vectors, and the layer over them: weights (dimension, 4), bias (4,)."""

    encode: Encode
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    version: str

    @classmethod
    def open(cls, layer: Path, encode: Encode) -> Classifier:
        """Open the layer that stands in a bundle, of shape (dimension + 1, 4), the bias last. Raises IndexDamaged."""
        import numpy as np

        try:
            content = layer.read_bytes()
            rows = np.load(BytesIO(content))
        except (OSError, ValueError, EOFError) as error:
            raise IndexDamaged(f"{layer}: cannot be read: {error}; run: wellcited index") from error
        if rows.ndim != 2 or rows.shape[1] != len(TIERS):
            raise IndexDamaged(f"{layer}: has the shape {rows.shape}; run: wellcited index")
        return cls(encode, rows[:-1], rows[-1], hashlib.sha256(content).hexdigest()[:6])

    def judge(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each tier for the reader's messages `texts`, the last one being answered."""
        import numpy as np

        vector = self.encode([reading(texts)])[0]
        logits = (SCALE * (vector @ self.weights) + self.bias).astype(np.float64)
        return probabilities(logits, "the classifier gives no probability; run: wellcited index")
