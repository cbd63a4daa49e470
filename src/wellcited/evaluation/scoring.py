"""Questions and their answers -> one judgement a question -> the scores of all, of each kind and difficulty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from wellcited.datatypes import Answer, Kind, Value
from wellcited.evaluation.evidence import Atlas, pieces, sentences
from wellcited.evaluation.metrics import Score, aurc, best_aurc, quantile, risk_coverage, share
from wellcited.evaluation.questions import OUTSIDE, QuestionCase

WINDOWS = (300, 600, 1200)
"""How many characters of the shown quotes are looked at, in the order the reader meets them."""
JUDGED_AT = 600
"""The window that decides whether an answerable question was answered."""


class Judged(Value):
    """One question, what came back, and how it counts; times in milliseconds, lengths in characters."""

    id: str
    case: QuestionCase
    reply: Kind
    text: str
    citations: tuple[str, ...]
    further: tuple[str, ...]
    reasons: tuple[str, ...]
    confidence: float
    shown: Mapping[int, bool]
    quoted: int
    """The sentences of `citations`, counted for answerable questions only."""
    quoted_well: int
    """Those of them that overlap the gold evidence."""
    milliseconds: float

    @property
    def missed(self) -> bool:
        """Whether the reader was served wrongly: no evidence, an answer where there is none, or no small talk."""
        if self.case.answerable:
            return not self.shown[JUDGED_AT]
        return self.reply != "smalltalk" if self.case.kind == "smalltalk" else self.reply == "answer"


def judge(case: QuestionCase, answer: Answer, milliseconds: float, atlas: Atlas) -> Judged:
    """Compare one answer with its gold evidence; a question that was declined shows nothing."""
    quotes = (*answer.citations, *answer.further) if answer.kind == "answer" else ()
    said = [piece for quote in answer.citations for piece in sentences(quote)] if case.answerable else []
    return Judged(
        id=case.id,
        case=case,
        reply=answer.kind,
        text=answer.text,
        citations=tuple(quote.quote for quote in answer.citations),
        further=tuple(quote.quote for quote in answer.further),
        reasons=answer.triage.reasons,
        confidence=answer.confidence,
        shown={window: atlas.shows(case.gold, pieces(quotes, window)) for window in WINDOWS},
        quoted=len(said),
        quoted_well=sum(atlas.touches(case.gold, sentence) for sentence in said),
        milliseconds=milliseconds,
    )


class Measure(NamedTuple):
    """What is measured, in words, and whether more of it is better."""

    name: str
    label: str
    better: Literal["more", "less"]
    unit: Literal["share", "characters", "ms", "area"]


class _Share(NamedTuple):
    measure: Measure
    asked: Callable[[Judged], int]
    hit: Callable[[Judged], int]


def _shown(window: int) -> _Share:
    measure = Measure(f"shown_{window}", f"evidence within the first {window} characters", "more", "share")
    return _Share(measure, lambda one: one.case.answerable, lambda one: one.shown[window])


def _replied(name: str, label: str, kind: Kind) -> _Share:
    return _Share(Measure(name, label, "less", "share"), lambda one: one.case.answerable, lambda one: one.reply == kind)


_SHARES = (
    *(_shown(window) for window in WINDOWS),
    _Share(
        Measure("precision", "quoted sentences that are evidence", "more", "share"),
        lambda one: one.quoted,
        lambda one: one.quoted_well,
    ),
    _replied("false_not_covered", "answerable, but told “not covered”", "not_covered"),
    _replied("needlessly_referred", "answerable, but referred", "referral"),
    _replied("taken_for_smalltalk", "answerable, but taken for small talk", "smalltalk"),
    _Share(
        Measure("declined", "unanswerable or off topic, and declined", "more", "share"),
        lambda one: one.case.kind in OUTSIDE,
        lambda one: one.reply != "answer",
    ),
    _Share(
        Measure("declined_by_referral", "of these, declined by a referral", "less", "share"),
        lambda one: one.case.kind in OUTSIDE,
        lambda one: one.reply == "referral",
    ),
    _Share(
        Measure("smalltalk_handled", "small talk, answered as such", "more", "share"),
        lambda one: one.case.kind == "smalltalk",
        lambda one: one.reply == "smalltalk",
    ),
)
_LENGTHS = (
    (Measure("answer_chars_median", "characters of an answer, median", "less", "characters"), 0.5),
    (Measure("answer_chars_p95", "characters of an answer, 95th percentile", "less", "characters"), 0.95),
)
_TIMES = (
    (Measure("ms_median", "milliseconds to answer, median", "less", "ms"), 0.5),
    (Measure("ms_p95", "milliseconds to answer, 95th percentile", "less", "ms"), 0.95),
)
MEASURES: tuple[Measure, ...] = (
    *(row.measure for row in _SHARES),
    *(measure for measure, _ in (*_LENGTHS, *_TIMES)),
)
AREA = Measure("aurc", "area under the risk-coverage curve", "less", "area")

Scores = Mapping[str, Score]


class QuestionScores(Value):
    """The scores of a file of questions.

    `sections` holds shown@600 alone, `results` every question, `misses` the ids of those that went wrong.
    """

    questions: int
    overall: Scores
    kinds: Mapping[str, Scores]
    difficulties: Mapping[str, Scores]
    sections: Mapping[str, Score]
    aurc: Score
    best_aurc: float | None
    risk_coverage: tuple[tuple[float, float], ...]
    misses: tuple[str, ...]
    results: tuple[Judged, ...]


def measure(judged: Sequence[Judged]) -> Scores:
    """Every measure over these questions; lengths are of replies of kind "answer", times of all replies."""
    answers = [float(len(one.text)) for one in judged if one.reply == "answer"]
    times = [one.milliseconds for one in judged]
    return {
        **{row.measure.name: share([int(row.hit(one)) if row.asked(one) else 0 for one in judged],
                                   [int(row.asked(one)) for one in judged]) for row in _SHARES},
        **{measure.name: quantile(answers, q) for measure, q in _LENGTHS},
        **{measure.name: quantile(times, q) for measure, q in _TIMES},
    }  # fmt: skip


def score(judged: Sequence[Judged]) -> QuestionScores:
    """The scores of a run.

    The risk-coverage curve is over answerable and unanswerable questions, by the confidence of the reply. An
    error is an answerable question without its evidence at 600 characters, or an unanswerable one that was answered.
    """
    at_stake = [one for one in judged if one.case.answerable or one.case.kind == "unanswerable"]
    confidence, wrong = [one.confidence for one in at_stake], [one.missed for one in at_stake]
    sections = {
        name: measure(part)[f"shown_{JUDGED_AT}"] for name, part in _groups(judged, lambda one: one.case.section)
    }
    return QuestionScores(
        questions=len(judged),
        overall=measure(judged),
        kinds={name: measure(part) for name, part in _groups(judged, lambda one: one.case.kind)},
        difficulties={name: measure(part) for name, part in _groups(judged, lambda one: one.case.difficulty)},
        sections={name: found for name, found in sections.items() if found.of},
        aurc=aurc(confidence, wrong),
        best_aurc=best_aurc(wrong),
        risk_coverage=tuple(risk_coverage(confidence, wrong)),
        misses=tuple(one.id for one in judged if one.missed),
        results=tuple(judged),
    )


def _groups(judged: Sequence[Judged], key: Callable[[Judged], str]) -> Iterable[tuple[str, list[Judged]]]:
    """The questions of each value of the key, in the order of first appearance; those without a value left out."""
    names = dict.fromkeys(key(one) for one in judged)
    return [(name, [one for one in judged if key(one) == name]) for name in names if name]
