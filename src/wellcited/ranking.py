"""How well each sentence answers a question: features of the pair, weighed by a small learned model.

The features carry nothing of any one guide, so that the weights (data/ranking.json, learned by
benchmarks/train_ranking.py) serve a guide never seen before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from wellcited.search.lexical import words

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]

FEATURES = (
    "sentence",  # cosine of question and sentence
    "headed",  # cosine of question and "heading: sentence"
    "window",  # cosine of question and the mean of the sentence and its neighbours
    "passage",  # cosine of question and passage
    "heading",  # cosine of question and heading of the section
    "label",  # cosine of question and the nearest label (heading or curated question) of the section
    "curated",  # what of the cosine of question and nearest curated question of the section is above 0.5
    "curated_sentence",  # the same times the cosine of that curated question and the sentence
    "bm25",  # BM25 of the sentence with its heading, by the most the question could reach
    "coverage",  # share of the question's terms, by idf, that sentence and heading hold
    "window_coverage",  # the same for the neighbours too
    "is_question",  # the sentence is itself a question: it asks, it does not tell
    "dangling",  # the sentence opens with a word that points back (this, it, they)
    "short",  # the sentence is too short to tell much
    "amount",  # the question asks for an amount of some kind, and the sentence holds a number
    "kind",  # the sentence holds the very kind of amount asked for: a duration, a price, a size
    "reason",  # the question asks why, and the sentence gives a reason
    "named_first",  # the question asks what something is, and the sentence opens with its words
    "definition",  # the same, and the sentence says what that very thing is
    "opening",  # the sentence opens its section
)

_AMOUNT_ASKED = re.compile(
    r"\bhow (?:long|many|much|often|far|big|old|deep|hot|warm|high|wide|soon|early|late|tall|heavy)\b"
    r"|\b(?:what|which) (?:age|angle|temperature|distance|percentage|time|length|size|height|number|amount|weight)\b"
    r"|\b(?:minutes?|seconds?|secs?|mins?|hours?|duration|minimum|maximum|at (?:most|least)|number of)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty|sixty|ninety"
    r"|hundred|half|once|twice|daily|weekly|monthly|hours?|minutes?|seconds?|days?|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_KINDS = {
    # what asks for it: what holds it
    "money": (
        r"\b(?:prices?|priced|costs?|charges?|expensive|cheap|fees?)\b|\bhow much (?:is|are|does|do|for|would)\b",
        r"[$€£]\s?\d|\d+\s?(?:euros?|dollars?|pounds?|crowns?|marks?)|\b(?:price|cost|fee|pay)\w*",
    ),
    "duration": (
        r"\bhow (?:long|soon)\b|\bhow many (?:\w+ )?(?:seconds|minutes|hours|days|weeks|months|years)\b"
        r"|\b(?:duration|seconds|minutes)\b",
        r"\b(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|nights?)\b",
    ),
    "frequency": (
        r"\bhow often\b|\btimes? (?:a|per) (?:day|week|month)\b|\bhow many times\b|\bhow frequently\b",
        r"\b(?:once|twice|times|daily|weekly|every|each (?:day|week|night)|a (?:day|week))\b",
    ),
    "size": (
        r"\bhow (?:big|wide|tall|deep|high|thick|far)\b|\bcentimet\w+|\b(?:cm|mm|inches|dimensions?|diameter)\b"
        r"|\bwhat (?:size|length)\b",
        r"\d+\s?(?:mm|cm|m|metres?|meters?|centimet|millimet|inch|kilomet)|\b(?:finger|hand|palm)s?\b",
    ),
    "temperature": (r"\bhow (?:hot|warm|cold)\b|\btemperature\b|\bdegrees\b", r"\d+\s?(?:°|degrees)"),
    "weight": (
        r"\bhow heavy\b|\bweigh\w*|\b(?:kilos?|kg)\b",
        r"\d+\s?(?:kg|kilos?|grams?|g|lbs?)\b|\b(?:kilos?|tonnes?)\b",
    ),
}
_ASKS = {kind: re.compile(asks, re.IGNORECASE) for kind, (asks, _) in _KINDS.items()}
_HOLDS = {kind: re.compile(holds, re.IGNORECASE) for kind, (_, holds) in _KINDS.items()}
_REASON_ASKED = re.compile(r"\b(?:why|how come|what causes?|reasons?|what for|purpose)\b", re.IGNORECASE)
_REASON = re.compile(
    r"\b(?:because|since|due to|causes?|caused|causing|so that|reasons?|that is why|this is why|leads? to|therefore"
    r"|as a result|which is why|otherwise|in order to|makes?|means?)\b",
    re.IGNORECASE,
)
_DEFINITION_ASKED = re.compile(
    r"^(?:and |so |ok |okay )*(?:what(?:['’]?s| is| are| does .* mean)|who (?:is|are)|where(?:['’]?s| is| are)"
    r"|define|explain)\b"
    r"|\b(?:definition|meaning) of\b|\b(?:definition|meaning|mean)\W*$",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"\W*(?:in short,? |short answer: ?|primarily,? )?(?:(?:the|an?|each|every|your) )?(?P<subject>[^.;:!?]{2,60}?) "
    r"(?:is|are|means?|refers? to|consists? of|stands? for|lies?|sits?|starts?|begins?|runs?|connects?)\b",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:this|that|these|those|it|its|it['’]s|they|their|he|she|here|there|then|such|both|each|either|neither"
    r"|but|however|and|so|or|also|instead|otherwise)\b",
    re.IGNORECASE,
)
COMMON = frozenset(
    "a about after all also am an and any are as at be because been before being but by can could did do does doing "
    "done dont for from get go got had has have having he her here hers him his how i id if ill im in into is isnt it "
    "its ive just know like me mean might mine more most much must my no not of off ok okay on one only or other our "
    "out over own please same say says she should so some such tell than thanks that thats the their them then there "
    "these they thing things this those to too us use very want was way we well were what whats when where which while "
    "who why will with would you your yours explain".split()
)
"""Words that carry no topic of their own; a question's terms are the others."""


def kinds_asked(question: str) -> list[str]:
    """Return the kinds of amount that `question` asks for: duration, money, frequency, size, temperature, weight."""
    return [kind for kind, pattern in _ASKS.items() if pattern.search(question)]


def holds(kind: str, sentence: str) -> bool:
    """Whether `sentence` holds an amount of `kind`."""
    return bool(_HOLDS[kind].search(sentence))


def content_words(text: str) -> list[str]:
    """Return the words of `text` that carry a topic, in order."""
    return [word for word in words(text) if word not in COMMON]


class SentenceTraits:
    """What a sentence offers whatever is asked: flags by name, each of shape (sentences,), and words on demand."""

    NAMES = ("is_question", "dangling", "amount", "reason", *_HOLDS)

    def __init__(self, sentences: Sequence[str], opening: NDArray[np.bool_], flags: NDArray[np.bool_]) -> None:
        """`opening` (sentences,) tells which of them open a section, `flags` (sentences, len(NAMES)) is of `read`."""
        self._sentences = sentences
        self._opening = opening
        self._flags = flags
        self._first_words: dict[int, frozenset[str]] = {}
        self._subjects: dict[int, frozenset[str]] = {}

    @classmethod
    def read(cls, sentences: Sequence[str]) -> NDArray[np.bool_]:
        """Return what is read off each sentence, of shape (sentences, len(NAMES)); it is done at index time."""
        tests: list[Callable[[str], object]] = [
            lambda sentence: sentence.rstrip("\"'”’)").endswith("?"),
            _DANGLING.match,
            _AMOUNT.search,
            _REASON.search,
            *(pattern.search for pattern in _HOLDS.values()),
        ]
        found = [[bool(test(sentence)) for test in tests] for sentence in sentences]
        return np.array(found, dtype=np.bool_).reshape(len(sentences), len(tests))

    @classmethod
    def of(cls, sentences: Sequence[str], opening: Sequence[bool]) -> SentenceTraits:
        """Read the traits off `sentences`; `opening` tells which of them open a section."""
        return cls(sentences, np.array(opening, dtype=np.bool_), cls.read(sentences))

    def flag(self, name: str, rows: Rows) -> Scores:
        """Return one flag of the sentences `rows`, 0 or 1."""
        found: Scores = self._flags[rows, self.NAMES.index(name)].astype(np.float32)
        return found

    def opening(self, rows: Rows) -> Scores:
        """Return 1 for each of the sentences `rows` that opens its section, else 0."""
        found: Scores = self._opening[rows].astype(np.float32)
        return found

    def short(self, rows: Rows) -> Scores:
        """Return how much each of the sentences `rows` is shorter than 50 characters, 0 to 1."""
        lengths = np.array([len(self._sentences[row]) for row in rows.tolist()], dtype=np.float32)
        found: Scores = np.maximum(np.float32(0), 1 - lengths / np.float32(50))
        return found

    def first_words(self, row: int) -> frozenset[str]:
        """Return the first words of a sentence that carry a topic."""
        if row not in self._first_words:
            self._first_words[row] = frozenset(content_words(self._sentences[row])[:3])
        return self._first_words[row]

    def subject(self, row: int) -> frozenset[str]:
        """Return the words of what the sentence defines ("The femur is ..."), none where it defines nothing."""
        if row not in self._subjects:
            found = _DEFINES.match(self._sentences[row])
            self._subjects[row] = frozenset(content_words(found["subject"])) if found else frozenset()
        return self._subjects[row]


@dataclass(frozen=True)
class Wanted:
    """What kind of answer a question wants."""

    amount: bool
    kinds: tuple[str, ...]
    reason: bool
    definition: bool
    content: frozenset[str]

    @classmethod
    def of(cls, question: str) -> Wanted:
        """Read it off the words of `question`."""
        return cls(
            amount=bool(_AMOUNT_ASKED.search(question)),
            kinds=tuple(kinds_asked(question)),
            reason=bool(_REASON_ASKED.search(question)),
            definition=bool(_DEFINITION_ASKED.search(question.strip())),
            content=frozenset(content_words(question)),
        )


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0


def trait_features(wanted: Wanted, traits: SentenceTraits, rows: Rows) -> Mapping[str, Scores]:
    """Return the features that depend on the kind of question alone for the sentences `rows`, each (len(rows),)."""
    zeros: Scores = np.zeros(len(rows), dtype=np.float32)
    named: Scores = zeros
    defined: Scores = zeros
    if wanted.definition and wanted.content:
        first = [len(wanted.content & traits.first_words(row)) for row in rows.tolist()]
        named = np.array(first, dtype=np.float32) / np.float32(len(wanted.content))
        defined = np.array([_jaccard(wanted.content, traits.subject(row)) for row in rows.tolist()], dtype=np.float32)
    return {
        "is_question": traits.flag("is_question", rows),
        "dangling": traits.flag("dangling", rows),
        "short": traits.short(rows),
        "amount": traits.flag("amount", rows) if wanted.amount else zeros,
        "kind": np.maximum.reduce([zeros, *(traits.flag(kind, rows) for kind in wanted.kinds)]),
        "reason": traits.flag("reason", rows) if wanted.reason else zeros,
        "named_first": named,
        "definition": defined,
        "opening": traits.opening(rows),
    }


@lru_cache(maxsize=1)
def weights() -> Scores:
    """Return the learned weight of every feature, in the order of FEATURES."""
    table = json.loads(files("wellcited").joinpath("data/ranking.json").read_text("utf-8"))
    return np.array([table["weights"][name] for name in FEATURES], dtype=np.float32)
