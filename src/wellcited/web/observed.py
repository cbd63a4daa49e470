"""The assistant as the server sees it work: the same answers, remembered, and told of to log and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from wellcited.datatypes import Answer, Document, Message
from wellcited.errors import QuestionError
from wellcited.settings import Settings
from wellcited.stages import listening
from wellcited.web.api import Answering
from wellcited.web.logs import turn
from wellcited.web.metrics import Metrics
from wellcited.web.remembered import Remembered


class Observed:
    """Answers as the assistant does that `hold` gives at the time, or as it did before, and tells how it went."""

    def __init__(
        self, hold: Callable[[], Answering], metrics: Metrics, settings: Settings, remembered: Remembered
    ) -> None:
        self._hold = hold
        self._metrics = metrics
        self._settings = settings
        self._remembered = remembered

    @property
    def documents(self) -> Mapping[str, Document]:
        """The guides."""
        return self._hold().documents

    @property
    def examples(self) -> tuple[str, ...]:
        """A few questions to begin with."""
        return self._hold().examples

    @property
    def bundle_id(self) -> str:
        """The build that answers."""
        return self._hold().bundle_id

    def held(self) -> Observed:
        """Return the same for the build that answers now, whichever comes after it."""
        now = self._hold()
        return Observed(lambda: now, self._metrics, self._settings, self._remembered)

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        """Answer, and note the answer's kind, tier and bundle and how long each stage took."""
        mine, spent, begun = turn.get(), 0.0, time.perf_counter()

        def tell(stage: str, seconds: float) -> None:
            nonlocal spent
            spent += seconds
            self._metrics.stage(stage, seconds)

        if mine is not None and self._settings.log_questions:
            mine.question = question
        assistant = self._hold()
        found, remember = self._remembered.find(assistant, question, history)
        self._metrics.cached(found is not None)
        try:
            with listening(tell):
                answer = found or assistant.ask(question, history)
        except QuestionError:
            raise
        except Exception:
            self._metrics.failures.inc()
            raise
        total = time.perf_counter() - begun
        self._metrics.stage("total", total)
        if found is None:
            remember(answer)
            if answer.kind in ("answer", "not_covered"):
                self._metrics.stage("compose", max(0.0, total - spent))
        self._metrics.answers.labels(answer.kind, answer.triage.tier).inc()
        if mine is not None:
            mine.kind, mine.tier, mine.bundle_id = answer.kind, answer.triage.tier, answer.receipt.bundle_id
        return answer
