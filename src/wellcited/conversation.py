"""What the reader asks now, read in the light of what was asked before.

How much a question leans on its context is a small learned model (data/leaning.json, by benchmarks/train_ranking.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from wellcited.datatypes import Message
from wellcited.logistic import logistic
from wellcited.ranking import content_words

CONTEXT_CHARS = 400
"""How much of what was asked before is read along with the question."""
CONTEXT_TURNS = 4
BEFORE = " || "
"""Stands between what was asked before and the question: the encoder was taught to read it so."""

_OPENER = re.compile(
    r"^(?:(?:ok(?:ay)?|hm+|ah+|oh|so|yes|yeah|lol|haha|thanks?(?: you(?: (?:so|very) much)?)?|thx|ta|cheers|got it"
    r"|i see|alright|many thanks)(?:\s*[,.;:!–]+\s*|\s+|$)"
    # these may belong to the question ("right hip", "well-being"): only before a pause
    r"|(?:right|good|great|fine|cool|nice|perfect|well|sure|no|nope)(?:\s*[,.;:!–]+\s+|$))+",
    re.IGNORECASE,
)
_SWITCH = re.compile(
    r"^(?:(?:on )?(?:a |an |to a )?(?:(?:completely |totally |very )?"
    r"(?:different|new|other|another|next|separate|unrelated)(?: \w+)? (?:topic|question|thing|subject|point|one)"
    r"|something (?:else|different)|chang(?:e|ing) (?:of )?(?:the )?(?:topic|subject)|switching (?:topics?|subjects?)"
    r"|by the way|btw|(?:also )?unrelated|apropos|one more thing|while i(?:['’]m| am) here|leaving that aside"
    r"|forget that)(?: entirely| altogether| now)?)\b[\s,.;:!?–-]*",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|that|this|those|these|he|him|his|she|her|one|ones|other|others|another|same|both"
    r"|either|neither|else|instead|then|there|such|so|more|afterwards?|meanwhile|again|latter|former)\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^(?:(?:and|or|but|also|plus|(?:what|how) about|what if|which|even|any|then|in what|for how|like what|such as)\b"
    r"|(?:why(?: not| so)?|how (?:long|often|many|much|come|so)|when|where|who)\W*$)",
    re.IGNORECASE,
)

_ASKING = r"(?:what|how|why|where|when|which|who)(?:['’]?s|['’]re)?"
_BEFORE_ASKING = r"(?:in|at|on|for|to|from|by|with|about|of|since|until|after|before|during)"
_OPENS_QUESTION = (
    rf"(?:also |then |if so,? )?(?:(?:{_BEFORE_ASKING} )?{_ASKING}"
    r"|is|are|does|do|did|can|could|should|shall|will|would|must|may|has|have)\b"
)
_PART = re.compile(
    rf"\?+\s+(?=\S)|[,;]?\s+(?:and|&|or|then|plus)\s+(?={_OPENS_QUESTION})"
    rf"|[,;]\s+(?=(?:{_BEFORE_ASKING} )?{_ASKING}\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    rf"(?:(?:and|&|or|then|plus|also|but|so|ok|please|hi|hey|um|well)\s+)*(?:{_OPENS_QUESTION}"
    r"|(?:whose|am|was|were|might|any|need|tell|explain|describe|show|list|give|name|define|compare|summari[sz]e)\b)",
    re.IGNORECASE,
)
MAX_PARTS = 3


LEANING = (
    "bias",
    "points_back",  # the question holds a word that points back (it, that, the other)
    "continues",  # it opens like a continuation (and, what about), or is nothing but "why?"
    "no_content",  # none of its words carries a topic
    "content_words",  # how many do, up to 6, as a share of 6
    "alone",  # best cosine of a sentence with the question alone
    "gain",  # how much better that is after what was asked before
    "length",  # characters of the question, up to 100, as a share of 100
)
"""What tells how much a question leans on what was asked before."""


@dataclass(frozen=True)
class Asked:
    """The question alone, and the same after what it follows; None where it follows nothing or leaves it behind."""

    alone: str
    joined: str | None

    def written(self, mend: Callable[[str], str]) -> Asked:
        """Return the same with every text as `mend` writes it."""
        return Asked(mend(self.alone), self.joined and mend(self.joined))


def read(question: str, history: Sequence[Message]) -> Asked:
    """Return `question` without its opening courtesies, and with the earlier questions that it may depend on.

    Only what the reader wrote counts as context. An announced change of topic leaves it behind.
    """
    alone = _OPENER.sub("", question).strip() or question.strip()
    switched = _SWITCH.sub("", alone).strip()
    earlier = _context(history)
    if switched != alone and content_words(switched):
        return Asked(_OPENER.sub("", switched).strip() or switched, None)
    if not earlier:
        return Asked(alone, None)
    return Asked(alone, f"{earlier}{BEFORE}{alone}")


def _context(history: Sequence[Message]) -> str:
    """Return the latest earlier questions that carry a topic, oldest first, as many as CONTEXT_CHARS hold."""
    found: list[str] = []
    room = CONTEXT_CHARS
    for message in reversed(history):
        text = _SWITCH.sub("", _OPENER.sub("", message.content)).strip()
        if message.role != "user" or not content_words(text):
            continue
        if found and len(text) > room:
            break
        found.insert(0, text[:CONTEXT_CHARS])
        room -= len(text)
        if len(found) == CONTEXT_TURNS:
            break
    return " | ".join(found)


def cues(question: str, alone: float, joined: float) -> tuple[float, ...]:
    """Return the numbers that LEANING names.

    `alone` and `joined` are the best cosines of a sentence with `question` and with the same after its context.
    """
    content = len(content_words(question))
    return (
        1.0,
        float(bool(_POINTS_BACK.search(question))),
        float(bool(_CONTINUES.match(question))),
        float(content == 0),
        min(content, 6) / 6,
        alone,
        joined - alone,
        min(len(question), 100) / 100,
    )


def leaning(question: str, alone: float, joined: float) -> float:
    """Return how much `question` leans on what was asked before (0..1), a learned logistic of its cues."""
    return logistic(sum(weight * cue for weight, cue in zip(_weights(), cues(question, alone, joined), strict=True)))


@lru_cache(maxsize=1)
def _weights() -> tuple[float, ...]:
    table = json.loads(files("wellcited").joinpath("data/leaning.json").read_text("utf-8"))
    return tuple(float(table["weights"][name]) for name in LEANING)


def asks(text: str) -> bool:
    """Whether `text` asks something, or tells to explain it: by a question mark or by how it opens."""
    return "?" in text or bool(_ASKS.match(text))


def parts(question: str) -> list[str]:
    """Return the questions that `question` asks at once, in order; one that cannot be cut is returned whole.

    What asks nothing stays with what stands before it.
    """
    found: list[str] = []
    for piece, asks in _pieces(question):
        if found and not (asks and content_words(piece) and content_words(found[-1])):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    if not 1 < len(found) <= MAX_PARTS or any(not content_words(piece) for piece in found):
        return [question]
    return found


def _pieces(question: str) -> Iterator[tuple[str, bool]]:
    """Yield the pieces of `question`, and whether each asks something: "I am 43." and "Thank you!" do not."""
    start = 0
    for cut in _PART.finditer(question):
        piece = question[start : cut.start()].strip(" ,;")
        yield piece, "?" in cut[0] or asks(piece)
        start = cut.end()
    piece = question[start:].strip(" ,;")
    yield piece, asks(piece)
