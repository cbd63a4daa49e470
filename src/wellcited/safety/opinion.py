"""Rules, head and classifier together: what the learned two raise, what they may let pass, what they may not touch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from wellcited.datatypes import Tier
from wellcited.safety.classifier import Classifier
from wellcited.safety.findings import UNREADABLE, Examination, Finding
from wellcited.safety.head import LONGEST, RECENT, Head, Probabilities, signs, terms, traces
from wellcited.safety.matching import OTHER_LANGUAGES, Matcher
from wellcited.safety.rules import TIERS
from wellcited.safety.text import Words
from wellcited.safety.turns import Turn, forms

COSTS = (1.0, 1.2, 3.0, 28.0)
"""What a needless referral costs, and what it costs to miss a professional, an urgent and an emergency message. Chosen
on the tuning messages, which neither head nor classifier has seen: of 497 emergencies 491 are referred and of 1,674
harmless messages 124; where an emergency costs 20 it is 489 and 122, where it costs 40, 493 and 132."""
OVERRULE = {"professional": 0.5, "urgent": 0.75, "emergency": 0.9}
"""What the rules say stands unless the learned two are this sure that nothing is wrong."""
BACKED = 0.5
"""An emergency that the rules saw stands where head or classifier alone finds some sign likelier than none. Together
the classifier counts more, and words between which markup was pasted may mislead it."""
TELL_EMERGENCY = 0.38
TELL_URGENT = 0.5
"""Of the probability of being referred at all, the share from which the graver tier is told. A missed emergency costs
more than a needless one, so it needs less than half."""
ALONE = 0.5
"""The head alone calls an emergency only from this probability on; below, it says urgent."""

LOOSE = frozenset({"minor_child"})
"""Of the lasting states, the one that the head may lower: a schoolboy asks for his homework too."""
FIRM = frozenset({"self_harm_overdose", "violence"})
"""Categories with messages of their own, which nothing that was learned lowers."""
CERTAIN = 0.97
"""A state of the reader that lasts, a pregnancy, say, is lowered where head and classifier together are this sure that
nothing is wrong: "we can rule out pregnancy, I'm 70"."""
STICKY_TURNS = 3
"""Of so many earlier turns with a sign it is asked again whether they were referred."""
TAKEN_BACK = 0.9
"""What was referred in an earlier turn no longer holds where the learned two, which have read that turn too, are this
sure that nothing is wrong: it was a dog, a film, or years ago."""
ASKED_AGAIN = 8
"""Of no more earlier turns it is asked again for one question: of others what the rules said stands."""
LET_GO = 0.8
"""So sure they must be where no rule saw a sign in that turn, but they did."""
SURE = 0.95
"""Where no rule holds and the head is this sure that nothing is wrong, the classifier is not asked."""
SHARES = (0.3, 1.0)
"""How much of the logarithm of the probabilities of head and classifier counts, chosen on messages new to both: the
classifier has learned questions on 130 other guides too, which the head takes for a sign more often."""
LEAST = 1e-6
"""No probability counts as less."""
MOST_PARTS = 8
"""A message that is longer than the head can read is read in so many parts."""

# "I'm on warfarin" is plain; "Grandad is on warfarin, I'm not", "I had one as a child" and longer spans are not.
_PLAIN_WORDS = 6
_JUST_BEFORE = 4
_ONESELF = frozenset("i im ive id ill me my mine myself we were weve our".split())
_NOT_PLAIN = frozenset(
    "he she hes shes his her they theyre their them who people mum mom mother dad father nan gran wife husband hubby "
    "partner friend mate sister brother son daughter aunt uncle neighbour colleague boss cousin client grandad grandma "
    "not no never without dont havent was used if born child kid baby school joke joking kidding haha lol".split()
)


def decide(by_rules: Tier, chances: Probabilities, firm: bool = False) -> Tier:
    """Return the tier that rules and head give together; what is `firm` the head may raise but not lower."""
    none, professional, urgent, emergency = chances
    referred = professional + urgent + emergency
    floor = by_rules if by_rules != "none" and (firm or none < OVERRULE[by_rules]) else "none"
    needless, *missed = COSTS
    if sum(cost * chance for cost, chance in zip(missed, chances[1:], strict=True)) <= needless * none:
        by_head: Tier = "none"
    elif emergency > TELL_EMERGENCY * referred:
        by_head = "emergency" if emergency > ALONE or by_rules in ("urgent", "emergency") else "urgent"
    else:
        by_head = "urgent" if urgent + emergency > TELL_URGENT * referred else "professional"
    return max(floor, by_head, key=TIERS.index)


def is_backed(by_rules: Tier, opinions: Sequence[Probabilities]) -> bool:
    """Whether the rules saw an emergency and one of the `opinions` alone sides with them."""
    return by_rules == "emergency" and any(none < BACKED for none, *_ in opinions)


def together(head: Probabilities, classifier: Probabilities) -> Probabilities:
    """Return the probabilities that head and classifier give together, those of each counting by its share."""
    logs = [
        sum(share * math.log(max(chance, LEAST)) for share, chance in zip(SHARES, both, strict=True))
        for both in zip(head, classifier, strict=True)
    ]
    chances = [math.exp(value - max(logs)) for value in logs]
    none, professional, urgent, emergency = (chance / sum(chances) for chance in chances)
    return none, professional, urgent, emergency


class SecondOpinion:
    """Lets the head judge what the rules have seen, and the classifier where that leaves doubt."""

    def __init__(self, matcher: Matcher, head: Head, classifier: Classifier | None = None) -> None:
        self._matcher = matcher
        self.head = head
        self.classifier = classifier

    def on(self, turns: Sequence[Turn], seen: Examination) -> Examination:
        """Return the examination with the tier of both. Nobody's flag of an earlier turn is lowered unless it was
        plainly taken back, nor one in words that the head has not read."""
        return self._on(turns, seen, {})

    def _on(self, turns: Sequence[Turn], seen: Examination, known: dict[int, Tier]) -> Examination:
        """As `on`; `known` holds what the conversation was referred as at an earlier turn, as far as it was asked."""
        if seen.findings and seen.findings[-1].rule == UNREADABLE:
            return seen
        texts = [turn.text for turn in turns]
        last = len(turns) - 1
        opinions = self._opinions(turns, seen)
        chances = opinions[-1]
        live = [one for one in seen.findings if one.switched_off_by is None]
        certain = len(opinions) > 1 and chances[0] >= CERTAIN
        # Of a lasting state that was told earlier it is asked again what its own turn was referred as.
        firm = any(holds(self._matcher, one, turns, certain or one.turn < last) for one in live)
        lasting = {one.turn for one in live if one.turn < last and holds(self._matcher, one, turns)}
        with_sign = {one.turn for one in live}
        told: Tier = "none"
        for turn in self._in_doubt(texts, with_sign, lasting, firm, chances[0]):
            tier = self._then(turns, turn, known)
            if turn in with_sign:
                firm = firm or tier != "none"
            else:
                told = max(told, tier, key=TIERS.index)
        now = decide(seen.tier, chances, firm or is_backed(seen.tier, opinions))
        tier = max([now, told, *self._elsewhere(texts[-1])], key=TIERS.index)
        return seen.model_copy(
            update={"tier": tier, "head": opinions[0], "classifier": opinions[1] if len(opinions) > 1 else None}
        )

    def _then(self, turns: Sequence[Turn], turn: int, known: dict[int, Tier]) -> Tier:
        """Return the tier of the conversation up to an earlier turn; by the rules alone where many were asked of."""
        if turn not in known:
            before = turns[: turn + 1]
            seen = self._matcher.examine(before)
            known[turn] = seen.tier  # of itself it is not asked meanwhile
            if len(known) <= ASKED_AGAIN:
                known[turn] = self._on(before, seen, known).tier
        return known[turn]

    def _in_doubt(
        self, texts: Sequence[str], with_sign: set[int], lasting: set[int], firm: bool, none: float
    ) -> list[int]:
        """Return the earlier turns of which it is asked again whether they were referred: those with a sign, and the
        latest others, in which the head may have seen what no rule has; none that were plainly taken back, but for
        those that told of a state that lasts."""
        last = len(texts) - 1
        others = [turn for turn in range(max(0, last - RECENT + 1), last) if turn not in with_sign and none < LET_GO]
        if firm:
            return others
        told = sorted(turn for turn in with_sign if turn < last)[-STICKY_TURNS:]
        return sorted(lasting.union(turn for turn in told if none < TAKEN_BACK or not has_read(texts, turn))) + others

    def _opinions(self, turns: Sequence[Turn], seen: Examination) -> list[Probabilities]:
        """Return what the head says; where that leaves doubt, also what the classifier says, and both together."""
        head = self._judge(turns, seen)
        sure = seen.tier == "none" and head[0] >= SURE
        if self.classifier is None or sure:
            return [head]
        classifier = self.classifier.judge([turn.text for turn in turns])
        return [head, classifier, together(head, classifier)]

    def _judge(self, turns: Sequence[Turn], seen: Examination) -> Probabilities:
        texts = [turn.text for turn in turns]
        said = terms([self._forms(turn) for turn in turns[-RECENT:]])
        numbers = signs(texts, seen.tier, seen.findings, seen.language, seen.again)
        return self.head.judge(texts, numbers, traces(seen.findings), said)

    def _forms(self, turn: Turn) -> list[str]:
        return forms(turn.words) if len(turn.text) <= LONGEST else self._matcher.forms(turn.text[-LONGEST:])

    def _elsewhere(self, text: str) -> Iterator[Tier]:
        """The grave tiers of the parts of a long message that come before what the head reads of it anyway."""
        for part in parts(text)[:-1]:
            turns = self._matcher.read([part])
            seen = self._matcher.examine(turns)
            opinions = self._opinions(turns, seen)
            tier = decide(seen.tier, opinions[-1], is_backed(seen.tier, opinions))
            if tier in ("urgent", "emergency"):
                yield tier


def holds(matcher: Matcher, one: Finding, turns: Sequence[Turn], certain: bool = False) -> bool:
    """Whether what was learned may not lower a finding: it has its own message, is by a rule of the publisher, stands
    where the head has not read or, unless head and classifier are `certain`, is a lasting state of the reader."""
    if one.rule in matcher.own or one.category in FIRM:
        return True
    lasts = one.rule in matcher.lasting and one.category not in LOOSE
    if lasts and not certain and told_of_oneself(turns[one.turn].words, one):
        return True
    return one.turn == len(turns) - 1 and one.start < len(turns[-1].text) - LONGEST


def told_of_oneself(told: Words, one: Finding) -> bool:
    """Whether a finding is what the reader plainly says of himself: in few words, of nobody else, denying nothing.

    In the other languages, where the verb may say it alone, it is taken to.
    """
    if one.rule.endswith(OTHER_LANGUAGES):
        return True
    words = told.words
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


def has_read(texts: Sequence[str], turn: int) -> bool:
    """Whether the head, which reads the end of the conversation, has read the whole of an earlier turn."""
    return turn >= len(texts) - RECENT and len(" ".join(texts[-RECENT:])) <= LONGEST


def parts(text: str) -> list[str]:
    """Return a long text in overlapping parts that the head can read, the last part being the end of the text."""
    if len(text) <= LONGEST:
        return [text]
    step = max(LONGEST * 3 // 4, -(-(len(text) - LONGEST) // (MOST_PARTS - 1)))
    return [text[start : start + LONGEST] for start in range(0, len(text) - LONGEST, step)] + [text[-LONGEST:]]
