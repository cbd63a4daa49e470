"""What the commands that build show people: what a rebuild changed, and the builds that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellcited.terminal import printable

if TYPE_CHECKING:
    from wellcited.history import Entry, Failure
    from wellcited.updating import Changes, Difference, UpdateReport

MOST_SHOWN = 12
"""Of longer lists, so many are shown, and how many more there are."""
_KINDS = {"lost": ("no longer answered", "bold red"), "changed": ("changed", "yellow"), "gained": ("new", "green")}


def show_update(report: UpdateReport, console: Console) -> None:
    """Print what a rebuild did, and which questions are answered otherwise, the old and the new quote side by side."""

    def say(text: str) -> None:
        print(printable(text), file=console.file)

    if report.reused and report.live and not report.documents_changed.any and not report.passages_changed.any:
        say(f"Nothing has changed: {report.index} is up to date (build {report.build_id}).")
        return
    counted = f"{_count(report.documents, 'document')}: {_count(report.passages, 'passage')}"
    work = (
        "a build that was kept"
        if report.reused
        else f"{_count(report.embedded, 'text')} newly embedded, in {report.seconds:.1f} s"
    )
    say(f"{'Tried' if not report.live else 'Indexed'} {counted}, {_count(report.sentences, 'sentence')}, {work}.")
    if report.search.kind != "exact":
        say(
            f"Search: {report.search.probes:,} of {report.search.lists:,} lists of vectors looked through, which finds "
            f"{report.search.recall:.1%} of the nearest ten (exact search, {report.search.sample} sample questions)."
        )
    for name, changes in (("Documents", report.documents_changed), ("Passages", report.passages_changed)):
        if changes.any:
            say(f"{name}: {_summary(changes)}")
            for line in _lines(changes):
                say(f"  {line}")
    _show_answers(report, console)
    if report.live:
        say(f'{report.index} is live (build {report.build_id}). Try: wellcited ask "..."')
    else:
        say(f"Nothing was changed in {report.index}.")


def show_builds(entries: Sequence[Entry], failure: Failure | None, index: Path, console: Console) -> None:
    """Print the builds that an index keeps, and why the last attempt failed if it did."""
    if not entries:
        print(f"{index}: there is no build here; run: wellcited index --index {index}", file=console.file)
    else:
        table = Table("build", "when (UTC)", "documents", "passages", "model", "", box=None, pad_edge=False)
        for entry in entries:
            state = Text("live", "bold green") if entry.live else Text("")
            if entry.problem:
                state = Text(printable(entry.problem), "red")
            counts = ("", "") if entry.problem else (f"{entry.documents:,}", f"{entry.passages:,}")
            table.add_row(entry.id, f"{entry.built:%Y-%m-%d %H:%M}", *counts, Text(printable(entry.model)), state)
        console.print(table)
    if failure:
        print(
            f"The last attempt, {failure.when:%Y-%m-%d %H:%M} UTC, failed: {printable(failure.error)}",
            file=console.file,
        )


def _show_answers(report: UpdateReport, console: Console) -> None:
    if report.not_compared:
        print(f"Answers: not compared, {printable(report.not_compared)}", file=console.file)
        return
    if not report.asked:
        return
    same = report.asked - len(report.answers)
    print(f"Answers: {_count(report.asked, 'question')} asked of both, {same} answered alike", file=console.file)
    if report.answers and not console.is_terminal:
        for difference in report.answers:
            print("\n".join(printable(line) for line in _plain(difference)), file=console.file)
    elif report.answers:
        table = Table("question", "", "before", "now", show_lines=True, expand=True)
        for difference in report.answers:
            word, style = _KINDS[difference.kind]
            texts = (Text(printable(text)) for text in (difference.before, difference.after))
            table.add_row(Text(printable(difference.question)), Text(word, style), *texts)
        console.print(table)


def _plain(difference: Difference) -> Iterable[str]:
    yield f"  {difference.question} ({_KINDS[difference.kind][0]})"
    yield "    before: " + " / ".join(difference.before.split("\n"))
    yield "    now:    " + " / ".join(difference.after.split("\n"))


def _summary(changes: Changes) -> str:
    parts = [
        f"{len(names)} {word}"
        for word, names in (
            ("added", changes.added),
            ("changed", changes.changed),
            ("removed", changes.removed),
            ("renamed", changes.renamed),
        )
        if names
    ]
    return ", ".join(parts)


def _lines(changes: Changes) -> list[str]:
    lines = [
        *(f"+ {name}" for name in dict.fromkeys(changes.added)),
        *(f"~ {name}" for name in dict.fromkeys(changes.changed)),
        *(f"- {name}" for name in dict.fromkeys(changes.removed)),
        *(f"{before} -> {now}" for before, now in changes.renamed),
    ]
    more = len(lines) - MOST_SHOWN
    return [*lines[:MOST_SHOWN], f"and {more} more"] if more > 1 else lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
