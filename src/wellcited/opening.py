"""What of a bundle takes long to open, begun at once in threads: checking its files, loading the encoder.

Both leave the interpreter free, for the guardrail's rules and for loading the rest of the program: so begun, numpy and
ONNX Runtime among it, while the files are checked.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from wellcited.bundle import ENCODER, SAFETY, Build, live_build
from wellcited.fitted import CLASSIFIER, VERIFIER, Layer, Task
from wellcited.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wellcited.encoding import Encoder, Vectors
    from wellcited.safety import Guardrail
    from wellcited.verifier import Verifier


def guarded(guardrail: Guardrail, build: Build, encoder: Encoder) -> Guardrail:
    """Return `guardrail` with what was learned listening, as far as it was learned with the model of `build`."""
    from wellcited.safety.classifier import Classifier

    model = build.manifest.model
    classifier = Classifier(*_fitted(CLASSIFIER, build, encoder)) if model.fitted else None
    return guardrail.with_head(encoder.encode, model.key, build.folder / SAFETY, classifier)


def verifier_of(build: Build, encoder: Encoder) -> Verifier | None:
    """Return the verifier of the model of `build`, None where it has none. Raises IndexDamaged."""
    from wellcited.verifier import Verifier

    return Verifier(*_fitted(VERIFIER, build, encoder)) if build.manifest.model.fitted else None


def _fitted(task: Task, build: Build, encoder: Encoder) -> tuple[Callable[[Sequence[str]], Vectors], Layer]:
    """Return the model of `build` fitted to `task`, texts to unit vectors, and the layer over them."""
    return partial(encoder.fitted, task), task.open_layer(build.folder / ENCODER)


class Opening:
    """A build that is being checked, and its encoder (or one that is the same) that is being loaded."""

    def __init__(self, build: Build, encoder: Encoder | None = None, lasting: bool = True) -> None:
        """Begin to open `build`. What is not `lasting` gives one answer, and maps the files as they lie there."""
        self.build = build
        pool = ThreadPoolExecutor(max_workers=2)
        self._verified = pool.submit(build.verify)
        self._encoder = pool.submit(lambda: encoder or _encoder_of(build, lasting))
        pool.shutdown(wait=False)

    @classmethod
    def for_one_answer(cls, settings: Settings) -> Opening:
        """Begin to open the live build. Raises as `bundle.live_build` does."""
        return cls(live_build(settings.index, settings), lasting=False)

    def encoder(self) -> Encoder:
        """Return the encoder, once every file is known to be whole. Raises IndexDamaged."""
        self._verified.result()
        return self._encoder.result()


def _encoder_of(build: Build, lasting: bool) -> Encoder:
    from wellcited.encoding import QueryEncoder

    return QueryEncoder(build.folder / ENCODER, lasting=lasting)
