"""The commands, as typer reads and explains them."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellcited import __version__
from wellcited.cli import asking, building, doors
from wellcited.cli.options import AsJson, History, Index
from wellcited.errors import IndexMissing

if TYPE_CHECKING:
    from wellcited.assistant import Assistant
    from wellcited.evaluation.runner import Triages
    from wellcited.safety import Guardrail
    from wellcited.settings import Settings

app = typer.Typer(
    name="wellcited",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"wellcited {__version__}")
        raise typer.Exit


@app.callback()
def wellcited(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and exit.")
    ] = False,
) -> None:
    """Answers from your guide, with the passage that says so; and a referral, not an exercise, when it hurts badly.

    Put your guide into the folder corpus, build the index once, then ask.
    Settings come from wellcited.toml in the working directory and from
    WELLCITED_* variables; an option given here wins over both.

    \b
    Example:
      wellcited index
      wellcited ask "How long do I press?"
      wellcited serve
    """


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes; - reads it from standard input.")],
    index: Index = None,
    history: History = None,
    as_json: AsJson = False,
) -> None:
    """Ask one question and print the answer: exact quotes, numbered, with the place where each stands.

    Where the guide does not say, that is the answer. A message that tells of
    acute pain or of an emergency gets a referral and no quote.

    \b
    Example:
      wellcited ask "How long do I press?"
      wellcited ask "And how often?" --history conversation.json
      echo "What does the psoas do?" | wellcited ask - --json
    """
    asking.answer(asking.Asked(question, index, history, as_json))


@app.command()
def triage(
    message: Annotated[str, typer.Argument(help="The reader's message, in quotes; - reads it from standard input.")],
    index: Index = None,
    history: History = None,
    as_json: AsJson = False,
) -> None:
    """Show what the guardrail makes of a message, and why: tier, rules, the words they rest on, the head's opinion.

    Without an index the rules decide alone, since the learned head reads the
    vectors of the index's encoder.

    \b
    Example:
      wellcited triage "My leg is numb since this morning. Which stretch helps?"
    """
    from wellcited.settings import load_settings

    settings = load_settings(index=index)
    message, turns = asking.read(message), asking.read_history(history)
    examined = _guardrail_alone(settings, needed=index is not None).examine(message, turns)
    if as_json:
        typer.echo(examined.model_dump_json(indent=2))
    else:
        from wellcited.terminal import console, show_examination

        show_examination(examined, console())


@app.command()
def evaluate(
    context: typer.Context,
    index: Index = None,
    questions: Annotated[
        Path | None, typer.Option(help="Questions with the evidence that answers them.", metavar="FILE.jsonl")
    ] = None,
    safety: Annotated[
        Path | None, typer.Option(help="Messages with the tier that each must get.", metavar="FILE.jsonl")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write one HTML page into this folder.", metavar="DIR")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the answers against questions with known evidence, and the guardrail against messages with known tiers.

    Give --questions, --safety or both. Each file holds one JSON object a line.
    With --safety alone no index is needed; where there is one, every referral
    is also checked to quote nothing from the guide.

    \b
    Example:
      wellcited evaluate --questions questions.jsonl --report report
      wellcited evaluate --safety safety.jsonl --json
    """
    if not questions and not safety:
        typer.echo(context.get_help())
        typer.echo("\nwellcited: evaluate needs --questions FILE.jsonl, --safety FILE.jsonl or both", err=True)
        raise typer.Exit(2)
    from wellcited.evaluation.questions import load_questions, load_safety
    from wellcited.evaluation.report import Evaluation, write_page
    from wellcited.evaluation.runner import run_questions, run_safety
    from wellcited.settings import load_settings
    from wellcited.terminal import console, progress_bar, stages

    settings = load_settings(index=index)
    cases = load_questions(questions) if questions else ()
    messages = load_safety(safety) if safety else ()
    assistant = _assistant(settings, needed=bool(questions or index))
    with progress_bar(console(stderr=True), quiet=as_json) as progress:
        tell = stages(progress)
        found = Evaluation(
            version=__version__,
            bundle_id=assistant.bundle_id if assistant else None,
            questions=run_questions(assistant, cases, lambda done, total: tell("questions", done, total))
            if assistant and cases
            else None,
            safety=run_safety(
                _guardrail(assistant, settings),
                messages,
                assistant,
                lambda done, total: tell("safety messages", done, total),
            )
            if messages
            else None,
        )
    page = write_page(found, report) if report else None
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    from wellcited.evaluation.tables import question_tables, safety_tables

    screen = console(wide=True)
    if found.questions:
        screen.print(question_tables(found.questions))
    if found.safety:
        screen.print(safety_tables(found.safety))
    if page:
        typer.echo(f"\nThe report is at {page}")


@app.command()
def serve(
    index: Index = None,
    host: Annotated[
        str | None, typer.Option(help="The address to listen on.", show_default="the setting 'host'", metavar="HOST")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port.", show_default="the setting 'port'", min=1, max=65535, metavar="PORT")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="How many processes.", show_default="the setting 'workers'", min=1, max=64, metavar="N"),
    ] = None,
) -> None:
    """Serve the chat, the guide as pages and the HTTP API until interrupted.

    By default only this machine can reach it; 0.0.0.0 opens it to the network.
    It needs the extra 'web'.

    \b
    Example:
      wellcited serve --host 0.0.0.0 --port 8000
    """
    gc.disable()  # while it starts, next to nothing becomes garbage; the server enables it
    try:
        from wellcited.settings import load_settings
        from wellcited.web.app import serve as run

        run(settings=load_settings(index=index, host=host, port=port, workers=workers))
    finally:
        gc.enable()


for command in (building.index, building.builds, building.rollback, doors.token, doors.mcp):
    app.command()(command)


def _assistant(settings: Settings, needed: bool) -> Assistant | None:
    from wellcited.assistant import Assistant

    try:
        return Assistant.open(settings.index, settings)
    except IndexMissing:
        if needed:
            raise
        return None


def _guardrail(assistant: Assistant | None, settings: Settings) -> Triages:
    if assistant:
        return assistant.guardrail
    from wellcited.safety import Guardrail

    return Guardrail.open(settings.emergency_numbers, settings.own_safety_file)


def _guardrail_alone(settings: Settings, needed: bool) -> Guardrail:
    """The guardrail with its head where there is an index, and nothing else of the assistant."""
    from wellcited import bundle
    from wellcited.encoding import QueryEncoder
    from wellcited.opening import guarded
    from wellcited.safety import Guardrail

    try:
        build = bundle.live_build(settings.index, settings)
    except IndexMissing:
        if needed:
            raise
        return Guardrail.open(settings.emergency_numbers, settings.own_safety_file)
    build.verify()
    kept = build.folder / bundle.SAFETY
    guardrail = Guardrail.open(settings.emergency_numbers, settings.own_safety_file, kept)
    return guarded(guardrail, build, QueryEncoder(build.folder / bundle.ENCODER))
