"""How sure wellcited is that the guide answers a question: what gives a silent guide away, weighed by a learned model.

A question that asks for a price, an amount or a person where no near sentence holds one, or that hangs on words
foreign to the guide, is seldom answered by it, however near its topic. Weights and threshold (data/confidence.json)
are learned by benchmarks/train_ranking.py on guides other than the publisher's.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellcited.conversation import asks
from wellcited.logistic import logistic
from wellcited.nearness import LABEL_NEAR
from wellcited.ranking import content_words, holds, kinds_asked
from wellcited.retrieval import Evidence
from wellcited.search.lexical import LexicalIndex

SIGNS = (
    "top",  # fused score of the best sentence
    "both",  # best sum of a sentence's cosines, plain and under its heading
    "headed",  # best cosine of question and "heading: sentence"
    "window",  # best cosine of question and a sentence with its neighbours
    "passage",  # best cosine of question and passage
    "best_sentence",  # cosine of question and the best sentence
    "best_headed",  # cosine of question and the best sentence under its heading
    "best_coverage",  # share of the question's terms that the best sentence holds
    "near_coverage",  # the same for the five best and their neighbours
    "bm25",  # best BM25 of a sentence
    "mean",  # mean over the candidates of "both": how near the question is to the guide as a whole
    "gap",  # fused score of the best sentence above the sixth
    "entropy",  # of the scores, as probabilities: how many sentences compete
    "foreign_share",  # share of the question's terms, by idf, that the guide never uses
    "content_words",  # how many words of the question carry a topic, up to 6
    "leaning",  # how much the question leans on what was asked before
    "kind_missing",  # it asks for a kind of amount that none of the best three sentences holds
    "number_missing",  # it holds a number that none of the best three sentences holds
    "shopping",  # it asks about buying, and the best three sentences do not
    "elsewhere",  # how near the question is to what people ask of anything but a guide
    "asks",  # its words ask, or tell to explain
    "states",  # it tells of somebody and asks nothing
)

_NUMBER = re.compile(r"\d+")
_SALE = re.compile(
    r"\b(?:prices?|priced|costs?|warranty|guarantee|refunds?|discounts?|shipping|for sale|in stock"
    r"|where (?:can|do|could) i (?:buy|get|order|find) (?:it|one|a|an|the))\b",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"^(?:so |and |ok |hi |please )*what (?:(?:does|do)(?: the| an?)? (?P<does>[\w' -]{3,40}?) (?:do|mean)"
    r"|(?:is|are) an? (?P<what>[\w' -]{3,40}?))\W*$",
    re.IGNORECASE,
)
_STATES = re.compile(r"(?:my|i|i'm|i've|we|the|our|he|she|it|there)\b", re.IGNORECASE)
READ = 3
"""So many of the best sentences are read for what is asked."""
SAME_QUESTION = 0.88
"""From this cosine on, two questions ask the same: "how long should i press" and "How long do I press?" have 0.95."""

_SHOPPING = re.compile(
    r"\b(?:prices?|priced|costs?|charges?|expensive|cheap(?:er|est)?|fees?|worth|discount|pay|buy|order|shops?|stores?"
    r"|sells?|sale|warranty|guarantee|refund|returns?|shipping|delivery|brands?|make of|model)\b",
    re.IGNORECASE,
)


def signs(
    question: str,
    leaning: float,
    stems: Sequence[str],
    evidence: Evidence,
    sentences: Sequence[str],
    lexical: LexicalIndex,
    elsewhere: float,
) -> dict[str, float]:
    """Return the signs for `question`, the terms of which are `stems`.

    `evidence` holds the candidates, and `sentences` the texts of the best three or more, best first; `elsewhere` is the
    cosine of the question and of what people ask of anything but a guide.
    """
    scores = evidence.scores
    order = evidence.order
    best, nearest, sixth = order[0], order[:5], order[min(5, len(order) - 1)]
    chances = np.exp(scores - scores[best])
    chances /= chances.sum()
    both = evidence.column("sentence") + evidence.column("headed")
    idf = {stem: lexical.idf(stem) for stem in stems}
    foreign = [stem for stem in stems if not lexical.knows(stem)]
    near = sentences[:READ]
    numbers = _numbers([question])
    return {
        "top": float(scores[best]),
        "both": float(both.max()),
        "headed": evidence.best("headed"),
        "window": evidence.best("window"),
        "passage": evidence.best("passage"),
        "best_sentence": float(evidence.column("sentence")[best]),
        "best_headed": float(evidence.column("headed")[best]),
        "best_coverage": float(evidence.column("coverage")[best]),
        "near_coverage": float(evidence.column("window_coverage")[nearest].max()),
        "bm25": evidence.best("bm25"),
        "mean": float(both.mean()),
        "gap": float(scores[best] - scores[sixth]),
        "entropy": float(-(chances * np.log(chances + 1e-9)).sum()),
        "foreign_share": sum(idf[stem] for stem in foreign) / (sum(idf.values()) or 1.0),
        "content_words": float(min(6, len(content_words(question)))),
        "leaning": leaning,
        "kind_missing": float(any(not any(holds(kind, text) for text in near) for kind in kinds_asked(question))),
        "number_missing": float(bool(numbers) and not numbers & _numbers(near)),
        "shopping": float(bool(_SHOPPING.search(question)) and not any(_SHOPPING.search(text) for text in near)),
        "elsewhere": elsewhere,
        "asks": float(asks(question)),
        "states": float("?" not in question and bool(_STATES.match(question))),
    }


def _numbers(texts: Sequence[str]) -> set[str]:
    return {number for text in texts for number in _NUMBER.findall(text)}


def confidence(found: Mapping[str, float]) -> float:
    """Return the probability (0..1) that the guide answers: a logistic of the signs and of a few of their mixtures."""
    model = _model()
    row = np.array([found[name] for name in SIGNS], dtype=np.float64)
    mixed = np.tanh(np.clip(model.hidden @ row + model.hidden_bias, -30.0, 30.0))
    return logistic(float(model.bias + model.weights @ row + model.mixtures @ mixed))


def curated_match(evidence: Evidence) -> float:
    """Return the cosine of the question and a curated one that says almost the same, 0 where none does.

    What the publisher says is answered needs no guess.
    """
    cosine = float(evidence.column("curated").max()) + LABEL_NEAR
    return min(1.0, cosine) if cosine >= SAME_QUESTION else 0.0


def sells_nothing(question: str, sentences: Sequence[str]) -> bool:
    """Whether `question` asks what something costs or where to get it, and none of the best three sentences says."""
    return bool(_SALE.search(question)) and not any(_SHOPPING.search(sentence) for sentence in sentences[:READ])


def names_a_stranger(question: str, known: Callable[[str], bool]) -> bool:
    """Whether `question` asks what something is or does ("what does the sartorius do?") that the guide never names.

    `known` tells of a word whether the guide uses it. The nearest sentence would tell of something else.
    """
    found = _NAMES.match(question)
    words = content_words(found["does"] or found["what"]) if found else []
    return 0 < len(words) <= 3 and not any(known(word) for word in words)


def plainly_silent(question: str, sentences: Sequence[str], known: Callable[[str], bool]) -> bool:
    """Whether `question` by its words alone asks for what the guide does not hold, whatever stands near.

    `sentences` are the best candidates, best first; `known` tells whether the guide uses all words of a text.
    """
    return runs_an_errand(question, known) or names_a_stranger(question, known) or sells_nothing(question, sentences)


def runs_an_errand(question: str, known: Callable[[str], bool]) -> bool:
    """Whether `question` wants what no guide does: a joke, a translation, a program, other rules for the assistant.

    `known` tells whether the guide uses all words of a text: what it writes of itself is no errand.
    """
    found = (errand.search(question) for errand in _errands())
    return any(match is not None and not known(match.group()) for match in found)


def threshold() -> float:
    """Return the confidence below which the guide is taken to be silent."""
    return _model().threshold


@dataclass(frozen=True)
class Model:
    """The learned numbers: `weights` (signs,), and `mixtures` (n,) of n hidden units with weights (n, signs)."""

    bias: float
    threshold: float
    weights: NDArray[np.float64]
    mixtures: NDArray[np.float64]
    hidden: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]


@lru_cache(maxsize=1)
def _model() -> Model:
    table: dict[str, Any] = json.loads(files("wellcited").joinpath("data/confidence.json").read_text("utf-8"))
    units = table["hidden"]
    return Model(
        bias=float(table["bias"]),
        threshold=float(table["threshold"]),
        weights=np.array([table["weights"][name] for name in SIGNS]),
        mixtures=np.array([unit["mixture"] for unit in units]),
        hidden=np.array([[unit["weights"][name] for name in SIGNS] for unit in units]),
        hidden_bias=np.array([unit["bias"] for unit in units]),
    )


@lru_cache(maxsize=1)
def _errands() -> tuple[re.Pattern[str], ...]:
    table = tomllib.loads(files("wellcited").joinpath("data/errands.toml").read_text("utf-8"))
    return tuple(re.compile(pattern, re.IGNORECASE) for kind in table["errand"] for pattern in kind["patterns"])
