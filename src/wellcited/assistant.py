"""Answer time: question and history -> triage -> retrieve -> compose -> Answer."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from wellcited import bundle, confidence, conversation
from wellcited.answering import answer_text, choose, cite, margin_for
from wellcited.bundle import Build
from wellcited.datatypes import Answer, Document, Message, Receipt, Triage
from wellcited.encoding import Encoder, one_question
from wellcited.errors import QuestionError
from wellcited.opening import Opening, guarded, verifier_of
from wellcited.retrieval import Evidence, Retriever, blend, in_context, presentable
from wellcited.safety import Guardrail
from wellcited.settings import Settings, load_settings
from wellcited.smalltalk import reply_to
from wellcited.stages import stage
from wellcited.verifier import READ, Verifier, doubtful

NOT_COVERED = "The guide does not say."
NEAREST_QUOTES = 3
QUOTABLE = 24
"""Of so many passages, the best, an answer and what follows it are chosen."""
SUGGESTIONS = 3
EXAMPLES = 4
LABELS_READ = 10_000
"""Of more labels, about so many are looked at for examples, spread evenly."""
PART_WEIGHT = 0.5
"""Of a compound question: how much a part counts by itself, the rest being the whole question."""
WARM_UP = "What is this guide about?"


class SafetyLayer(Protocol):
    """What decides, before the guide is looked at, whether a conversation is one for a professional."""

    @property
    def rules_version(self) -> str: ...

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage: ...


@dataclass(frozen=True)
class Found:
    """What the retrieval has to say on a question: the evidence for the whole of it and for each of its parts (the
    whole where it has one), how much it leans on what was asked before, and how near it is to other topics."""

    whole: Evidence
    parts: Sequence[Evidence]
    leaning: float
    elsewhere: float


class Assistant:
    """Answers questions from one bundle; keeps nothing between two questions."""

    def __init__(
        self,
        documents: Sequence[Document] | Mapping[str, Document],
        retriever: Retriever,
        guardrail: SafetyLayer,
        bundle_id: str,
        settings: Settings,
        verifier: Verifier | None = None,
    ) -> None:
        if not isinstance(documents, Mapping):
            documents = {document.id: document for document in documents}
        self.documents: Mapping[str, Document] = documents
        self.guardrail = guardrail
        self.bundle_id = bundle_id
        self._retriever = retriever
        self._settings = settings
        self._verifier = verifier

    @classmethod
    def open(cls, index: str | Path | None = None, settings: Settings | None = None) -> Assistant:
        """Open the live build of `index`. Raises IndexMissing, IndexDamaged and IndexMismatch."""
        settings = settings or load_settings()
        return cls.of(bundle.live_build(Path(index if index is not None else settings.index), settings), settings)

    @classmethod
    def of(cls, build: Build, settings: Settings, encoder: Encoder | None = None) -> Assistant:
        """Open a build, every file of it verified, with its encoder or one that is the same. Raises IndexDamaged."""
        return cls.opened(Opening(build, encoder), settings)

    @classmethod
    def opened(cls, opening: Opening, settings: Settings) -> Assistant:
        """Open what is being opened already. Raises IndexDamaged."""
        kept, manifest = opening.build.folder / bundle.SAFETY, opening.build.manifest
        guardrail = Guardrail.open(settings.emergency_numbers, settings.own_safety_file, kept)
        encoder = opening.encoder()
        guardrail = guarded(guardrail, opening.build, encoder)
        retriever = Retriever.open(opening.build, encoder)
        verifier = verifier_of(opening.build, encoder)
        return cls(retriever.documents, retriever, guardrail, manifest.id, settings, verifier)

    @property
    def examples(self) -> tuple[str, ...]:
        """A few questions to begin with, from different parts of the guides: curated ones, else headings."""
        labels = self._retriever.layout.labels
        sections = self._retriever.layout.label_section
        rows = range(0, len(labels), max(1, len(labels) // LABELS_READ))
        first: dict[int, str] = {}
        for row in rows:
            if presentable(labels[row]):
                first.setdefault(int(sections[row]), labels[row])
        found = list(first.values()) or list(dict.fromkeys(labels[row] for row in rows))
        step = max(1, len(found) // EXAMPLES)
        return tuple(found[::step][:EXAMPLES])

    @property
    def encoder(self) -> Encoder:
        """What turns texts into vectors; another assistant may share it."""
        return self._retriever.encoder

    def warm_up(self) -> None:
        """Answer a question once, so that the first reader does not wait for what loads on first use."""
        self._retriever.evidence(WARM_UP, self._retriever.encode([WARM_UP])[0])
        self.guardrail.triage(WARM_UP)

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        """Answer `question`, asked after `history`, oldest message first.

        Triage comes first: what it refers never reaches the guide. Raises QuestionError for a question or a history
        that is empty, too long, or no text.
        """
        turns, asked = read_history(history), read_question(question)
        with one_question():
            return self._reply(question, asked, turns)

    def _reply(self, question: str, asked: str, turns: Sequence[Message]) -> Answer:
        with stage("triage"):  # before the limits: an emergency is never told to be brief
            triage = self.guardrail.triage(asked, turns)
        receipt = Receipt(bundle_id=self.bundle_id, rules_version=self.guardrail.rules_version)
        if triage.tier != "none":
            return Answer(kind="referral", text=triage.message, triage=triage, receipt=receipt)
        check_lengths(question, turns, self._settings)
        reply = reply_to(asked)
        if reply is not None:
            return Answer(kind="smalltalk", text=reply, receipt=receipt)
        read = conversation.read(asked, turns)
        return self._answer(read.written(self._retriever.mended), receipt)

    def _answer(self, asked: conversation.Asked, receipt: Receipt) -> Answer:
        with stage("retrieve"):
            found = self._evidence(asked)
        rankings = [self._retriever.hits(part, QUOTABLE) for part in found.parts]
        sentences = found.whole.texts(self._retriever.layout, confidence.READ)
        stems, lexical = self._retriever.question_terms(asked.alone), self._retriever.lexical
        signs = confidence.signs(asked.alone, found.leaning, stems, found.whole, sentences, lexical, found.elsewhere)
        sure = max(self._verified(confidence.confidence(signs), asked, found), confidence.curated_match(found.whole))
        if confidence.plainly_silent(asked.alone, sentences, self._retriever.uses):
            sure = min(sure, confidence.threshold() / 2)
        settings = self._settings
        margin = margin_for(asked.alone)
        quoted, following = choose(rankings, settings.answer_sentences, settings.answer_chars, margin)
        if sure < confidence.threshold():
            return Answer(
                kind="not_covered",
                text=NOT_COVERED,
                further=cite([*quoted, *following][:NEAREST_QUOTES], self.documents),
                confidence=sure,
                suggestions=self._suggestions(found.whole),
                receipt=receipt,
            )
        citations = cite(quoted, self.documents)
        return Answer(
            kind="answer",
            text=answer_text(citations),
            citations=citations,
            further=cite(following, self.documents, first_number=len(citations) + 1),
            confidence=sure,
            receipt=receipt,
        )

    def _evidence(self, asked: conversation.Asked) -> Found:
        parts = conversation.parts(asked.alone)
        texts = [asked.alone, *([asked.joined] if asked.joined else []), *(parts if len(parts) > 1 else [])]
        vectors = self._retriever.encode(texts)
        read = [self._retriever.evidence(text, vector) for text, vector in zip(texts, vectors, strict=True)]
        whole, leaning = in_context(asked.alone, read[0], read[1]) if asked.joined else (read[0], 0.0)
        elsewhere = self._retriever.elsewhere(vectors[0])
        if len(parts) < 2:
            return Found(whole, [whole], leaning, elsewhere)
        blended = [blend([(PART_WEIGHT, part), (1 - PART_WEIGHT, whole)]) for part in read[-len(parts) :]]
        return Found(whole, blended, leaning, elsewhere)

    def _verified(self, sure: float, asked: conversation.Asked, found: Found) -> float:
        """Return how sure it is of the best sentences when it has read them beside the question.

        A message that asks several things is left to the signs: the verifier has learned from single questions.
        """
        if self._verifier is None or not doubtful(sure) or len(found.parts) > 1:
            return sure
        best = found.whole.rows[found.whole.order[:READ]].tolist()
        return self._verifier.sure(
            sure, asked.joined or asked.alone, [self._retriever.layout.headed[row] for row in best]
        )

    def _suggestions(self, evidence: Evidence) -> tuple[str, ...]:
        """Return what to ask instead: of the nearest sections, the label nearest to the question."""
        return self._retriever.nearest_labels(evidence, SUGGESTIONS)


def read_question(question: str) -> str:
    """Return `question` without control characters. Raises QuestionError where it holds nothing to ask."""
    if not isinstance(question, str):
        raise QuestionError(f"the question is of type {type(question).__name__}; write it as text")
    text = _cleaned(question)
    if not text:
        raise QuestionError("the question is empty; write what you would like to know")
    if not any(char.isalnum() for char in text):
        raise QuestionError("the question has no words; write what you would like to know")
    return text


def read_history(history: Sequence[Message | Mapping[str, str]]) -> list[Message]:
    """Return `history` as messages without control characters. Raises QuestionError for one that is malformed."""
    if not isinstance(history, Sequence) or isinstance(history, str | bytes):
        raise QuestionError(f"the history is not a list of messages but of type {type(history).__name__}; give a list")
    try:
        turns = [Message.model_validate(turn) for turn in history]
    except ValidationError as error:
        raise QuestionError(
            'the history is not a list of {"role": "user" or "assistant", "content": text}: '
            + error.errors()[0]["msg"].lower()
        ) from error
    return [turn.model_copy(update={"content": _cleaned(turn.content)}) for turn in turns]


def check_lengths(question: str, history: Sequence[Message], settings: Settings) -> None:
    """Raise QuestionError for a question or a conversation that is longer than the settings allow."""
    if len(question) > settings.max_question_chars:
        raise QuestionError(
            f"the question has {len(question):,} characters, more than the {settings.max_question_chars:,} allowed; "
            "shorten it"
        )
    if len(history) > settings.max_history_turns:
        raise QuestionError(
            f"the conversation has {len(history)} messages, more than the {settings.max_history_turns} allowed; "
            "start a new one"
        )
    size = sum(len(turn.content.encode("utf-8", "replace")) for turn in history)
    if size > settings.max_history_bytes:
        raise QuestionError(
            f"the conversation has {size:,} bytes, more than the {settings.max_history_bytes:,} allowed; "
            "start a new one"
        )


def _cleaned(text: str) -> str:
    """Return `text` with a space for every control, private or broken character, without space around it."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") else char for char in text).strip()
