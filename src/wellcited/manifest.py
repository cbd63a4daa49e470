"""What a build says of itself: its format, the model that embedded it, the digest of every file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from wellcited.datatypes import Value, VectorSearch

Weights = Literal["int8", "float32"]


class ModelInfo(Value):
    """The model that embedded the passages: what the settings say of it, and the sha256 of what it is made of.

    `digest` is that of its weights, `config` that of the files beside them ("" for the default model, whose package is
    known by its weights), `adapter` that of what was learned on top ("" for a model that runs as it was published).
    """

    name: str
    digest: str
    config: str = ""
    adapter: str = ""
    query_prefix: str | None = None
    passage_prefix: str | None = None
    weights: Weights = "int8"
    """How the export keeps its weights."""
    recipe: int = 1
    """Which way of exporting it was, of those that give other vectors."""
    fitted: str = ""
    """The digest of the fitted models that stand beside the export; "" where there are none."""
    elsewhere: str = ""
    """The digest of the questions of any other topic whose vectors stand there too."""

    @property
    def vectors_key(self) -> str:
        """What tells an export from any other: two models with one key give the same, whatever their names."""
        return "+".join(filter(None, [self.key, self.weights, str(self.recipe), self.fitted, self.elsewhere]))

    @property
    def key(self) -> str:
        """What tells this model from any other, to who learned from its vectors."""
        prefixes = [
            f"{name} {prefix!r}"
            for name, prefix in (("query", self.query_prefix), ("passage", self.passage_prefix))
            if prefix is not None
        ]
        return "+".join(filter(None, [self.digest, self.config, self.adapter, *prefixes]))


class Counts(Value):
    """How much of each the bundle holds."""

    documents: int
    passages: int
    sentences: int
    vectors: int


class Manifest(BaseModel):
    """What a build is made of: `source` is the digest of corpus and settings, `files` the sha256 of every file.

    `samples` holds for each file that is not compared whole at every opening the digest of `samples_of`; `search` says
    how the vectors are searched.
    """

    model_config = ConfigDict(frozen=True)

    format: int
    id: str
    source: str
    model: ModelInfo
    counts: Counts
    files: Mapping[str, str]
    samples: Mapping[str, str] = {}
    search: VectorSearch = VectorSearch()
