"""What of a bundle takes long to open, begun at once in threads: checking its files, loading the encoder.

Both leave the interpreter free, for the guardrail's rules and for loading the rest of the program.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from wellcited.bundle import ENCODER, Build, live_build
from wellcited.encoding import TIERS_FILE, Encoder, QueryEncoder
from wellcited.safety import Guardrail
from wellcited.safety.classifier import Classifier
from wellcited.settings import Settings


def guarded(guardrail: Guardrail, build: Build, encoder: Encoder) -> Guardrail:
    """Return `guardrail` with what was learned listening, as far as it was learned with the model of `build`."""
    model = build.manifest.model
    classifier = None
    if model.classifier:
        classifier = Classifier.open(build.folder / ENCODER / TIERS_FILE, encoder.classified)
    return guardrail.with_head(encoder.encode, model.key, classifier)


class Opening:
    """A build that is being checked, and its encoder (or one that is the same) that is being loaded."""

    def __init__(self, build: Build, encoder: Encoder | None = None) -> None:
        self.build = build
        pool = ThreadPoolExecutor(max_workers=2)
        self._verified = pool.submit(build.verify)
        self._encoder = pool.submit(lambda: encoder or QueryEncoder(build.folder / ENCODER))
        pool.shutdown(wait=False)

    @classmethod
    def live(cls, settings: Settings) -> Opening:
        """Begin to open the live build. Raises as `bundle.live_build` does."""
        return cls(live_build(settings.index, settings))

    def encoder(self) -> Encoder:
        """Return the encoder, once every file is known to be whole. Raises IndexDamaged."""
        self._verified.result()
        return self._encoder.result()
