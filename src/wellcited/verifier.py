"""The verifier: reads the question beside the sentences found, where their signs leave doubt that they answer it.

The signs of confidence.py compare question and sentence as two vectors, or by their words. This model reads both at
once (Hu et al., "Read + Verify: Machine Reading Comprehension with Unanswerable Questions", 2019).
benchmarks/train_verifier.py learns it on top of all-MiniLM-L6-v2; its export stands in every bundle of that model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wellcited.fitted import Layer
from wellcited.logistic import logistic, logit

if TYPE_CHECKING:
    from wellcited.encoding import Vectors

READ = 2
"""So many of the best sentences are read, each under its heading."""
QUESTION_CHARS = 300
SENTENCE_CHARS = 260
"""Of a longer question or sentence so many characters are read, from its beginning."""
BETWEEN = " [SEP] "
DOUBT = (0.05, 0.6)
"""Between these confidences it is asked: of one answer in eight. Elsewhere it would seldom turn the decision, and it
takes as long as three questions to encode."""
SHARES = (0.7, 0.75)
"""How much the logits of signs and verifier count, as a logistic regression weighs them on guides new to both
(`benchmarks/train_verifier.py --adapters DIR --left-out 0`)."""
SHIFT = 0.1
"""Added to the two. Of what guides left out answer, 3.4 % are declined with it, 3.0 % by the signs alone; of what the
tuning guides answer, 1.7 % instead of 3.0."""


def doubtful(confidence: float) -> bool:
    """Whether the verifier is to be asked where the signs are `confidence` sure."""
    return DOUBT[0] < confidence < DOUBT[1]


def reading(question: str, sentences: Sequence[str]) -> str:
    """Return what the verifier reads: the question in its conversation, and the best sentences under their headings."""
    return BETWEEN.join([question[:QUESTION_CHARS], *(sentence[:SENTENCE_CHARS] for sentence in sentences[:READ])])


@dataclass(frozen=True)
class Verifier:
    """The model, texts to unit vectors, and the layer over them, with one logit: that the sentences answer."""

    encode: Callable[[Sequence[str]], Vectors]
    layer: Layer

    def sure(self, confidence: float, question: str, sentences: Sequence[str]) -> float:
        """Return how sure the two are together, 0..1, that `sentences` answer, the signs being `confidence` sure.

        `confidence` is more than 0 and less than 1; `sentences` are the best ones under their headings, best first.
        """
        found = float(self.layer(self.encode([reading(question, sentences)])[0])[0])
        return logistic(SHARES[0] * logit(confidence) + SHARES[1] * found + SHIFT)
