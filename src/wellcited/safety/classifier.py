"""The classifier: a small transformer fitted to one task, asked where rules and head leave doubt.

The head reads vectors that were made to find sentences. This model was made to tell the tier of a whole conversation,
and takes as long to run as the encoder. benchmarks/train_classifier.py learns it on top of all-MiniLM-L6-v2 and writes
data/classifier.npz; an export of the two stands in every bundle of the default model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellcited.fitted import Layer
from wellcited.safety.head import Encode, Probabilities, probabilities, without_filler

RECENT = 3
"""The classifier reads so many of the latest messages."""
LONGEST = 1000
"""The classifier reads the end of the latest messages, so many characters: what the model takes."""
BETWEEN = " [SEP] "

_CODE = re.compile(r"\S*(?:[=<>{}|\\^`]|[a-z]:(?=[a-z/]))\S*", re.IGNORECASE)


def reading(texts: Sequence[str]) -> str:
    """Return the latest messages as the classifier reads them, without filler and without what is code, not words."""
    return BETWEEN.join(_CODE.sub(" ", without_filler(text)) for text in texts[-RECENT:])[-LONGEST:]


@dataclass(frozen=True)
class Classifier:
    """The model, texts to unit vectors, and the layer over them, with a logit for each tier."""

    encode: Encode
    layer: Layer

    @property
    def version(self) -> str:
        """A digest of what was learned."""
        return self.layer.version

    def judge(self, texts: Sequence[str]) -> Probabilities:
        """Return the probability of each tier for the reader's messages `texts`, the last one being answered."""
        logits = self.layer(self.encode([reading(texts)])[0])
        return probabilities(logits, "the classifier gives no probability; run: wellcited index")
