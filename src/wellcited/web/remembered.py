"""Answers that were given before: the same question of the same build gets the same answer, not looked up again.

What decides an answer is the build that gives it (its rules and messages too), the question, and what the reader wrote
before it; what a client says that the assistant said decides nothing. An answer is kept under a digest of these, made
with a key that this process drew and tells nobody: no question is kept, here or anywhere.
"""

from __future__ import annotations

import secrets
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from wellcited.datatypes import Answer, Message
from wellcited.safety.guardrail import FAILED
from wellcited.web.api import Answering

MOST_BYTES = 16 * 1024 * 1024
"""Of all answers together, as JSON; one has 2 to 5 kB."""


class Held(NamedTuple):
    """How much is remembered."""

    answers: int
    size: int


class Remembered:
    """At most `most` answers, in `most_bytes` of JSON; those asked for longest ago go first. Threads may share it."""

    def __init__(self, most: int, most_bytes: int = MOST_BYTES) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._of: Callable[[], Answering | None] = lambda: None

    @property
    def held(self) -> Held:
        """How much is remembered now."""
        with self._lock:
            return Held(len(self._answers), self._size)

    def find(
        self, assistant: Answering, question: str, history: Sequence[Message | Mapping[str, str]]
    ) -> tuple[Answer | None, Callable[[Answer], None]]:
        """Return the answer that `assistant` gave to this before, None where there is none; and what remembers one.

        Another assistant than the last one empties it: it holds another build, or the same one opened anew with other
        rules. Answers of the former that are still under way are not remembered.
        """
        turns = [turn for turn in history if isinstance(turn, Message)]
        if not self.most or len(turns) < len(history):  # every door has read its history by now
            return None, lambda answer: None
        name = self._digest(question, turns)
        with self._lock:
            if self._of() is not assistant:
                self._answers.clear()
                self._size, self._of = 0, weakref.ref(assistant)
            found = self._answers.get(name)
            if found is not None:
                self._answers.move_to_end(name)
        known = None if found is None else Answer.model_validate_json(found)
        return known, lambda answer: self._keep(assistant, name, answer)

    def _keep(self, assistant: Answering, name: bytes, answer: Answer) -> None:
        if FAILED in answer.triage.reasons:  # the guardrail may work again the next time
            return
        kept = answer.model_dump_json().encode()
        with self._lock:
            if self._of() is not assistant or len(kept) > self.most_bytes:
                return
            self._size += len(kept) - len(self._answers.pop(name, b""))
            self._answers[name] = kept
            while len(self._answers) > self.most or self._size > self.most_bytes:
                self._size -= len(self._answers.popitem(last=False)[1])

    def _digest(self, question: str, turns: Sequence[Message]) -> bytes:
        found = blake2b(key=self._key, digest_size=32)
        told = (f"user {turn.content}" if turn.role == "user" else turn.role for turn in turns)
        for text in (question.strip(), *told):
            words = text.encode("utf-8", "surrogatepass")
            found.update(len(words).to_bytes(8, "big") + words)
        return found.digest()
