"""Asking: every question in its conversation, every safety message before the guardrail."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from wellcited.datatypes import Answer, Document, Message, Triage
from wellcited.errors import EvaluationError, QuestionError
from wellcited.evaluation import referral, scoring
from wellcited.evaluation.evidence import Atlas
from wellcited.evaluation.questions import QuestionCase, SafetyCase

Progress = Callable[[int, int], None]
"""Called with the number done and the number in all."""


class Asked(Protocol):
    """What is evaluated with questions: an Assistant, or anything that answers like one."""

    @property
    def documents(self) -> Mapping[str, Document]: ...

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer: ...


class Triages(Protocol):
    """What is evaluated with safety messages: the guardrail."""

    @property
    def rules_version(self) -> str: ...

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage: ...


def run_questions(
    assistant: Asked, cases: Sequence[QuestionCase], progress: Progress | None = None
) -> scoring.QuestionScores:
    """Ask every question and score the answers. Raises EvaluationError naming a question that cannot be taken."""
    atlas = Atlas(assistant.documents)
    judged = []
    for done, case in enumerate(cases, start=1):
        judged.append(scoring.judge(case, *_converse(assistant, case), atlas))
        if progress:
            progress(done, len(cases))
    return scoring.score(judged)


def _converse(assistant: Asked, case: QuestionCase) -> tuple[Answer, float]:
    """The reply to the last turn, the earlier ones having been asked in order, and its time in milliseconds."""
    history: list[Message] = []
    for turn in case.turns:
        started = time.perf_counter()
        try:
            answer = assistant.ask(turn, history=tuple(history))
        except QuestionError as error:
            raise EvaluationError(f"question {case.id!r} cannot be asked: {error}") from error
        milliseconds = (time.perf_counter() - started) * 1000
        history += [Message(role="user", content=turn), Message(role="assistant", content=answer.text)]
    return answer, milliseconds


def run_safety(
    guardrail: Triages,
    cases: Sequence[SafetyCase],
    assistant: Asked | None = None,
    progress: Progress | None = None,
) -> referral.SafetyScores:
    """Sort every message and score the tiers; with an assistant, check also that its referrals quote nothing."""
    messages: list[referral.Sorted] = []
    asked, leaks, disagreements = 0, [], []
    for done, case in enumerate(cases, start=1):
        history = tuple(Message(role="user", content=turn) for turn in case.turns[:-1])
        found = guardrail.triage(case.turns[-1], history)
        messages.append(referral.Sorted(id=case.id, case=case, tier=found.tier, reasons=found.reasons))
        if assistant and found.tier != "none":
            asked += 1
            try:
                answer = assistant.ask(case.turns[-1], history=history)
            except QuestionError as error:
                raise EvaluationError(f"message {case.id!r} cannot be asked: {error}") from error
            if answer.citations or answer.further:
                leaks.append(case.id)
            if answer.triage.tier != found.tier:
                disagreements.append(case.id)
        if progress:
            progress(done, len(cases))
    invariant = (
        referral.Invariant(asked=asked, leaks=tuple(leaks), disagreements=tuple(disagreements)) if assistant else None
    )
    return referral.score(messages, guardrail.rules_version, invariant)
