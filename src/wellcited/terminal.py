"""What the command line shows people: an answer, and how far a long task has come."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from wellcited.answering import hedge
from wellcited.datatypes import Answer, Citation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from wellcited.safety import Examination

TITLES = {
    "emergency": "This may be an emergency",
    "urgent": "Please have this looked at today",
    "professional": "This is one for a professional",
}
COLOURS = {"emergency": "bold red", "urgent": "red", "professional": "yellow"}
_PIPED_WIDTH = 10_000  # tables take what they need of it, and no line is broken
_TEXT_WIDTH = 100


def console(stderr: bool = False, wide: bool = False) -> Console:
    """A console that prints texts as they are; `wide` gives tables room where the output is piped."""
    from rich.console import Console

    found = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if wide and not found.is_terminal:
        found.width = _PIPED_WIDTH
    return found


def progress_bar(console: Console, quiet: bool) -> Progress:
    """A progress bar with stage, count, rate and time left; it shows nothing where nobody is watching."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
        console=console,
        disable=quiet or not console.is_terminal,
    )


def stages(progress: Progress) -> Callable[[str, int, int], None]:
    """A callback that gives each stage a bar of its own."""
    bars: dict[str, TaskID] = {}

    def tell(stage: str, done: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = progress.add_task(stage, total=total, rate="")
        task = progress.tasks[progress.task_ids.index(bars[stage])]
        rate = f"{done / task.elapsed:,.0f}/s" if task.elapsed and done and total > 1 else ""
        progress.update(bars[stage], completed=done, total=total, rate=rate)

    return tell


def screen() -> Console | None:
    """The terminal that standard output goes to; None for a file or a pipe, which need not wait for rich to load."""
    if not sys.stdout.isatty() and not {"FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys():
        return None
    found = console()
    return found if found.is_terminal else None


def show(answer: Answer) -> None:
    """Print an answer for people; quotes are not broken where the output goes into a file or a pipe."""
    terminal = screen()
    if terminal:
        terminal.width = min(terminal.width, _TEXT_WIDTH)

    def say(*parts: str | tuple[str, str], indent: int = 0) -> None:
        text = [(part, "") if isinstance(part, str) else part for part in parts]
        if terminal:
            _print(terminal, [(printable(words), style) for words, style in text], indent)
        else:  # rich would turn the tabs of a quote into spaces
            print(" " * indent + "".join(printable(words) for words, _ in text))

    def number(quote: Citation) -> tuple[str, str]:
        return f"[{quote.number}]", "bold cyan"

    def paged(place: str, quote: Citation) -> str:
        return place if quote.page is None else f"{place} › page {quote.page}"

    def section(quote: Citation) -> str:
        return paged(" › ".join(heading for heading in quote.headings if heading != quote.title) or quote.title, quote)

    if answer.kind == "referral":
        title = TITLES[answer.triage.tier]
        if terminal:
            _print_framed(terminal, title, answer.text, COLOURS[answer.triage.tier])
        else:
            say(f"{title}\n\n{answer.text}")
    elif answer.kind == "answer":
        if unsure := hedge(answer):
            say(unsure)
            say()
        for quote in answer.citations:
            say(quote.quote, " ", number(quote))
            say()
        say(("Sources", "bold"))
        places: dict[str, list[Citation]] = {}
        for quote in answer.citations:
            place = paged(" › ".join(dict.fromkeys((quote.title, *quote.headings))), quote)
            places.setdefault(place, []).append(quote)
        for place, quotes in places.items():
            say(*(part for quote in quotes for part in (number(quote), " ")), (place, "dim"), indent=2)
    else:
        say(answer.text)
    if answer.further:
        say()
        say(("More from the guide" if answer.kind == "answer" else "The nearest the guide comes", "bold"))
        for quote in answer.further:
            say(number(quote), " ", quote.quote, "  ", (f"({section(quote)})", "dim"), indent=2)
    if answer.suggestions:
        say()
        say(("You could ask", "bold"))
        for suggestion in answer.suggestions:
            say("- ", suggestion, indent=2)


def _print(terminal: Console, parts: list[tuple[str, str]], indent: int) -> None:
    """Print words, each in its style, every line of them indented."""
    from rich.padding import Padding
    from rich.text import Text

    terminal.print(Padding(Text.assemble(*parts), (0, 0, 0, indent), expand=False))


def _print_framed(terminal: Console, title: str, text: str, style: str) -> None:
    """Print a text in a frame of its own colour."""
    from rich.panel import Panel
    from rich.text import Text

    frame = Panel(Text(printable(text)), title=Text(title, style=style), border_style=style, padding=(1, 2))
    terminal.print(frame)


def show_examination(found: Examination, console: Console) -> None:
    """Print what the guardrail made of a message: tier, each rule with its words, opinions of head and classifier."""

    def say(text: str) -> None:
        print(printable(text), file=console.file)

    by = "" if found.tier == found.tier_by_rules else f" (by the rules alone: {found.tier_by_rules})"
    say(f"tier      {found.tier}{by}")
    say(f"language  {found.language}")
    say(f"rules     version {found.rules_version}{'' if found.findings else ', none matched'}")
    for one in found.findings:
        off = f", switched off: {one.switched_off_by}" if one.switched_off_by else ""
        place = f"message {one.turn + 1}, characters {one.start}-{one.end}"
        say(f"  {one.rule} ({one.tier}{off}) in {place}: {one.evidence!r}")
    if found.head is None:
        say("head      silent: there is no index with the encoder it was learned with")
        return
    from wellcited.safety.rules import TIERS

    for name, chances in (("head", found.head), ("classifier", found.classifier)):
        if chances is None:
            say(f"{name}  not asked: no rule holds, and the head is sure")
        else:
            told = ", ".join(f"{tier} {share:.2f}" for tier, share in zip(TIERS, chances, strict=True))
            say(f"{name:<8}  {told}")


def printable(text: str) -> str:
    """Return the text without control characters, which a terminal would obey; line breaks and tabs stay."""
    return "".join(character for character in text if character in "\n\t" or unicodedata.category(character) != "Cc")
