"""The learned second opinion: the rules know signs, this knows what messages like yours meant.

A softmax regression over the query encoder's vectors of the last message and of the whole conversation, over which
rules matched or were switched off and why, and over words and pairs of words. benchmarks/train_guardrail.py learns it
from labelled messages and writes data/head.json, in which every word and rule stands with its weight for each tier.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from wellcited.datatypes import Tier
from wellcited.errors import SafetyDataError
from wellcited.safety.rules import TIERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Encode = Callable[[Sequence[str]], "NDArray[np.float32]"]

LONGEST = 1500
"""The head reads the end of the last message and of the conversation, so many characters: what the encoder takes."""
RECENT = 3
"""The head reads so many of the latest messages: it was learned on short conversations. Rules remember the others."""
WORDS_LENGTH = 6.0
"""All words of a message together count like a vector of this length."""

_FILLER = re.compile(r"(.{1,4}?)\1{4,}", re.DOTALL)

Probabilities = tuple[float, float, float, float]
"""Of none, professional, urgent and emergency, in the order of TIERS."""


class Found(Protocol):
    """What the head needs to know of one finding of the rules."""

    @property
    def rule(self) -> str: ...

    @property
    def tier(self) -> Tier: ...

    @property
    def category(self) -> str: ...

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


def traces(findings: Iterable[Found]) -> set[str]:
    """Return what each finding leaves for the head: "on dvt.one_leg", or "off dvt.one_leg" and "past dvt"."""
    left: set[str] = set()
    for one in findings:
        off = one.switched_off_by
        left |= {f"off {one.rule}", f"{off} {one.category}"} if off else {f"on {one.rule}"}
    return left


def terms(messages: Sequence[Sequence[str]]) -> set[str]:
    """Return the words of the latest messages and each two neighbours, "<" and ">" being a message's ends."""
    found: set[str] = set()
    for forms in messages[-RECENT:]:
        row = ["<", *forms, ">"]
        found.update(row)
        found.update(f"{one} {two}" for one, two in pairwise(row))
    return found


def without_filler(text: str) -> str:
    """Return `text` with three of whatever comes five times or more in a row: filler would drown what is said."""
    return _FILLER.sub(lambda run: run[1] * 3, text)


@dataclass(frozen=True)
class Head:
    """The weights, of shape (2 x dimension + 16, 4), those of rules and words by name, and the encoder they go with."""

    encode: Encode
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    version: str
    rules: Mapping[str, Sequence[float]]
    words: Mapping[str, Sequence[float]]

    def judge(
        self, texts: Sequence[str], seen: Sequence[float], left: Iterable[str] = (), said: Iterable[str] = ()
    ) -> Probabilities:
        """Return the probability of each tier for the reader's messages `texts`, the last one being answered.

        `seen`, `left` and `said` are `signs`, `traces` and `terms` of the same messages.
        """
        import numpy as np

        texts = [without_filler(text) for text in texts[-RECENT:]]
        last, whole = texts[-1][-LONGEST:], " ".join(texts)[-LONGEST:]
        vectors = self.encode([last] if last == whole else [last, whole])
        row = np.concatenate([vectors[0], vectors[-1], np.asarray(seen, dtype=np.float32)])
        logits = (row @ self.weights + self.bias).astype(np.float64)
        # In sorted order: a sum of floats depends on it, and a set has none.
        known = [self.words[name] for name in sorted(said) if name in self.words]
        if known:
            logits += np.sum(known, axis=0) * (WORDS_LENGTH / math.sqrt(len(known)))
        for name in sorted(left):
            logits += np.asarray(self.rules.get(name, (0.0,) * len(TIERS)))
        chances = np.exp(logits - logits.max())
        none, professional, urgent, emergency = (chances / chances.sum()).tolist()
        if not math.isfinite(none + professional + urgent + emergency):
            raise SafetyDataError("safety/data/head.json: its weights give no probability; reinstall wellcited")
        return none, professional, urgent, emergency


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
        rules, words = table["rules"], table["words"]
        lengths = {len(row) for named in (rules, words) for row in named.values()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SafetyDataError(f"safety/data/head.json cannot be read: {error}; reinstall wellcited") from error
    if bias.shape != (len(TIERS),) or weights.ndim != 2 or weights.shape[1] != len(TIERS) or lengths - {len(TIERS)}:
        raise SafetyDataError(f"safety/data/head.json: weights of shape {weights.shape}; reinstall wellcited")
    return Head(encode, weights, bias, hashlib.sha256(content).hexdigest()[:6], rules, words)
