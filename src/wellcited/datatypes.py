"""The values that flow through wellcited: frozen, validated, and the same on disk, in Python and over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["user", "assistant"]
Tier = Literal["emergency", "urgent", "professional", "none"]
Kind = Literal["answer", "referral", "not_covered", "smalltalk"]
BlockKind = Literal["heading", "paragraph", "item", "code", "row"]
MarkKind = Literal["strong", "emphasis", "code", "link"]


class Value(BaseModel):
    """Base of every value: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(Value):
    """Inline formatting of `document.text[start:end]`; `href` only where `kind` is "link"."""

    kind: MarkKind
    start: int
    end: int
    href: str | None = None


class Block(Value):
    """One block of a document, `document.text[start:end]`, in reading order and never overlapping.

    `level` is the heading level (1..6) of a heading, the nesting depth (1..) of a list item, else 0.
    `ordered` tells a numbered list item from a bulleted one. `url`, of a heading alone, is where the publisher shows
    its section: a citation from there links to it.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    ordered: bool = False
    marks: tuple[Mark, ...] = ()
    url: str | None = None


class CuratedQuestion(Value):
    """A question that the publisher says is answered in the section under `headings`."""

    headings: tuple[str, ...]
    text: str


class Document(Value):
    """One guide as plain text, with the structure needed to show it as a page.

    `text` is what every offset in wellcited counts in (Python characters): for a plain-text file the file
    itself, for a marked-up file its words without the markup. `pages` are the offsets where the pages of a paged file
    (PDF) start, the first page first; empty for a file without pages.
    """

    id: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    source_url: str | None = None
    language: str = "en"
    updated: date | None = None
    source: str | None = None
    questions: tuple[CuratedQuestion, ...] = ()
    path: str = ""
    pages: tuple[int, ...] = ()


class Span(Value):
    """`document.text[start:end]`, in characters."""

    start: int
    end: int


class Passage(Value):
    """A run of whole blocks under one heading: `text == document.text[start:end]`, always.

    `sentences` are the spans, in document offsets, of the sentences of the passage, in order.
    """

    id: str
    document_id: str
    headings: tuple[str, ...]
    text: str
    start: int
    end: int
    sentences: tuple[Span, ...]


class VectorSearch(Value):
    """How the vectors of a bundle are searched: all compared ("exact"), or those of the nearest lists ("ivf-sq8").

    `probes` of `lists` lists are looked through. Measured when it was built: `recall` of the true ten nearest to
    `sample` sample questions are found.
    """

    kind: Literal["exact", "ivf-sq8"] = "exact"
    lists: int = 0
    probes: int = 0
    recall: float = 1.0
    sample: int = 0


class Message(Value):
    """One turn of the conversation, as the client sends it."""

    role: Role
    content: str


class Hit(NamedTuple):
    """A sentence that may be quoted, `document.text[start:end]`, of a retrieved passage; a higher score is better.

    A plain tuple: it never leaves the process, and an answer looks at many.
    """

    passage: Passage
    start: int
    end: int
    score: float

    @property
    def length(self) -> int:
        """The number of characters."""
        return self.end - self.start


class Citation(Value):
    """An exact quote: `quote == document.text[start:end]`, with the address that shows it in context.

    `url` is the page of this server, or of the publisher where the section has an address of its own (a FAQ file).
    `page`, counted from 1, is where the quote starts in a paged file, None in any other. `source_url` leads to the
    quote on the publisher's own page, where the guide names one.
    """

    number: int
    passage_id: str
    document_id: str
    title: str
    headings: tuple[str, ...]
    quote: str
    start: int
    end: int
    url: str
    page: int | None = None
    source_url: str | None = None


class Triage(Value):
    """What the guardrail decided: `reasons` are rule ids, `message` is empty where the tier is "none".

    `language` is that of the message, an ISO 639-1 code.
    """

    tier: Tier
    reasons: tuple[str, ...] = ()
    message: str = ""
    language: str = "en"


class Receipt(Value):
    """What an answer rests on, for audit: the bundle it came from and the edition of the safety rules."""

    bundle_id: str
    rules_version: str


class Answer(Value):
    """What the reader gets.

    `citations` is what the answer quotes, `further` the next-ranked quotes ("more from the guide"). `confidence`
    (0..1) is how sure wellcited is that the guide answers the question. An answer of kind "answer" without a
    citation cannot be built, nor a referral that quotes the guide as its answer.
    """

    kind: Kind
    text: str
    citations: tuple[Citation, ...] = ()
    further: tuple[Citation, ...] = ()
    triage: Triage = Triage(tier="none")
    confidence: float = Field(default=0.0, ge=0.0, le=1.0)
    suggestions: tuple[str, ...] = ()
    receipt: Receipt

    @model_validator(mode="after")
    def _must_be_honest(self) -> Answer:
        if self.kind == "answer" and not self.citations:
            raise ValueError("an answer must cite the guide")
        if self.kind != "answer" and self.citations:
            raise ValueError(f"a reply of kind {self.kind!r} quotes nothing as its answer")
        if (self.kind == "referral") != (self.triage.tier != "none"):
            raise ValueError("a referral goes with a tier, and a tier with a referral")
        if self.kind == "referral" and self.further:
            raise ValueError("a referral shows no passage of the guide")
        return self
