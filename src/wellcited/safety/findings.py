"""What the rules make of a conversation, for audit: each finding with its evidence, and the tier of all."""

from __future__ import annotations

from pydantic import Field

from wellcited.datatypes import Tier, Value
from wellcited.safety.head import Probabilities
from wellcited.safety.language import Language

UNREADABLE = "language.unreadable"


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


def unreadable_finding(text: str, turn: int) -> Finding:
    """The finding that stands for a message which no rule can read."""
    return Finding(
        rule=UNREADABLE, tier="professional", category="language", turn=turn, start=0, end=len(text), evidence=text[:80]
    )
