"""The learned second opinion: the rules know words, this knows what messages like yours meant.

A softmax regression over the query encoder's vectors of the last message and of the whole conversation, and over what
the rules found, switched-off findings included. benchmarks/train_guardrail.py learns it from labelled messages and
writes data/head.json; the decision below is the same arithmetic everywhere, so the same message gets the same answer.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Protocol

from wellcited.datatypes import Tier
from wellcited.errors import SafetyDataError
from wellcited.safety.rules import TIERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Encode = Callable[[Sequence[str]], "NDArray[np.float32]"]

REFER = 0.48
"""A conversation that the rules let pass is referred from this probability of any tier on."""
REFER_GRAVE = 0.25
"""The same, from this probability of urgent and emergency together."""
OVERRULE = {"professional": 0.6, "urgent": 0.8, "emergency": 0.85}
"""What the rules say stands unless the head is this sure that nothing is wrong."""
TELL_EMERGENCY = 0.38
TELL_URGENT = 0.5
"""Of the probability of being referred at all, the share from which the graver tier is told. A missed emergency costs
more than a needless one, so it needs less than half."""
ALONE = 0.5
"""The head alone calls an emergency only from this probability on; below, it says urgent."""

LONGEST = 1500
"""The head reads the end of the last message and of the conversation, so many characters: what the encoder takes."""
RECENT = 3
"""The head reads so many of the latest messages: it was learned on short conversations. Rules remember the others."""

Probabilities = tuple[float, float, float, float]
"""Of none, professional, urgent and emergency, in the order of TIERS."""


class Found(Protocol):
    """What the head needs to know of one finding of the rules."""

    @property
    def tier(self) -> Tier: ...

    @property
    def switched_off_by(self) -> str | None: ...


def signs(texts: Sequence[str], tier: Tier, findings: Sequence[Found], language: str, again: bool) -> list[float]:
    """Return what the rules saw as 16 numbers: their tier, live and switched-off findings by tier, and the setting."""
    texts = texts[-RECENT:]
    row = [0.0] * 16
    row[TIERS.index(tier)] = 1.0
    for finding in findings:
        row[(8 if finding.switched_off_by else 4) + TIERS.index(finding.tier)] = 1.0
    row[12] = float(len(texts) > 1)
    row[13] = min(3.0, len(" ".join(texts)) / 200)
    row[14] = float(language != "en")
    row[15] = float(again)
    return row


@dataclass(frozen=True)
class Head:
    """The weights, of shape (2 x dimension + 16, 4), and the encoder they belong to."""

    encode: Encode
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    version: str

    def judge(self, texts: Sequence[str], seen: Sequence[float]) -> Probabilities:
        """Return the probability of each tier for the reader's messages `texts`, the last one being answered."""
        import numpy as np

        last, whole = texts[-1][-LONGEST:], " ".join(texts[-RECENT:])[-LONGEST:]
        vectors = self.encode([last] if last == whole else [last, whole])
        row = np.concatenate([vectors[0], vectors[-1], np.asarray(seen, dtype=np.float32)])
        logits = row @ self.weights + self.bias
        chances = np.exp(logits - logits.max())
        none, professional, urgent, emergency = (chances / chances.sum()).tolist()
        if not math.isfinite(none + professional + urgent + emergency):
            raise SafetyDataError("safety/data/head.json: its weights give no probability; reinstall wellcited")
        return none, professional, urgent, emergency


def decide(by_rules: Tier, chances: Probabilities, firm: bool = False) -> Tier:
    """Return the tier that rules and head give together; what is `firm` the head may raise but not lower."""
    none, professional, urgent, emergency = chances
    referred = professional + urgent + emergency
    floor = by_rules if by_rules != "none" and (firm or none < OVERRULE[by_rules]) else "none"
    if referred <= REFER and urgent + emergency <= REFER_GRAVE:
        by_head: Tier = "none"
    elif emergency > TELL_EMERGENCY * referred:
        by_head = "emergency" if emergency > ALONE or by_rules in ("urgent", "emergency") else "urgent"
    else:
        by_head = "urgent" if urgent + emergency > TELL_URGENT * referred else "professional"
    return max(floor, by_head, key=TIERS.index)


def open_head(encode: Encode, encoder_key: str) -> Head | None:
    """Return the head that ships with wellcited, or None where it was learned with another encoder.

    Raises: SafetyDataError where its file is damaged.
    """
    import numpy as np

    content = (resources.files("wellcited.safety") / "data" / "head.json").read_bytes()
    try:
        table = json.loads(content)
        if table["encoder"] != encoder_key:
            return None
        weights = np.array(table["weights"], dtype=np.float32)
        bias = np.array(table["bias"], dtype=np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise SafetyDataError(f"safety/data/head.json cannot be read: {error}; reinstall wellcited") from error
    if bias.shape != (len(TIERS),) or weights.ndim != 2 or weights.shape[1] != len(TIERS):
        raise SafetyDataError(f"safety/data/head.json: weights of shape {weights.shape}; reinstall wellcited")
    return Head(encode, weights, bias, hashlib.sha256(content).hexdigest()[:6])
