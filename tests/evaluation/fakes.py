"""A guide, its answers and an assistant that gives them: everything that an evaluation needs, without an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wellcited.datatypes import Answer, Citation, Document, Kind, Message, Receipt, Tier, Triage

GUIDE = Document(
    id="guide",
    title="The guide",
    text=(
        "The psoas – a long muscle – joins your spine to your thigh. It gets tight when you sit.\n\n"
        "Press for 30 to 90 seconds. Don’t press on a bone. “Slow breathing” helps.\n\n"
        "A ball is fine at first. Stop if a leg goes numb."
    ),
    blocks=(),
)
RECEIPT = Receipt(bundle_id="abc", rules_version="r1")


def cite(quote: str, number: int = 1) -> Citation:
    """A citation of these exact words of the guide."""
    start = GUIDE.text.index(quote)
    return Citation(
        number=number,
        passage_id="guide/top/1",
        document_id=GUIDE.id,
        title=GUIDE.title,
        headings=("Top",),
        quote=quote,
        start=start,
        end=start + len(quote),
        url="/guide/guide",
    )


def answer(*quotes: str, further: Sequence[str] = (), kind: Kind = "answer", confidence: float = 0.9) -> Answer:
    """An answer that quotes these words, or a reply of another kind that quotes none."""
    return Answer(
        kind=kind,
        text=" ".join(quotes) or f"a reply of kind {kind}",
        citations=tuple(cite(quote, number) for number, quote in enumerate(quotes, start=1)),
        further=tuple(cite(quote, number) for number, quote in enumerate(further, start=len(quotes) + 1)),
        triage=Triage(tier="urgent", reasons=("R1",), message="see someone")
        if kind == "referral"
        else Triage(tier="none"),
        confidence=confidence,
        receipt=RECEIPT,
    )


class FakeAssistant:
    """Gives the reply written down for a message, and "not covered" to all others; remembers what it was asked."""

    documents: Mapping[str, Document] = {GUIDE.id: GUIDE}
    bundle_id = "abc"

    def __init__(self, replies: Mapping[str, Answer] | None = None) -> None:
        self.replies = dict(replies or {})
        self.asked: list[tuple[str, tuple[Message, ...]]] = []

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        self.asked.append((question, tuple(m if isinstance(m, Message) else Message(**m) for m in history)))
        return self.replies.get(question, answer(kind="not_covered", confidence=0.1))


class FakeGuardrail:
    """Finds the tier written down for a message, and "none" for all others."""

    rules_version = "r1"

    def __init__(self, tiers: Mapping[str, Tier]) -> None:
        self.tiers = tiers
        self.seen: list[tuple[str, tuple[Message, ...]]] = []

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
        self.seen.append((question, tuple(history)))
        tier = self.tiers.get(question, "none")
        return Triage(tier=tier) if tier == "none" else Triage(tier=tier, reasons=(f"R-{tier}",), message="see someone")
