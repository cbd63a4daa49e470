"""How sure wellcited is that the guide answers a question: what gives a silent guide away, weighed by a learned model.

A question that asks for a price, an amount or a person where no near sentence holds one, or that hangs on words
foreign to the guide, is seldom answered by it, however near its topic. Weights and threshold (data/confidence.json)
are learned by benchmarks/train_ranking.py on guides other than the publisher's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from wellcited.ranking import content_words, holds, kinds_asked
from wellcited.retrieval import LABEL_NEAR, Evidence
from wellcited.search.lexical import LexicalIndex

SIGNS = (
    "top",  # fused score of the best sentence
    "sentence",  # best cosine of question and sentence
    "headed",  # best cosine of question and "heading: sentence"
    "heading",  # best cosine of question and a heading
    "best_sentence",  # cosine of question and the best sentence
    "best_coverage",  # share of the question's terms that the best sentence holds
    "near_coverage",  # the same for the five best and their neighbours
    "foreign_share",  # share of the question's terms, by idf, that the guide never uses
    "foreign_count",  # how many of them, up to 3
    "content_words",  # how many words of the question carry a topic, up to 6
    "leaning",  # how much the question leans on what was asked before
    "kind_missing",  # it asks for a kind of amount that none of the best three sentences holds
    "shopping",  # it asks about buying, and the best three sentences do not
)

_SALE = re.compile(
    r"\b(?:prices?|priced|costs?|warranty|guarantee|refunds?|discounts?|shipping|for sale|in stock"
    r"|where (?:can|do|could) i (?:buy|get|order|find) (?:it|one|a|an|the))\b",
    re.IGNORECASE,
)
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
) -> dict[str, float]:
    """Return the signs for `question`, the terms of which are `stems`.

    `evidence` holds the candidates, and `sentences` the texts of the best three or more, best first.
    """
    order = (-evidence.scores).argsort(kind="stable")
    best, nearest = order[0], order[:5]
    idf = {stem: lexical.idf(stem) for stem in stems}
    foreign = [stem for stem in stems if not lexical.knows(stem)]
    asked = kinds_asked(question)
    shopping = _SHOPPING.search(question) and not any(_SHOPPING.search(sentence) for sentence in sentences[:3])
    return {
        "top": float(evidence.scores[best]),
        "sentence": float(evidence.column("sentence").max()),
        "headed": float(evidence.column("headed").max()),
        "heading": float(evidence.column("heading").max()),
        "best_sentence": float(evidence.column("sentence")[best]),
        "best_coverage": float(evidence.column("coverage")[best]),
        "near_coverage": float(evidence.column("window_coverage")[nearest].max()),
        "foreign_share": sum(idf[stem] for stem in foreign) / (sum(idf.values()) or 1.0),
        "foreign_count": float(min(3, len(foreign))),
        "content_words": float(min(6, len(content_words(question)))),
        "leaning": leaning,
        "kind_missing": float(any(not any(holds(kind, sentence) for sentence in sentences[:3]) for kind in asked)),
        "shopping": float(bool(shopping)),
    }


def confidence(found: Mapping[str, float]) -> float:
    """Return the probability (0..1) that the guide answers, a logistic of the signs."""
    model = _model()
    logit = model["bias"] + sum(model["weights"][name] * found[name] for name in SIGNS)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def curated_match(evidence: Evidence) -> float:
    """Return the cosine of the question and a curated one that says almost the same, 0 where none does.

    What the publisher says is answered needs no guess.
    """
    cosine = float(evidence.column("curated").max()) + LABEL_NEAR
    return min(1.0, cosine) if cosine >= SAME_QUESTION else 0.0


def sells_nothing(question: str, sentences: Sequence[str]) -> bool:
    """Whether `question` asks what something costs or where to get it, and none of the best three sentences says."""
    return bool(_SALE.search(question)) and not any(_SHOPPING.search(sentence) for sentence in sentences[:3])


def threshold() -> float:
    """Return the confidence below which the guide is taken to be silent."""
    return float(_model()["threshold"])


@lru_cache(maxsize=1)
def _model() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(files("wellcited").joinpath("data/confidence.json").read_text("utf-8"))
    return table
