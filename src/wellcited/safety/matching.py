"""The rules applied to a conversation: which of them match, in which words, and what switched them off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from wellcited.datatypes import Tier, Value
from wellcited.safety.context import Context, context_of, hidden_words
from wellcited.safety.head import Probabilities
from wellcited.safety.language import Language, language_of, plainly_english, unreadable
from wellcited.safety.lines import Condition, Line, conditions
from wellcited.safety.patterns import Match, Pattern, Reading
from wellcited.safety.rules import TIERS, Rule, RuleBook
from wellcited.safety.text import read

UNREADABLE = "language.unreadable"
# Longer messages are read at both ends: nobody types more, and the time stays bounded.
LONGEST = 40_000
_QUOTE_WORDS = 12
OTHER_LANGUAGES = ".other_languages"
"""How the ids of rules end that read words like "op" and "ball". Those are English too: a turn that is plainly English
is not read by them."""
# "I'm on warfarin" is plain; "Grandad is on warfarin, I'm not", "I had one as a child" and longer spans are not.
_PLAIN_WORDS = 6
_JUST_BEFORE = 4
_ONESELF = frozenset("i im ive id ill me my mine myself we were weve our".split())
_NOT_PLAIN = frozenset(
    "he she hes shes his her they theyre their them who people mum mom mother dad father nan gran wife husband hubby "
    "partner friend mate sister brother son daughter aunt uncle neighbour colleague boss cousin client grandad grandma "
    "not no never without dont havent was used if born child kid baby school joke joking kidding haha lol".split()
)


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
    classifier: Probabilities | None = None
    """What the classifier gives each tier; None where it was not asked."""
    findings: tuple[Finding, ...] = Field(default=())


@dataclass(frozen=True, slots=True)
class _Turn:
    number: int
    reading: Reading
    context: Context
    matches: dict[str, list[Match]]
    english: bool

    def find(self, pattern: Pattern) -> list[Match]:
        if not pattern.needs <= self.reading.present:
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

    def forms(self, text: str) -> list[str]:
        """The words of a message as rules read them, numbers as "#"."""
        words = read(text, self._book.spelling).words
        return [word.form if word.value is None or word.form.isalpha() else "#" for word in words]

    def told_of_oneself(self, text: str, one: Finding) -> bool:
        """Whether a finding is what the reader plainly says of himself: in few words, of nobody else, denying nothing.

        In the other languages, where the verb may say it alone, it is taken to.
        """
        if one.rule.endswith(OTHER_LANGUAGES):
            return True
        words = read(text, self._book.spelling).words
        inside = [number for number, word in enumerate(words) if word.end > one.start and word.start < one.end]
        sentences = {words[number].sentence for number in inside}
        if {word.form for word in words if word.sentence in sentences} & _NOT_PLAIN:
            return False
        for sentence in sentences:
            span = [number for number in inside if words[number].sentence == sentence]
            near = words[max(0, span[0] - _JUST_BEFORE) : span[-1] + 1]
            if len(span) <= _PLAIN_WORDS and any(w.form in _ONESELF and w.sentence == sentence for w in near):
                return True
        return False

    def examine(self, texts: Sequence[str]) -> Examination:
        """What the rules make of the reader's messages, the last one being answered."""
        turns = [self._read(number, text) for number, text in enumerate(texts)]
        present: frozenset[str] = frozenset().union(*(turn.reading.present for turn in turns))
        findings: list[Finding] = []
        for rule, lines in self._possible(present):
            finding = self._apply(rule, lines, turns)
            if finding is not None:
                findings.append(finding)
        language = self._language(turns)
        live = [finding for finding in findings if finding.switched_off_by is None]
        if not live and unreadable(turns[-1].reading.words, self._common):
            return Examination(
                tier="professional",
                tier_by_rules="professional",
                rules_version=self._book.version,
                language="en",
                findings=(*findings, _unreadable(texts[-1], len(turns) - 1)),
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

    def _possible(self, present: frozenset[str]) -> list[tuple[Rule, list[Line]]]:
        """The rules, the gravest first, of which a line has all the words that it needs, and these lines."""
        possible: dict[int, list[int]] = {}
        for need in ("", *(present & self._book.lines.keys())):
            for number, line, needed in self._book.lines.get(need, ()):
                if present.issuperset(needed):
                    possible.setdefault(number, []).append(line)
        rules = [
            (self._book.rules[number], possible[number]) for number in sorted(possible, key=self._rank.__getitem__)
        ]
        return [(rule, [self._line(rule.when[line]) for line in sorted(lines)]) for rule, lines in rules]

    def _line(self, text: str) -> Line:
        """A line of a rule, parsed when words first touch it."""
        known = self._lines.get(text)
        if known is None:
            known = self._lines[text] = conditions(text, self._book.places)
        return known

    def _read(self, number: int, text: str) -> _Turn:
        if len(text) > LONGEST:
            half = LONGEST // 2
            text = text[:half] + "\n" + " " * (len(text) - LONGEST - 1) + text[-half:]
        words = read(text, self._book.spelling)
        plain = Reading(words, self._book.vocabulary)
        hidden = hidden_words(plain, self._book.modifiers)
        reading = Reading(words, self._book.vocabulary, hidden) if hidden else plain
        english = plainly_english(words, self._common)
        return _Turn(number, reading, context_of(reading, self._book.modifiers), {}, english)

    def _apply(self, rule: Rule, lines: Sequence[Line], turns: Sequence[_Turn]) -> Finding | None:
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

    def _hits(self, condition: Condition, rule: Rule, turns: Sequence[_Turn]) -> list[_Hit]:
        off = rule.off - {"negated"} if condition.place else rule.off
        return [
            _Hit(turn.number, match, turn.context.modifier(match, off) or _closed_by(turn, match, rule, turns))
            for turn in turns
            if not (turn.english and rule.id.endswith(OTHER_LANGUAGES))
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


def _unreadable(text: str, turn: int) -> Finding:
    return Finding(
        rule=UNREADABLE, tier="professional", category="language", turn=turn, start=0, end=len(text), evidence=text[:80]
    )
