"""Triage before anything else: one of four tiers for a question in its conversation, and what to tell the reader."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from wellcited.datatypes import Message, Triage
from wellcited.safety.classifier import Classifier
from wellcited.safety.edition import Edition, edition_files, keep_edition, open_edition
from wellcited.safety.findings import UNREADABLE, Examination, Finding
from wellcited.safety.head import HEAD_FILE, Encode, Head, head_file, keep_head, open_head
from wellcited.safety.matching import Matcher
from wellcited.safety.messages import Messages, load_messages
from wellcited.safety.opinion import SecondOpinion, holds
from wellcited.safety.rules import digest_of

log = logging.getLogger(__name__)

FAILED = "guardrail.failed"
HEAD = "head"
MOST_TURNS = 40
_QUOTE_WORDS = 12


class Guardrail:
    """Deterministic rules, offline; the same message always gets the same answer."""

    def __init__(
        self, edition: Edition, messages: Messages, head: Head | None = None, classifier: Classifier | None = None
    ) -> None:
        self._edition = edition
        self._messages = messages
        self._matcher = Matcher(edition.book, edition.common)
        self._second = SecondOpinion(self._matcher, head, classifier) if head else None

    @classmethod
    def open(
        cls,
        emergency_numbers: Sequence[str] = ("112", "911", "999"),
        safety_file: Path | None = None,
        kept: Path | None = None,
    ) -> Guardrail:
        """Load the rules that ship with wellcited, and a publisher's own.

        They are read from the folder `kept` where it goes with them. Raises: SafetyDataError where a data file is
        damaged, a sentence of an own rule fails, or no emergency number is given; IndexDamaged where `kept` is damaged.
        """
        edition = open_edition(safety_file, kept)
        return cls(edition, load_messages(edition.messages, emergency_numbers))

    @staticmethod
    def digest(safety_file: Path | None = None) -> str:
        """Return what tells the data of this guardrail from any other's. Raises SafetyDataError."""
        return digest_of({**edition_files(safety_file), HEAD_FILE: head_file()})

    @staticmethod
    def keep(folder: Path, safety_file: Path | None = None) -> None:
        """Write what `open` and `with_head` read from `kept` into `folder`. Raises SafetyDataError as they do."""
        folder.mkdir()
        keep_edition(folder, safety_file)
        keep_head(folder)

    def with_head(
        self, encode: Encode, encoder_key: str, kept: Path | None = None, classifier: Classifier | None = None
    ) -> Guardrail:
        """Return this guardrail with head and classifier listening; unchanged where the head knows another encoder.

        `encode` turns texts into unit vectors, `encoder_key` names the encoder.
        """
        head = open_head(encode, encoder_key, kept)
        return Guardrail(self._edition, self._messages, head, classifier) if head else self

    @property
    def rules_version(self) -> str:
        """Digest of the data files: changes with any rule, modifier or message, with the head and the classifier."""
        learned = [self._second.head, self._second.classifier] if self._second else []
        return ".".join([self._edition.book.version, *(one.version for one in learned if one)])

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
        """The tier, the ids of the rules behind it, and the reader's message; never raises.

        If anything goes wrong inside, the reader is referred: a guardrail that failed must not let a passage through.
        """
        try:
            examination = self.examine(question, history)
            return self._verdict(examination, question)
        except Exception:
            log.exception("the guardrail failed; the reader is referred")
            return Triage(tier="urgent", reasons=(FAILED,), message=self._failed())

    def examine(self, question: str, history: Sequence[Message] = ()) -> Examination:
        """Every rule that matched in the conversation, with its evidence, the head's opinion, and the tier of both."""
        told = [message.content for message in history if message.role == "user"]
        turns = self._matcher.read([*told[-MOST_TURNS:], question])
        seen = self._matcher.examine(turns).model_copy(update={"rules_version": self.rules_version})
        return self._second.on(turns, seen) if self._second else seen

    def forms(self, text: str) -> list[str]:
        """The words of a message as rules and head read them."""
        return self._matcher.forms(text)

    def is_firm(self, texts: Sequence[str], findings: Sequence[Finding]) -> bool:
        """Whether the head may not lower what these findings say of the reader's messages `texts`."""
        turns = self._matcher.read(texts)
        return any(holds(self._matcher, one, turns) for one in findings if one.switched_off_by is None)

    def _verdict(self, examination: Examination, question: str) -> Triage:
        if examination.tier == "none":
            return Triage(tier="none")
        live = [finding for finding in examination.findings if finding.switched_off_by is None]
        if live and live[0].rule == UNREADABLE:
            return Triage(tier="professional", reasons=(UNREADABLE,), message=self._messages.fixed("unreadable", "en"))
        top = [finding for finding in live if finding.tier == examination.tier]
        lead = max(top, key=lambda finding: finding.turn, default=None)
        quotes = _quotes(lead, top) if lead else [_short(live[0].evidence if live else question)]
        message = self._messages.compose(
            examination.tier,
            lead.category if lead else "",
            examination.language,
            quotes,
            examination.again and lead is not None,
        )
        if lead is None and examination.tier in ("emergency", "urgent"):  # the head cannot say what it is about
            message += " " + self._messages.fixed("crisis", examination.language)
        by_head = (f"{HEAD}.{examination.tier}",) if examination.tier != examination.tier_by_rules else ()
        return Triage(
            tier=examination.tier,
            reasons=(*(finding.rule for finding in live), *by_head),
            message=message,
            language=examination.language,
        )

    def _failed(self) -> str:
        try:
            return self._messages.fixed("failed", "en")
        except Exception:  # the last resort must not depend on data
            return (
                "Something went wrong while I checked your message, so I will not show the guide. If anything is badly "
                "wrong, call 112, 911 or 999, or your local emergency number, now. Otherwise ask a doctor today, and "
                "do not press or stretch until then. I cannot examine or diagnose you."
            )


def _quotes(lead: Finding, top: Sequence[Finding]) -> list[str]:
    """Up to two short quotes of what the reader wrote, the leading one first, from different places."""
    apart = [one for one in top if one.turn != lead.turn or one.end <= lead.start or lead.end <= one.start]
    quotes = [_short(one.evidence) for one in [lead, *apart[:1]]]
    return list(dict.fromkeys(quotes))


def _short(evidence: str) -> str:
    words = evidence.split()
    return " ".join(words[:_QUOTE_WORDS]) + (" …" if len(words) > _QUOTE_WORDS else "")
