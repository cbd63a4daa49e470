"""Triage before anything else: one of four tiers for a question in its conversation, and what to tell the reader."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from wellcited.datatypes import Message, Triage
from wellcited.errors import SafetyDataError
from wellcited.safety.extension import check, merged, own_table, read_extension
from wellcited.safety.findings import UNREADABLE, Examination, Finding
from wellcited.safety.head import Encode, Head, open_head
from wellcited.safety.matching import Matcher
from wellcited.safety.messages import Messages, load_messages
from wellcited.safety.opinion import SecondOpinion, holds
from wellcited.safety.rules import OWN_FILE, RuleBook, data_files, load_rules, read_table

log = logging.getLogger(__name__)

FAILED = "guardrail.failed"
HEAD = "head"
MOST_TURNS = 40
_QUOTE_WORDS = 12


class Guardrail:
    """Deterministic rules, offline; the same message always gets the same answer."""

    def __init__(
        self, book: RuleBook, messages: Messages, common: Mapping[str, frozenset[str]], head: Head | None = None
    ) -> None:
        self._book = book
        self._messages = messages
        self._common = common
        self._matcher = Matcher(book, common)
        self._second = SecondOpinion(self._matcher, head) if head else None

    @classmethod
    def open(
        cls, emergency_numbers: Sequence[str] = ("112", "911", "999"), safety_file: Path | None = None
    ) -> Guardrail:
        """Load the rules that ship with wellcited, and a publisher's own.

        Raises: SafetyDataError where a data file is damaged, a sentence of an own rule fails, or no emergency number is
        given.
        """
        book, texts, common = _shipped()
        if safety_file is None:
            return cls(book, load_messages(texts, emergency_numbers), common)
        content = read_extension(safety_file)
        own = own_table(content, safety_file)
        book = load_rules({**data_files(), OWN_FILE: content}, str(safety_file))
        try:
            messages = load_messages(merged(texts, own.get("messages", {})), emergency_numbers)
        except SafetyDataError as error:
            raise SafetyDataError(str(error).replace("messages.toml", f"{safety_file}: messages", 1)) from error
        check(book, Matcher(book, common), own.get("normal", []), safety_file)
        return cls(book, messages, common)

    def with_head(self, encode: Encode, encoder_key: str) -> Guardrail:
        """Return this guardrail with the learned head listening; unchanged where the head knows another encoder.

        `encode` turns texts into unit vectors, `encoder_key` names the encoder.
        """
        head = open_head(encode, encoder_key)
        return Guardrail(self._book, self._messages, self._common, head) if head else self

    @property
    def rules_version(self) -> str:
        """Digest of the data files: changes with any rule, modifier or message, and with the head."""
        return f"{self._book.version}.{self._second.head.version}" if self._second else self._book.version

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


@cache
def _shipped() -> tuple[RuleBook, Mapping[str, object], Mapping[str, frozenset[str]]]:
    files = data_files()
    common = read_table("languages.toml", files)
    return (
        load_rules(files),
        read_table("messages.toml", files),
        {language: frozenset(words.split()) for language, words in common["common"].items()},
    )


def _quotes(lead: Finding, top: Sequence[Finding]) -> list[str]:
    """Up to two short quotes of what the reader wrote, the leading one first, from different places."""
    apart = [one for one in top if one.turn != lead.turn or one.end <= lead.start or lead.end <= one.start]
    quotes = [_short(one.evidence) for one in [lead, *apart[:1]]]
    return list(dict.fromkeys(quotes))


def _short(evidence: str) -> str:
    words = evidence.split()
    return " ".join(words[:_QUOTE_WORDS]) + (" …" if len(words) > _QUOTE_WORDS else "")
