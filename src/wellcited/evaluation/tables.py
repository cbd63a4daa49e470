"""The scores as tables for the terminal. Texts from files are printed as they are, never as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wellcited.evaluation import referral
from wellcited.evaluation.metrics import Score
from wellcited.evaluation.scoring import AREA, MEASURES, QuestionScores

NOTHING = "–"
BY_GROUP = {
    "shown_300": "shown@300",
    "shown_600": "shown@600",
    "shown_1200": "shown@1200",
    "precision": "precision",
    "false_not_covered": "not covered",
    "needlessly_referred": "referred",
    "declined": "declined",
    "smalltalk_handled": "small talk",
}
"""The measures that are also shown for each kind and difficulty, with a short name."""
BY_SAFETY_GROUP = {
    "exact": "exact",
    "accepted": "accepted",
    "emergency_told": "emergency told",
    "emergency_referred": "emergency referred",
    "needlessly_referred": "needlessly",
    "too_mild": "too mild",
}
_FEW = 20


def value_text(score: Score, unit: str) -> str:
    """The number in its unit: per cent for a share."""
    return NOTHING if score.value is None else _number(score.value, unit) + (" %" if unit == "share" else "")


def interval_text(score: Score, unit: str) -> str:
    """Its 95 % interval, in the same unit."""
    if score.low is None or score.high is None:
        return ""
    return f"{_number(score.low, unit)}–{_number(score.high, unit)}"


def count_text(score: Score) -> str:
    """What it was measured on: "7 of 20" for a share."""
    return (f"{score.hits} of {score.of}" if score.hits is not None else str(score.of)) if score.of else NOTHING


def group_text(name: str, scores: Mapping[str, Score]) -> str:
    """The name of a group, with how many questions or messages it has."""
    count = scores["exact"] if "exact" in scores else scores["ms_median"]
    return f"{clean(name)} ({count.of})"


def _number(value: float, unit: str) -> str:
    match unit:
        case "share":
            return f"{100 * value:.1f}".removesuffix(".0")
        case "area":
            return f"{value:.3f}"
        case "ms":
            return f"{value:.1f}"
        case _:
            return f"{value:.0f}"


def question_tables(scores: QuestionScores) -> RenderableType:
    """All questions, each kind, each difficulty, and the first of those that went wrong."""
    rows = [(measure.label, scores.overall[measure.name], measure.unit) for measure in MEASURES]
    rows.append((AREA.label, scores.aurc, AREA.unit))
    parts: list[RenderableType] = [
        _scores(f"{scores.questions} questions", rows),
        _groups("by kind", scores.kinds, BY_GROUP),
    ]
    if scores.difficulties:
        parts.append(_groups("by difficulty", scores.difficulties, BY_GROUP))
    wrong = [one for one in scores.results if one.missed]
    if wrong:
        parts.append(_title(f"{len(wrong)} went wrong"))
        parts += [Text(f"  {one.id}  {one.reply}  {clean(one.case.turns[-1])}") for one in wrong[:_FEW]]
    if len(wrong) > _FEW:
        parts.append(Text(f"  and {len(wrong) - _FEW} more: see --json, or --report DIR"))
    return Group(*parts)


def safety_tables(scores: referral.SafetyScores) -> RenderableType:
    """All messages, the confusion matrix, the groups, and every message that got a tier not accepted."""
    rows = [(label, scores.overall[name], "share") for name, (label, _, _) in referral.RATES.items()]
    parts: list[RenderableType] = [
        _scores(f"{scores.messages} safety messages, rules {scores.rules_version}", rows),
        _confusion(scores),
        _groups("by hardness", scores.hard, BY_SAFETY_GROUP),
        _groups("by language", scores.languages, BY_SAFETY_GROUP),
        _groups("by category", scores.categories, BY_SAFETY_GROUP),
        Text(f"\n{invariant_text(scores.invariant)}"),
    ]
    if scores.misses:
        parts.append(_title(f"{len(scores.misses)} got a tier that is not accepted"))
    for one in scores.misses:
        parts.append(
            Text(f"  {one.id}  expected {one.case.tier}, got {one.tier}  ({', '.join(one.reasons) or 'no rule'})")
        )
        parts.append(Text(f"      {clean(one.case.turns[-1])}"))
    return Group(*parts)


def invariant_text(invariant: referral.Invariant | None) -> str:
    """The check that a referral never quotes the guide, as a sentence."""
    if invariant is None:
        return "Not checked, for want of an index: that no referral quotes the guide."
    if not invariant.leaks and not invariant.disagreements:
        return f"Checked: none of the {invariant.asked} referrals quotes the guide."
    found = f"BROKEN: of {invariant.asked} referrals, {len(invariant.leaks)} quote the guide"
    apart = f"{len(invariant.disagreements)} got another tier from the assistant than from the guardrail alone"
    return (
        f"{found} ({', '.join(invariant.leaks) or 'none'}); {apart} ({', '.join(invariant.disagreements) or 'none'})."
    )


def clean(text: str) -> str:
    """The text on one line, without control characters, which a terminal would obey."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=Text(f"\n{title}", style="bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number else "left", overflow="fold")
    return table


def _scores(title: str, rows: Iterable[tuple[str, Score, str]]) -> Table:
    table = _table(title, ["measure", "value", "95 % interval", "of"])
    for label, score, unit in rows:
        table.add_row(Text(label), value_text(score, unit), interval_text(score, unit), count_text(score))
    return table


def _groups(title: str, groups: Mapping[str, Mapping[str, Score]], measures: Mapping[str, str]) -> Table:
    """One row a group, with intervals while the groups are few; a column that says nothing is left out."""
    names = [name for name in measures if any(scores[name].of for scores in groups.values())]
    table = _table(title, ["", *(measures[name] for name in names)])
    for group, scores in groups.items():
        cells = [value_text(scores[name], "share") for name in names]
        if len(groups) <= _FEW:
            cells = [f"{cell}\n{interval_text(scores[name], 'share')}" for cell, name in zip(cells, names, strict=True)]
        table.add_row(Text(group_text(group, scores)), *cells)
    return table


def _confusion(scores: referral.SafetyScores) -> Table:
    table = _table("expected (down), got (across)", ["", *referral.TIERS])
    for expected in referral.TIERS:
        table.add_row(expected, *(str(scores.confusion[expected][got]) for got in referral.TIERS))
    return table
