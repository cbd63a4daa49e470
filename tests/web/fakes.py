"""A small guide written by hand, and an assistant that answers from it in every way an assistant can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from wellcited.answering import passage_url
from wellcited.datatypes import Answer, Block, Citation, Document, Mark, Message, Receipt, Triage
from wellcited.errors import QuestionError
from wellcited.settings import Settings

RECEIPT = Receipt(bundle_id="0123abcd", rules_version="1")

_BLOCKS: list[tuple[Any, ...]] = [
    ("heading", 1, "The hip guide: why it aches and how to let go"),
    ("paragraph", 0, "The iliopsoas joins the top half of your body to the bottom half."),
    ("heading", 2, "What helps tight hip flexors"),
    ("paragraph", 0, "The motto is to relax them first and to lengthen them second."),
    ("heading", 3, "How long to press"),
    ("paragraph", 0, "Find the tender spot and rest on it. Hold the pressure for thirty to ninety seconds. Breathe."),
    ("paragraph", 0, "Stop when the muscle softens. Once a day is enough for most people."),
    ("item", 1, "Lie on your front."),
    ("item", 1, "Keep the leg heavy."),
    ("item", 2, "A pillow helps."),
    ("code", 0, "press -> wait -> breathe <b>"),
    ("row", 0, "Day | Minutes"),
    ("heading", 2, "What not to do & why"),
    ("paragraph", 0, "Do not <script>alert('guide')</script> press on the artery. See the sitting advice for more."),
    ("paragraph", 0, "Sitting for eight hours a day keeps the iliopsoas contracted."),
]  # fmt: skip


def hand_made_guide() -> Document:
    """A document with every kind of block, formatting that crosses, a dangerous link and markup in its words."""
    pieces: list[str] = []
    blocks: list[Block] = []
    at = 0
    for kind, level, words in _BLOCKS:
        blocks.append(Block(kind=kind, start=at, end=at + len(words), level=level))
        pieces.append(words)
        at += len(words) + 2
    text = "\n\n".join(pieces)

    def mark(kind: Any, words: str, href: str | None = None) -> Mark:
        start = text.index(words)
        return Mark(kind=kind, start=start, end=start + len(words), href=href)

    added = [
        mark("strong", "tender spot and rest on it. Hold the pressure"),
        mark("emphasis", "pressure for thirty"),
        mark("link", "sitting advice", "javascript:alert(1)"),
        mark("link", "Sitting", "https://example.org/sitting?a=1&b=2"),
        mark("code", "contracted"),
    ]
    blocks = [
        block.model_copy(update={"marks": tuple(m for m in added if block.start <= m.start < block.end)})
        for block in blocks
    ]
    return Document(
        id="hip-guide", title="The hip guide: why it aches and how to let go", text=text, blocks=tuple(blocks),
        updated=date(2026, 3, 5), source="Retold from a guide by a therapist.",
    )  # fmt: skip


GUIDE = hand_made_guide()


def citation(quote: str, headings: tuple[str, ...], number: int = 1) -> Citation:
    """An exact quote of the hand-made guide."""
    start = GUIDE.text.index(quote)
    end = start + len(quote)
    return Citation(
        number=number, passage_id="hip-guide/x/1", document_id=GUIDE.id, title=GUIDE.title,
        headings=(GUIDE.title, *headings), quote=quote, start=start, end=end,
        url=passage_url(GUIDE.id, start, end, quote),
    )  # fmt: skip


HOLD = citation(
    "Hold the pressure for thirty to ninety seconds.", ("What helps tight hip flexors", "How long to press")
)
ONCE = citation("Once a day is enough for most people.", ("What helps tight hip flexors", "How long to press"), 2)
SITTING = citation("Sitting for eight hours a day keeps the iliopsoas contracted.", ("What not to do & why",), 1)
MOTTO = citation("The motto is to relax them first and to lengthen them second.", ("What helps tight hip flexors",), 3)


def referral(tier: Any, message: str) -> Answer:
    return Answer(
        kind="referral", text=message, triage=Triage(tier=tier, reasons=("rule-1",), message=message), receipt=RECEIPT
    )


ANSWER = Answer(
    kind="answer", text=f"{HOLD.quote} [1]\n\n{ONCE.quote} [2]", citations=(HOLD, ONCE), further=(MOTTO,),
    confidence=0.9, suggestions=("Why does sitting matter?",), receipt=RECEIPT,
)  # fmt: skip
FOLLOW_UP = Answer(kind="answer", text=SITTING.quote, citations=(SITTING,), confidence=0.7, receipt=RECEIPT)
NOT_COVERED = Answer(
    kind="not_covered", text="The guide does not say anything about that.", further=(MOTTO,),
    suggestions=("How long should I press?", "Why does sitting matter?"), receipt=RECEIPT,
)  # fmt: skip
SMALLTALK = Answer(kind="smalltalk", text="You are welcome.", receipt=RECEIPT)
EMERGENCY = referral(
    "emergency",
    "Losing control of your bladder together with back pain can mean that nerves are being pressed. "
    "Call your emergency number now. Do not drive yourself.",
)
URGENT = referral(
    "urgent",
    "A hot, swollen hip with a fever needs to be seen today. You wrote: “fever since 112”. If it gets worse, call 112.",
)
PROFESSIONAL = referral(
    "professional",
    "Pain that wakes you at night should be looked at by a doctor or a physiotherapist before you press.",
)


class FakeAssistant:
    """Answers by a word in the question; remembers what it was asked."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.asked: list[tuple[str, list[Any]]] = []

    @property
    def documents(self) -> Mapping[str, Document]:
        return {GUIDE.id: GUIDE}

    @property
    def examples(self) -> tuple[str, ...]:
        return ("How long should I press?", "Why does sitting matter?", "What should I not do?", "Where is it?")

    @property
    def bundle_id(self) -> str:
        return RECEIPT.bundle_id

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        if not question.strip():
            raise QuestionError("the question is empty")
        self.asked.append((question, list(history)))
        words = question.lower()
        for word, answer in (
            ("bladder", EMERGENCY), ("emergency", EMERGENCY),
            ("fever", URGENT), ("night", PROFESSIONAL), ("thanks", SMALLTALK),
            ("press", ANSWER), ("sitting", FOLLOW_UP),
        ):  # fmt: skip
            if word in words:
                return answer
        if "explode" in words:
            raise RuntimeError("a fault")
        return FOLLOW_UP if "why" in words and history else NOT_COVERED
