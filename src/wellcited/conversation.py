"""What the reader asks now, read in the light of what was asked before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wellcited.datatypes import Message
from wellcited.ranking import content_words

CONTEXT_CHARS = 400
"""How much of what was asked before is read along with the question."""

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
_PART = re.compile(
    rf"\?+\s+(?=\S)|[,;]?\s+(?:and|&|or|then|plus)\s+(?=(?:also |then |if so,? )?(?:{_ASKING}"
    r"|is|are|does|do|did|can|could|should|shall|will|would|must|may|has|have)\b)"
    rf"|[,;]\s+(?={_ASKING}\b)",
    re.IGNORECASE,
)
MAX_PARTS = 3


@dataclass(frozen=True)
class Asked:
    """The question alone, the same joined with what it follows, and how much it leans on that (0..1)."""

    alone: str
    joined: str | None
    leaning: float


def read(question: str, history: Sequence[Message]) -> Asked:
    """Return `question` without its opening courtesies, and with the earlier questions that it may depend on.

    Only what the reader wrote counts as context. An announced change of topic leans on nothing.
    """
    alone = _OPENER.sub("", question).strip() or question.strip()
    switched = _SWITCH.sub("", alone).strip()
    earlier = _context(history)
    if switched != alone and content_words(switched):
        return Asked(_OPENER.sub("", switched).strip() or switched, None, 0.0)
    if not earlier:
        return Asked(alone, None, 0.0)
    return Asked(alone, f"{earlier} {alone}", _leaning(alone))


def _context(history: Sequence[Message]) -> str:
    """Return the latest earlier questions that carry a topic, at most two of them, oldest first."""
    found: list[str] = []
    for message in reversed(history):
        text = _SWITCH.sub("", _OPENER.sub("", message.content)).strip()
        if message.role != "user" or not content_words(text):
            continue
        found.insert(0, text[:CONTEXT_CHARS])
        if len(found) == 2 or (len(content_words(text)) >= 2 and not _CONTINUES.match(text)):
            break
    return " ".join(found)


def _leaning(question: str) -> float:
    points_back = bool(_POINTS_BACK.search(question))
    content = len(content_words(question))
    if content == 0:
        return 1.0
    if points_back and content <= 2:
        return 0.65
    if points_back or _CONTINUES.match(question):
        return 0.5
    return 0.45 if content <= 2 else 0.35


def parts(question: str) -> list[str]:
    """Return the questions that `question` asks at once, in order; one that cannot be cut is returned whole."""
    pieces = [piece.strip(" ,;") for piece in _PART.split(question)]
    found: list[str] = []
    for piece in pieces:
        if found and (not content_words(piece) or not content_words(found[-1])):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    if len(found) > MAX_PARTS or any(not content_words(piece) for piece in found):
        return [question]
    return found
