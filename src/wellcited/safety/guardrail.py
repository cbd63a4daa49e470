"""Triage before anything else: one of four tiers for a question in its conversation, and what to tell the reader."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from pydantic import Field

from wellcited.datatypes import Message, Tier, Triage, Value
from wellcited.safety.context import Context, context_of, hidden_words
from wellcited.safety.head import Encode, Head, Probabilities, decide, open_head, signs
from wellcited.safety.language import Language, language_of, unreadable
from wellcited.safety.messages import Messages, load_messages
from wellcited.safety.patterns import Match, Pattern, Reading
from wellcited.safety.rules import TIERS, Condition, Rule, RuleBook, data_files, load_rules, read_table
from wellcited.safety.text import read

log = logging.getLogger(__name__)

FAILED = "guardrail.failed"
UNREADABLE = "language.unreadable"
HEAD = "head"
STICKY_TURNS = 3
"""Of so many earlier turns with a sign it is asked again whether they were referred."""
FIRM = frozenset({"self_harm_overdose", "violence"})
"""Categories with messages of their own. The head lowers neither them nor a state that lasts: a pregnancy, say."""
# Longer messages are read at both ends: nobody types more, and the time stays bounded.
LONGEST = 40_000
MOST_TURNS = 40
_QUOTE_WORDS = 12


class Finding(Value):
    """A rule that matched: where (`turn` counts user turns from 0, `start`/`end` in that turn's text), and its fate."""

    rule: str
    tier: Tier
    category: str
    turn: int
    start: int
    end: int
    evidence: str
    switched_off_by: str | None = None


class Examination(Value):
    """The whole reasoning behind a triage, for audit: every rule that matched, also those a modifier switched off."""

    tier: Tier
    rules_version: str
    language: Language
    again: bool = False
    """The flag was raised in an earlier turn and the last one says nothing new about it."""
    tier_by_rules: Tier = "none"
    head: Probabilities | None = None
    """What the learned head gives each tier, none first; None where no encoder was at hand."""
    findings: tuple[Finding, ...] = Field(default=())


@dataclass(frozen=True, slots=True)
class _Turn:
    number: int
    reading: Reading
    context: Context
    matches: dict[str, list[Match]]

    def find(self, pattern: Pattern) -> list[Match]:
        if self.reading.lacks(pattern.anchor):
            return []
        known = self.matches.get(pattern.source)
        if known is None:
            known = self.matches[pattern.source] = pattern.find(self.reading)
        return known


@dataclass(frozen=True, slots=True)
class _Hit:
    turn: int
    match: Match
    off_by: str | None


class Guardrail:
    """Deterministic rules, offline; the same message always gets the same answer."""

    def __init__(
        self, book: RuleBook, messages: Messages, common: Mapping[str, frozenset[str]], head: Head | None = None
    ) -> None:
        self._book = book
        self._head = head
        self._messages = messages
        self._common = common
        self._lasting = frozenset(rule.id for rule in book.rules if rule.lasting)
        self._ranked = sorted(book.rules, key=lambda rule: -TIERS.index(rule.tier))

    @classmethod
    def open(cls, emergency_numbers: Sequence[str] = ("112", "911", "999")) -> Guardrail:
        """Load the rules that ship with wellcited.

        Raises: SafetyDataError where a data file is damaged, or no emergency number is given.
        """
        book, texts, common = _shipped()
        return cls(book, load_messages(texts, emergency_numbers), common)

    def with_head(self, encode: Encode, encoder_key: str) -> Guardrail:
        """Return this guardrail with the learned head listening; unchanged where the head knows another encoder.

        `encode` turns texts into unit vectors, `encoder_key` names the encoder.
        """
        head = open_head(encode, encoder_key)
        return Guardrail(self._book, self._messages, self._common, head) if head else self

    @property
    def rules_version(self) -> str:
        """Digest of the data files: changes with any rule, modifier or message, and with the head."""
        return f"{self._book.version}.{self._head.version}" if self._head else self._book.version

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
        texts = [*told[-MOST_TURNS:], question]
        return self._with_opinion(texts, self._by_rules(texts))

    def _with_opinion(self, texts: Sequence[str], seen: Examination) -> Examination:
        """Let the head judge too. What was referred in an earlier turn and still holds, it may not lower."""
        if self._head is None or (seen.findings and seen.findings[-1].rule == UNREADABLE):
            return seen
        chances = self._head.judge(texts, signs(texts, seen.tier, seen.findings, seen.language, seen.again))
        live = [one for one in seen.findings if one.switched_off_by is None]
        firm = any(one.category in FIRM or one.rule in self._lasting for one in live)
        for turn in () if firm else sorted({one.turn for one in live if one.turn < len(texts) - 1})[-STICKY_TURNS:]:
            told = texts[: turn + 1]
            firm = firm or self._with_opinion(told, self._by_rules(told)).tier != "none"
        return seen.model_copy(update={"tier": decide(seen.tier, chances, firm), "head": chances})

    def _by_rules(self, texts: Sequence[str]) -> Examination:
        turns = [self._read(number, text) for number, text in enumerate(texts)]
        findings: list[Finding] = []
        for rule in self._ranked:
            finding = self._apply(rule, turns)
            if finding is not None:
                findings.append(finding)
        language = self._language(turns)
        live = [finding for finding in findings if finding.switched_off_by is None]
        if not live and unreadable(turns[-1].reading.words, self._common):
            return Examination(
                tier="professional",
                tier_by_rules="professional",
                rules_version=self.rules_version,
                language="en",
                findings=(*findings, _unreadable(texts[-1], len(turns) - 1)),
            )
        tier: Tier = live[0].tier if live else "none"
        return Examination(
            tier=tier,
            tier_by_rules=tier,
            rules_version=self.rules_version,
            language=language,
            again=bool(live) and all(f.turn < len(turns) - 1 for f in live if f.tier == tier),
            findings=tuple(findings),
        )

    def _read(self, number: int, text: str) -> _Turn:
        if len(text) > LONGEST:
            half = LONGEST // 2
            text = text[:half] + "\n" + " " * (len(text) - LONGEST - 1) + text[-half:]
        words = read(text, self._book.spelling)
        plain = Reading(words, self._book.vocabulary)
        hidden = hidden_words(plain, self._book.modifiers)
        reading = Reading(words, self._book.vocabulary, hidden) if hidden else plain
        return _Turn(number, reading, context_of(reading, self._book.modifiers), {})

    def _apply(self, rule: Rule, turns: Sequence[_Turn]) -> Finding | None:
        """The latest live match of a rule; else one that was switched off; else None."""
        spent: Finding | None = None
        for line in rule.when:
            if not all(c.absent or any(turn.find(c.pattern) for turn in turns) for c in line):
                continue
            hits = [self._hits(condition, rule, turns) for condition in line if not condition.absent]
            barred = [condition for condition in line if condition.absent]
            for off in (False, True):
                chosen = _together([[h for h in some if off or h.off_by is None] for some in hits], rule.scope, turns)
                if chosen and not self._barred(barred, rule, turns, chosen):
                    off_by = next((hit.off_by for hit in chosen if hit.off_by), None)
                    finding = _finding(rule, chosen, turns, off_by)
                    if off_by is None:
                        return finding
                    spent = spent or finding
                    break
        return spent

    def _hits(self, condition: Condition, rule: Rule, turns: Sequence[_Turn]) -> list[_Hit]:
        off = rule.off - {"negated"} if condition.place else rule.off
        return [
            _Hit(turn.number, match, turn.context.modifier(match, off) or _closed_by(turn, match, rule, turns))
            for turn in turns
            for match in turn.find(condition.pattern)
        ]

    def _barred(self, barred: list[Condition], rule: Rule, turns: Sequence[_Turn], chosen: list[_Hit]) -> bool:
        told = {hit.turn for hit in chosen}
        return any(
            hit.off_by is None and (rule.scope == "conversation" or hit.turn in told)
            for condition in barred
            for hit in self._hits(condition, rule, turns)
        )

    def _language(self, turns: Sequence[_Turn]) -> Language:
        for turn in reversed(turns):
            if len(turn.reading.words) >= 3 or len(turns) == 1:
                return language_of(turn.reading.words, self._common)
        return "en"

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


def _closed_by(turn: _Turn, match: Match, rule: Rule, turns: Sequence[_Turn]) -> str | None:
    """How a later word of the reader closed this sign, if it did and was not taken back."""
    for later in turns[turn.number :]:
        for strength, position in later.context.closings:
            if later.number == turn.number and position <= match[0]:
                continue
            if strength != "retracted" and rule.lasting:
                continue
            if strength == "cleared" and rule.tier == "emergency":
                continue
            if strength != "retracted" and _reopened(turns, later.number, position):
                continue
            return strength
    return None


def _reopened(turns: Sequence[_Turn], number: int, position: int) -> bool:
    return any(turn.context.reopened >= (position if turn.number == number else 0) for turn in turns[number:])


def _together(hits: list[list[_Hit]], scope: str, turns: Sequence[_Turn]) -> list[_Hit]:
    """One hit per condition within the scope, the latest; empty where they do not come together."""
    if not all(hits):
        return []
    if scope == "conversation":
        return [max(some, key=lambda hit: (hit.off_by is None, hit.turn, hit.match)) for some in hits]

    def place(hit: _Hit) -> tuple[int, int]:
        first = hit.match[0]
        return (hit.turn, turns[hit.turn].reading.words.words[first].sentence if scope == "sentence" else 0)

    shared = set.intersection(*({place(hit) for hit in some} for some in hits))
    if not shared:
        return []
    latest = max(shared)
    return [max((h for h in some if place(h) == latest), key=lambda h: (h.off_by is None, h.match)) for some in hits]


def _finding(rule: Rule, chosen: list[_Hit], turns: Sequence[_Turn], off_by: str | None) -> Finding:
    turn = max(hit.turn for hit in chosen)
    words = turns[turn].reading.words
    spans = sorted(hit.match for hit in chosen if hit.turn == turn)
    first, last = spans[0][0], max(end for _, end in spans)
    if last - first > _QUOTE_WORDS:
        first, last = max(spans, key=lambda span: span[1] - span[0])
    start, end = words.words[first].start, words.words[last - 1].end
    return Finding(
        rule=rule.id,
        tier=rule.tier,
        category=rule.category,
        turn=turn,
        start=start,
        end=end,
        evidence=words.text[start:end],
        switched_off_by=off_by,
    )


def _quotes(lead: Finding, top: Sequence[Finding]) -> list[str]:
    """Up to two short quotes of what the reader wrote, the leading one first, from different places."""
    apart = [one for one in top if one.turn != lead.turn or one.end <= lead.start or lead.end <= one.start]
    quotes = [_short(one.evidence) for one in [lead, *apart[:1]]]
    return list(dict.fromkeys(quotes))


def _short(evidence: str) -> str:
    words = evidence.split()
    return " ".join(words[:_QUOTE_WORDS]) + (" …" if len(words) > _QUOTE_WORDS else "")


def _unreadable(text: str, turn: int) -> Finding:
    return Finding(
        rule=UNREADABLE, tier="professional", category="language", turn=turn, start=0, end=len(text), evidence=text[:80]
    )
