"""What wellcited learned on top of the default encoder: a low-rank change of its linear layers, as data.

benchmarks/train_encoder.py learns it (LoRA; Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021);
encoding.py adds it to the published weights when the model is loaded, so that nothing else needs to know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from wellcited.errors import ModelError

FILE = "data/adapter.npz"


class Adapter:
    """The changes of an encoder's weights, and the digest of the file they come from."""

    def __init__(self, content: bytes) -> None:
        """Read `content`: .npz, `down/<layer>` (rank, inputs), `up/<layer>` (outputs, rank). Raises ModelError."""
        try:
            with np.load(BytesIO(content)) as tables:
                self._tables = {name: tables[name].astype(np.float32) for name in tables.files}
        except (ValueError, OSError, EOFError, KeyError, BadZipFile) as error:
            raise ModelError(f"wellcited/{FILE} cannot be read: {error}; reinstall wellcited") from error
        self.digest = hashlib.sha256(content).hexdigest()

    @classmethod
    def open(cls) -> Adapter:
        """Open the adapter that ships with wellcited; it is read once a process. Raises ModelError."""
        return _shipped()

    def changes(self) -> Mapping[str, NDArray[np.float32]]:
        """Return what to add to the weight of each layer, (outputs, inputs) by the layer's name with dots."""
        names = [name.removeprefix("up/") for name in self._tables if name.startswith("up/")]
        return {name.replace("/", "."): self._tables[f"up/{name}"] @ self._tables[f"down/{name}"] for name in names}


@lru_cache(maxsize=1)
def _shipped() -> Adapter:
    return Adapter(files("wellcited").joinpath(FILE).read_bytes())
