"""The assistant as the server sees it work: the same answers, with kind, tier and times told to log and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from wellcited.datatypes import Answer, Document, Message
from wellcited.errors import QuestionError
from wellcited.settings import Settings
from wellcited.stages import listening
from wellcited.web.api import Answering
from wellcited.web.logs import turn
from wellcited.web.metrics import Metrics


class Observed:
    """Answers as `assistant` does, whichever build that holds at the time, and tells how it went."""

    def __init__(self, assistant: Answering, metrics: Metrics, settings: Settings) -> None:
        self._assistant = assistant
        self._metrics = metrics
        self._log_questions = settings.log_questions

    @property
    def documents(self) -> Mapping[str, Document]:
        """The guides."""
        return self._assistant.documents

    @property
    def examples(self) -> tuple[str, ...]:
        """A few questions to begin with."""
        return self._assistant.examples

    @property
    def bundle_id(self) -> str:
        """The build that answers."""
        return self._assistant.bundle_id

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        """Answer, and note the answer's kind, tier and bundle and how long each stage took."""
        mine, spent, begun = turn.get(), 0.0, time.perf_counter()

        def tell(stage: str, seconds: float) -> None:
            nonlocal spent
            spent += seconds
            self._metrics.stage(stage, seconds)

        if mine is not None and self._log_questions:
            mine.question = question
        try:
            with listening(tell):
                answer = self._assistant.ask(question, history)
        except QuestionError:
            raise
        except Exception:
            self._metrics.failures.inc()
            raise
        total = time.perf_counter() - begun
        self._metrics.stage("total", total)
        if answer.kind in ("answer", "not_covered"):
            self._metrics.stage("compose", max(0.0, total - spent))
        self._metrics.answers.labels(answer.kind, answer.triage.tier).inc()
        if mine is not None:
            mine.kind, mine.tier, mine.bundle_id = answer.kind, answer.triage.tier, answer.receipt.bundle_id
        return answer
