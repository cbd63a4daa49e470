"""The rules applied to a conversation: which of them match, in which words, and what switched them off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wellcited.datatypes import Tier
from wellcited.safety.findings import Examination, Finding, unreadable_finding
from wellcited.safety.language import Language, language_of, unreadable
from wellcited.safety.lines import Condition, Line, conditions
from wellcited.safety.patterns import Match
from wellcited.safety.rules import TIERS, Rule, RuleBook
from wellcited.safety.text import read
from wellcited.safety.turns import Turn, forms

_QUOTE_WORDS = 12
OTHER_LANGUAGES = ".other_languages"
"""How the ids of rules end that read words like "op" and "ball". Those are English too: a turn that is plainly English
is not read by them."""


@dataclass(frozen=True, slots=True)
class _Hit:
    turn: int
    match: Match
    off_by: str | None


class Matcher:
    """Reads conversations with one rule book; keeps nothing between two of them."""

    def __init__(self, book: RuleBook, common: Mapping[str, frozenset[str]]) -> None:
        self._book = book
        self._common = common
        self._lasting = frozenset(rule.id for rule in book.rules if rule.lasting)
        self._own = frozenset(rule.id for rule in book.rules if rule.own)
        gravest_first = sorted(range(len(book.rules)), key=lambda number: -TIERS.index(book.rules[number].tier))
        self._rank = {number: rank for rank, number in enumerate(gravest_first)}
        self._lines: dict[str, Line] = {}

    @property
    def lasting(self) -> frozenset[str]:
        """The ids of the rules on states that an all clear does not end."""
        return self._lasting

    @property
    def own(self) -> frozenset[str]:
        """The ids of the publisher's rules."""
        return self._own

    def read(self, texts: Sequence[str]) -> list[Turn]:
        """The reader's messages as rules read them."""
        return [self._read(number, text) for number, text in enumerate(texts)]

    def forms(self, text: str) -> list[str]:
        """The words of a message as rules read them, numbers as "#"."""
        return forms(read(text, self._book.spelling))

    def examine(self, turns: Sequence[Turn]) -> Examination:
        """What the rules make of the reader's messages, the last one being answered."""
        findings: list[Finding] = []
        for rule, lines in self._possible(turns):
            finding = self._apply(rule, lines, turns)
            if finding is not None:
                findings.append(finding)
        language = self._language(turns)
        live = [finding for finding in findings if finding.switched_off_by is None]
        if not live and unreadable(turns[-1].words, self._common):
            return Examination(
                tier="professional",
                tier_by_rules="professional",
                rules_version=self._book.version,
                language="en",
                findings=(*findings, unreadable_finding(turns[-1].text, len(turns) - 1)),
            )
        tier: Tier = live[0].tier if live else "none"
        return Examination(
            tier=tier,
            tier_by_rules=tier,
            rules_version=self._book.version,
            language=language,
            again=bool(live) and all(f.turn < len(turns) - 1 for f in live if f.tier == tier),
            findings=tuple(findings),
        )

    def _possible(self, turns: Sequence[Turn]) -> list[tuple[Rule, list[Line]]]:
        """The rules, the gravest first, of which a line has all that it needs, and these lines."""
        possible: dict[int, list[int]] = {}
        standing = frozenset[str]().union(*(turn.reading.possible for turn in turns))
        for number, line in self._book.lines.met(standing):
            possible.setdefault(number, []).append(line)
        rules = [
            (self._book.rules[number], possible[number]) for number in sorted(possible, key=self._rank.__getitem__)
        ]
        return [(rule, [self._line(rule.when[line]) for line in sorted(lines)]) for rule, lines in rules]

    def _line(self, text: str) -> Line:
        """A line of a rule, parsed when it can first match."""
        known = self._lines.get(text)
        if known is None:
            known = self._lines[text] = conditions(text, self._book.places)
        return known

    def _read(self, number: int, text: str) -> Turn:
        return Turn.of(number, text, self._book, self._common)

    def _apply(self, rule: Rule, lines: Sequence[Line], turns: Sequence[Turn]) -> Finding | None:
        """The latest live match of a rule by one of its `lines`; else one that was switched off; else None."""
        spent: Finding | None = None
        if rule.id.endswith(OTHER_LANGUAGES) and all(turn.english for turn in turns):
            return None
        for line in lines:
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

    def _hits(self, condition: Condition, rule: Rule, turns: Sequence[Turn]) -> list[_Hit]:
        off = rule.off - {"negated"} if condition.place else rule.off
        return [
            _Hit(turn.number, match, turn.context.modifier(match, off) or _closed_by(turn, match, rule, turns))
            for turn in turns
            if not (turn.english and rule.id.endswith(OTHER_LANGUAGES))
            for match in turn.find(condition.pattern)
        ]

    def _barred(self, barred: list[Condition], rule: Rule, turns: Sequence[Turn], chosen: list[_Hit]) -> bool:
        told = {hit.turn for hit in chosen}
        return any(
            hit.off_by is None and (rule.scope == "conversation" or hit.turn in told)
            for condition in barred
            for hit in self._hits(condition, rule, turns)
        )

    def _language(self, turns: Sequence[Turn]) -> Language:
        for turn in reversed(turns):
            if len(turn.words) >= 3 or len(turns) == 1:
                return language_of(turn.words, self._common)
        return "en"


def _closed_by(turn: Turn, match: Match, rule: Rule, turns: Sequence[Turn]) -> str | None:
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


def _reopened(turns: Sequence[Turn], number: int, position: int) -> bool:
    return any(turn.context.reopened >= (position if turn.number == number else 0) for turn in turns[number:])


def _together(hits: list[list[_Hit]], scope: str, turns: Sequence[Turn]) -> list[_Hit]:
    """One hit per condition within the scope, the latest; empty where they do not come together."""
    if not all(hits):
        return []
    if scope == "conversation":
        return [max(some, key=lambda hit: (hit.off_by is None, hit.turn, hit.match)) for some in hits]

    def place(hit: _Hit) -> tuple[int, int]:
        first = hit.match[0]
        return (hit.turn, turns[hit.turn].words.words[first].sentence if scope == "sentence" else 0)

    shared = set.intersection(*({place(hit) for hit in some} for some in hits))
    if not shared:
        return []
    latest = max(shared)
    return [max((h for h in some if place(h) == latest), key=lambda h: (h.off_by is None, h.match)) for some in hits]


def _finding(rule: Rule, chosen: list[_Hit], turns: Sequence[Turn], off_by: str | None) -> Finding:
    turn = max(hit.turn for hit in chosen)
    words = turns[turn].words
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
