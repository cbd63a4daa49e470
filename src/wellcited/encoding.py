"""Text -> unit vectors by the exported encoder: onnxruntime and tokenizers, no torch.

models.py exports it from a sentence-transformers model. The two agree to 1e-4 in every component
(tests/test_encoding.py), so that a bundle built with torch answers, and takes in what was edited since, without.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from wellcited.errors import IndexDamaged
from wellcited.fitted import TASKS, Task

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]

ONNX_FILE = "model.onnx"
TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "encoder.json"
BATCH = 32


class Encoder(Protocol):
    """Anything that turns texts into unit vectors."""

    dimension: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension)."""

    def fitted(self, task: Task, texts: Sequence[str]) -> Vectors:
        """Return the unit vectors of the model fitted to `task`, of shape (len(texts), its dimension)."""

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""


def in_batches(
    texts: Sequence[str],
    dimension: int,
    embed: Callable[[list[str]], Vectors],
    progress: Callable[[int, int], None] | None = None,
) -> Vectors:
    """Return what `embed` gives for `texts`, of shape (len(texts), dimension), asked for a batch of like length a time.

    `progress(done, total)` is told after each batch.
    """
    vectors = np.zeros((len(texts), dimension), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))  # like lengths pad little
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        vectors[batch] = embed([texts[index] for index in batch])
        if progress:
            progress(start + len(batch), len(texts))
    return vectors


class QueryEncoder:
    """The exported encoder: questions at answer time, and the texts of the guides at index time."""

    def __init__(self, folder: Path, threads: int = 1, lasting: bool = False) -> None:
        """Open the files that `PassageEncoder.export` wrote. Raises IndexDamaged where they cannot be used.

        One thread is best for single questions of many readers; 0 takes every core that the process may use. ONNX
        Runtime maps the weights: what is `lasting` maps a copy of its own, which nobody can overwrite or shorten.
        """
        from tokenizers import Tokenizer

        try:
            config = json.loads((folder / CONFIG_FILE).read_text("utf-8"))
            self.dimension: int = config["dimension"]
            self._inputs: list[str] = config["inputs"]
            self._query_prefix: str = config["query_prefix"]
            self._passage_prefix: str = config["passage_prefix"]
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._lower_case: bool = config["lower_case"]
            self._tokenizer.enable_truncation(config["max_tokens"])
            self._tokenizer.enable_padding(pad_id=config["pad_id"], pad_token=config["pad_token"])
            self._fitted: dict[Task, InferenceSession] = {}
            with ExitStack() as until_mapped:
                files = _own_copy(folder, until_mapped) if lasting else folder
                self._session = _session(files / ONNX_FILE, threads)
                for task in TASKS if lasting else ():
                    if (files / task.model_file).exists():
                        self._fitted[task] = _session(files / task.model_file, threads)
        except Exception as error:  # tokenizers and onnxruntime raise bare Exceptions
            raise _unusable(folder, error) from error
        self._folder = folder
        self._loading = Lock()

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

    def encode_passages(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return unit vectors of shape (len(texts), dimension); `progress(done, total)` is told after each batch."""
        prefix = self._passage_prefix
        return in_batches(texts, self.dimension, lambda batch: self._run([prefix + text for text in batch]), progress)

    def is_word(self, word: str) -> bool:
        """Whether the model's vocabulary has `word`, in lower case, as a whole."""
        return self._tokenizer.token_to_id(word) is not None

    def fitted(self, task: Task, texts: Sequence[str]) -> Vectors:
        """Return the unit vectors that the model fitted to `task` gives, which is loaded when first asked.

        Raises IndexDamaged where it cannot be used.
        """
        with self._loading:
            if task not in self._fitted:
                try:
                    self._fitted[task] = _session(self._folder / task.model_file, threads=1)
                except Exception as error:
                    raise _unusable(self._folder, error) from error
        return self._run(texts, self._fitted[task])

    def _encode(self, texts: Sequence[str]) -> Vectors:
        """Encode each text by itself: no vector depends on what else is asked, and padding costs what a batch saves."""
        return np.concatenate([self._run([self._query_prefix + text]) for text in texts])

    def _run(self, texts: Sequence[str], session: InferenceSession | None = None) -> Vectors:
        texts = [text.lower() if self._lower_case else text for text in texts]
        # A batch is handed to other threads, which takes longer than one text does.
        encodings = self._tokenizer.encode_batch(texts) if len(texts) > 1 else [self._tokenizer.encode(texts[0])]
        columns = {
            "input_ids": [encoding.ids for encoding in encodings],
            "attention_mask": [encoding.attention_mask for encoding in encodings],
            "token_type_ids": [encoding.type_ids for encoding in encodings],
        }
        feeds = {name: np.array(columns[name], dtype=np.int64) for name in self._inputs}
        vectors: Vectors = (session or self._session).run(None, feeds)[0]
        return vectors


def _session(path: Path, threads: int) -> InferenceSession:
    # Or else ONNX Runtime writes down an id of the machine and reports to its maker: its Privacy.md.
    # Read when it is first imported, and a second of every short run besides.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Adding and then normalizing in one step takes ONNX Runtime three times as long as in two.
    return onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=["SkipLayerNormFusion"]
    )


def _own_copy(folder: Path, until_mapped: ExitStack) -> Path:
    """Return a copy of graphs and weights that is gone afterwards: what is mapped stays. Without room, `folder`."""
    import shutil
    from tempfile import TemporaryDirectory

    try:
        own = Path(until_mapped.enter_context(TemporaryDirectory(prefix="wellcited-")))
        for path in folder.iterdir():
            if path.suffix in (".onnx", ".weights"):
                shutil.copyfile(path, own / path.name)
        return own
    except OSError as error:
        log.warning("no room for a copy of the encoder's weights (%s): those of the index are mapped", error.strerror)
        return folder


def _unusable(folder: Path, error: Exception) -> IndexDamaged:
    return IndexDamaged(f"{folder}: the encoder cannot be opened: {error}; run: wellcited index")


_known: ContextVar[dict[str, Vectors] | None] = ContextVar("known", default=None)


@contextmanager
def one_question() -> Iterator[None]:
    """While one question is answered, remember what was encoded: guardrail and retrieval read the same words."""
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)
