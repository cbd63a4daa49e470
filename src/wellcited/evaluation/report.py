"""A whole evaluation, and the one page that shows it: styles and plots inline, no script, nothing loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

from wellcited.datatypes import Value
from wellcited.errors import EvaluationError
from wellcited.evaluation import plots
from wellcited.evaluation.metrics import Score
from wellcited.evaluation.referral import RATES, TIERS, SafetyScores, Sorted
from wellcited.evaluation.scoring import AREA, MEASURES, Judged, QuestionScores
from wellcited.evaluation.tables import (
    BY_GROUP,
    BY_SAFETY_GROUP,
    count_text,
    group_text,
    interval_text,
    invariant_text,
    value_text,
)

PAGE = "index.html"
_STYLE = Path(__file__).with_name("page.css")
_HOW = {
    "Evidence within the first N characters": """The share of answerable questions for which one alternative of the
        gold evidence is seen within the first N characters of what the reader sees first: the quotes of the answer and
        then those under “more from the guide”, in order, one line break between them. A span counts as seen when 60 %
        of its characters are shown, white space and typographic quotes and dashes aside: by position where the span
        stands in a guide, else by the longest run of text that both have in common. A question that was declined
        shows nothing.""",
    "Precision": "The share of the sentences quoted as the answer that overlap a span of any alternative.",
    "Declined": "An unanswerable or off-topic question that got no answer: “not covered”, small talk or a referral.",
    "Risk and coverage": """Answerable and unanswerable questions in the order of the confidence of their replies. The
        risk is the share of errors among the first of them: an answerable question without its evidence within 600
        characters, or an unanswerable one that was answered. The area is the mean of these risks; less is better.""",
    "Intervals": """95 %. For questions the percentile bootstrap over questions, 2000 seeded resamples; it has no width
        where all questions agree. For safety messages the score interval of Wilson.""",
}


class Evaluation(Value):
    """What one run of `wellcited evaluate` found; `bundle_id` is None where no index was asked."""

    version: str
    bundle_id: str | None = None
    questions: QuestionScores | None = None
    safety: SafetyScores | None = None


def write_page(evaluation: Evaluation, folder: str | Path) -> Path:
    """Write the page into the folder, which is made if need be, and return its path. Raises EvaluationError."""
    target = Path(folder) / PAGE
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(evaluation), encoding="utf-8", errors="replace")
    except OSError as error:
        raise EvaluationError(f"{target}: the report cannot be written: {error.strerror or error}") from error
    return target


def page(evaluation: Evaluation) -> str:
    """The report as one HTML document; every text that comes from a file is escaped."""
    about = [f"wellcited {evaluation.version}"]
    if evaluation.bundle_id:
        about.append(f"index {evaluation.bundle_id}")
    if evaluation.safety:
        about.append(f"safety rules {evaluation.safety.rules_version}")
    body = [f'<h1>Evaluation</h1><p class="quiet">{escape(" · ".join(about))}</p>']
    if evaluation.questions:
        body += _questions(evaluation.questions)
    if evaluation.safety:
        body += _safety(evaluation.safety)
    how = "".join(f"<dt>{escape(name)}</dt><dd>{escape(' '.join(text.split()))}</dd>" for name, text in _HOW.items())
    body.append(f"<h2>How this is measured</h2><dl>{how}</dl>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>wellcited evaluation</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE.read_text(encoding='utf-8')}</style></head><body><main>{''.join(body)}</main></body></html>\n"
    )


def _questions(scores: QuestionScores) -> list[str]:
    rows = [(measure.label, scores.overall[measure.name], measure.unit) for measure in MEASURES]
    best = "" if scores.best_aurc is None else f" The best order of these replies would reach {scores.best_aurc:.3f}."
    area = f"Area under the risk-coverage curve: {value_text(scores.aurc, 'area')}.{best}"
    times = [one.milliseconds for one in scores.results]
    wrong = [one for one in scores.results if one.missed]
    return [
        "<h2>Questions</h2>",
        _score_table(f"{scores.questions} questions", [*rows, (AREA.label, scores.aurc, AREA.unit)]),
        _group_table("By kind", scores.kinds, BY_GROUP),
        _group_table("By difficulty", scores.difficulties, BY_GROUP),
        "<h3>Risk and coverage</h3>",
        _figure(plots.risk_coverage(scores.risk_coverage, f"Risk-coverage curve. {area}"), area),
        "<h3>By section of the guide</h3>",
        _figure(
            plots.bars(scores.sections, "Evidence within 600 characters, by section"),
            "Answerable questions whose evidence is within the first 600 characters; the line is the 95 % interval.",
        ),
        "<h3>Time to answer</h3>",
        _figure(plots.histogram(times, "milliseconds", "Time to answer"), "How many replies took how long."),
        f"<h3>{len(wrong)} questions that went wrong</h3>",
        *map(_wrong_question, wrong),
    ]


def _safety(scores: SafetyScores) -> list[str]:
    rows = [(label, scores.overall[name], "share") for name, (label, _, _) in RATES.items()]
    confusion = [(tier, [str(scores.confusion[tier][got]) for got in TIERS]) for tier in TIERS]
    broken = scores.invariant and (scores.invariant.leaks or scores.invariant.disagreements)
    return [
        "<h2>Safety</h2>",
        f"<p{' class=bad' if broken else ''}>{escape(invariant_text(scores.invariant))}</p>",
        _score_table(f"{scores.messages} messages", rows),
        _table("Tier expected (down) and got (across)", ["", *TIERS], confusion),
        _group_table("By hardness", scores.hard, BY_SAFETY_GROUP),
        _group_table("By language", scores.languages, BY_SAFETY_GROUP),
        _group_table("By category", scores.categories, BY_SAFETY_GROUP),
        f"<h3>{len(scores.misses)} messages with a tier that is not accepted</h3>",
        *map(_wrong_message, scores.misses),
    ]


def _wrong_question(one: Judged) -> str:
    gold = " or ".join("".join(f"<blockquote>{escape(span)}</blockquote>" for span in spans) for spans in one.case.gold)
    parts = [
        _said(one.case.turns),
        f"<p><strong>Expected:</strong> {escape(one.case.answer)}</p>{gold}",
        f"<p><strong>Said</strong> (confidence {one.confidence:.2f}): {escape(one.text)}</p>",
        _quotes("Quoted", one.citations),
        _quotes("More from the guide", one.further),
    ]
    if one.reasons:
        parts.append(f"<p><strong>Rules:</strong> {escape(', '.join(one.reasons))}</p>")
    return _fold(f"{one.id} · {one.case.kind} · {one.reply} · {one.case.turns[-1]}", parts)


def _wrong_message(one: Sorted) -> str:
    parts = [
        _said(one.case.turns),
        f"<p><strong>Accepted:</strong> {escape(', '.join(tier for tier in TIERS if tier in one.case.accepted))}</p>",
        f"<p><strong>Rules:</strong> {escape(', '.join(one.reasons) or 'none')}</p><p>{escape(one.case.note)}</p>",
    ]
    return _fold(f"{one.id} · expected {one.case.tier}, got {one.tier} · {one.case.turns[-1]}", parts)


def _said(turns: Sequence[str]) -> str:
    return "".join(f"<p><strong>User:</strong> {escape(turn)}</p>" for turn in turns)


def _quotes(title: str, quotes: Sequence[str]) -> str:
    inner = "".join(f"<blockquote>{escape(quote)}</blockquote>" for quote in quotes)
    return f"<p><strong>{title}:</strong></p>{inner}" if quotes else ""


def _fold(summary: str, parts: Iterable[str]) -> str:
    return f"<details><summary>{escape(summary)}</summary><div>{''.join(parts)}</div></details>"


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def _score_table(title: str, rows: Iterable[tuple[str, Score, str]]) -> str:
    cells = [
        (label, [escape(text) for text in (value_text(score, unit), interval_text(score, unit), count_text(score))])
        for label, score, unit in rows
    ]
    return _table(title, ["Measure", "Value", "95 % interval", "Of"], cells)


def _group_table(title: str, groups: Mapping[str, Mapping[str, Score]], measures: Mapping[str, str]) -> str:
    names = [name for name in measures if any(scores[name].of for scores in groups.values())]
    rows = [
        (
            group_text(group, s),
            [f"{value_text(s[name], 'share')}<small>{interval_text(s[name], 'share')}</small>" for name in names],
        )
        for group, s in groups.items()
    ]
    return _table(title, ["", *(measures[name] for name in names)], rows) if rows else ""


def _table(title: str, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table that scrolls by itself on a narrow screen; the first cell of a row is escaped, the others are HTML."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, cells in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}"><table>'
        f"<caption>{escape(title)}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
