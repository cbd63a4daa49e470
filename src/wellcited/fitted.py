"""The default model fitted to one task each: a change of its weights, and a layer over its vectors, shipped as data.

A bundle of the default model holds an export of each beside its encoder; encoding.py runs them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from wellcited.errors import IndexDamaged

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCALE = 20.0
"""Unit vectors are small; the layers read them so many times larger."""


@dataclass(frozen=True)
class Task:
    """What the model is fitted to: its name, the file in this package that was learned, how many numbers it gives."""

    name: str
    file: str
    outputs: int

    @property
    def model_file(self) -> str:
        """The name of its export in the encoder's folder."""
        return f"{self.name}.onnx"

    @property
    def layer_file(self) -> str:
        """The name of its layer there, an array of shape (dimension + 1, outputs), the bias last."""
        return f"{self.name}.npy"

    def learned(self) -> bytes:
        """Return the content of the file: an adapter of the default model, and `layer/weight` and `layer/bias`."""
        return files("wellcited").joinpath(self.file).read_bytes()

    def layer(self) -> NDArray[np.float32]:
        """Return the layer that was learned, of shape (dimension + 1, outputs), the bias last."""
        import numpy as np

        with np.load(BytesIO(self.learned())) as tables:
            return np.vstack([tables["layer/weight"], tables["layer/bias"]]).astype(np.float32)

    def open_layer(self, folder: Path) -> Layer:
        """Open the layer that stands in the encoder's `folder`. Raises IndexDamaged."""
        import numpy as np

        path = folder / self.layer_file
        try:
            content = path.read_bytes()
            rows = np.load(BytesIO(content))
        except (OSError, ValueError, EOFError) as error:
            raise IndexDamaged(f"{path}: cannot be read: {error}; run: wellcited index") from error
        if rows.ndim != 2 or rows.shape[1] != self.outputs:
            raise IndexDamaged(f"{path}: has the shape {rows.shape}; run: wellcited index")
        return Layer(rows[:-1], rows[-1], hashlib.sha256(content).hexdigest()[:6])


@dataclass(frozen=True)
class Layer:
    """Weights (dimension, outputs) and bias (outputs,) over unit vectors; `version` is a digest of both."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    version: str

    def __call__(self, vector: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the logits of a unit vector of shape (dimension,)."""
        logits: NDArray[np.float64] = (SCALE * (vector @ self.weights) + self.bias).astype("float64")
        return logits


CLASSIFIER = Task("classifier", "safety/data/classifier.npz", outputs=4)
"""The tier of a whole conversation: safety/classifier.py."""
VERIFIER = Task("verifier", "data/verifier.npz", outputs=1)
"""Whether the sentences found answer the question: verifier.py."""
TASKS = (CLASSIFIER, VERIFIER)


@cache
def digest_of_tasks() -> str:
    """Return the sha256, in hexadecimal, of all that was learned."""
    digest = hashlib.sha256()
    for task in TASKS:
        digest.update(hashlib.sha256(task.learned()).digest())
    return digest.hexdigest()
