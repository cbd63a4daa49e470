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
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wellcited.datatypes import Tier
from wellcited.errors import IndexDamaged, SafetyDataError
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

HEAD_FILE = "head.json"
KEPT_NAMES = "head.json"
KEPT_NUMBERS = "head.npy"
"""The head as a bundle keeps it."""

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
        return probabilities(logits, "safety/data/head.json: its weights give no probability; reinstall wellcited")


def probabilities(logits: NDArray[np.float64], otherwise: str) -> Probabilities:
    """Return the softmax of four numbers. Raises SafetyDataError, saying `otherwise`, where that is none."""
    import numpy as np

    chances = np.exp(logits - logits.max())
    none, professional, urgent, emergency = (chances / chances.sum()).tolist()
    if not math.isfinite(none + professional + urgent + emergency):
        raise SafetyDataError(otherwise)
    return none, professional, urgent, emergency


class _Learned(NamedTuple):
    """What head.json holds, and its digest."""

    encoder: str
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    rules: Mapping[str, Sequence[float]]
    words: Mapping[str, Sequence[float]]
    digest: str


def open_head(encode: Encode, encoder_key: str, kept: Path | None = None) -> Head | None:
    """Return the head that ships with wellcited, or None where it was learned with another encoder.

    It is read from the folder `kept` where that goes with it. Raises: SafetyDataError where its file is damaged,
    IndexDamaged where `kept` is.
    """
    content = head_file()
    found = (_kept(kept, _digest(content)) if kept else None) or _parsed(content)
    if found.encoder != encoder_key:
        return None
    return Head(encode, found.weights, found.bias, found.digest[:6], found.rules, found.words)


def keep_head(folder: Path) -> None:
    """Write the head into `folder`: its numbers as they lie in memory, which is read ten times faster than as text."""
    import numpy as np

    found = _parsed(head_file())
    rows = [*found.weights.tolist(), found.bias.tolist(), *found.rules.values(), *found.words.values()]
    np.save(folder / KEPT_NUMBERS, np.array(rows, dtype=np.float64))
    names = {"encoder": found.encoder, "rules": list(found.rules), "words": list(found.words), "digest": found.digest}
    (folder / KEPT_NAMES).write_text(json.dumps(names, ensure_ascii=False), "utf-8")


def _kept(folder: Path, digest: str) -> _Learned | None:
    """Return what `keep_head` wrote, None where it is another head."""
    import numpy as np

    try:
        names = json.loads((folder / KEPT_NAMES).read_bytes())
        if names["digest"] != digest:
            return None
        rules, words = names["rules"], names["words"]
        numbers = np.load(folder / KEPT_NUMBERS)
        last = len(numbers) - len(rules) - len(words) - 1
        named = numbers[last + 1 :].tolist()
        return _Learned(
            names["encoder"],
            numbers[:last].astype(np.float32),
            numbers[last].astype(np.float32),
            dict(zip(rules, named[: len(rules)], strict=True)),
            dict(zip(words, named[len(rules) :], strict=True)),
            digest,
        )
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as error:
        raise IndexDamaged(f"{folder}: the head cannot be read: {error}; run: wellcited index") from error


def _parsed(content: bytes) -> _Learned:
    import numpy as np

    try:
        table = json.loads(content)
        weights = np.array(table["weights"], dtype=np.float32)
        bias = np.array(table["bias"], dtype=np.float32)
        rules, words = table["rules"], table["words"]
        lengths = {len(row) for named in (rules, words) for row in named.values()}
        found = _Learned(table["encoder"], weights, bias, rules, words, _digest(content))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SafetyDataError(f"safety/data/head.json cannot be read: {error}; reinstall wellcited") from error
    if bias.shape != (len(TIERS),) or weights.ndim != 2 or weights.shape[1] != len(TIERS) or lengths - {len(TIERS)}:
        raise SafetyDataError(f"safety/data/head.json: weights of shape {weights.shape}; reinstall wellcited")
    return found


def head_file() -> bytes:
    """The content of the file in which the head ships."""
    return (resources.files("wellcited.safety") / "data" / HEAD_FILE).read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
