"""The commands that build the index, list what it keeps, and go back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wellcited.cli.options import AsJson, Index
from wellcited.errors import WellcitedError

if TYPE_CHECKING:
    from wellcited.settings import Settings

Corpus = Annotated[
    Path | None, typer.Option(help="The folder of guides.", show_default="the setting 'corpus'", metavar="DIR")
]


def index(
    corpus: Corpus = None,
    index: Index = None,
    questions: Annotated[
        Path | None, typer.Option(help="More questions to compare: one a line, text or JSON.", metavar="FILE")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a file cannot be read, rather than skip and name it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would change, and change nothing.")] = False,
    fail_on_loss: Annotated[
        bool, typer.Option("--fail-on-loss", help="Keep the live index where an answer would be lost; exit with 1.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and rebuild whenever a file is saved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the index: read the guides, split them into passages, embed these, and make the result live.

    The live index stays in use until the new one is complete, and texts that
    did not change are not embedded again. The report says what changed:
    documents, passages, and which of the curated questions are now answered
    otherwise. It needs the extra 'index'; answering does not.

    \b
    Example:
      wellcited index --corpus corpus --index index
      wellcited index --dry-run
      wellcited index --watch
    """
    from wellcited.settings import load_settings
    from wellcited.updating import read_questions

    settings = load_settings(corpus=corpus, index=index, strict=strict or None)
    more = read_questions(questions) if questions else ()

    def build() -> None:
        _build(settings, more, dry_run, fail_on_loss, as_json)

    if not watch:
        build()
        return
    from wellcited.watching import changes

    _tell_errors(build)
    typer.echo(f"Watching {settings.corpus}; stop with Ctrl-C.", err=True)
    for _ in changes(settings.corpus):
        _tell_errors(build)


def builds(
    index: Index = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compare every file with its digest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the builds that the index keeps, the newest first; exit with 1 where one of them is damaged.

    \b
    Example:
      wellcited builds --verify
    """
    from wellcited import history
    from wellcited.settings import load_settings

    settings = load_settings(index=index)
    entries = history.builds(settings.index, verify)
    failure = history.last_failure(settings.index)
    if as_json:
        from pydantic import TypeAdapter

        typer.echo(TypeAdapter(list[history.Entry]).dump_json(entries, indent=2).decode())
    else:
        from wellcited.cli.reports import show_builds
        from wellcited.terminal import console

        show_builds(entries, failure, settings.index, console(wide=True))
    if any(entry.problem for entry in entries):
        raise typer.Exit(1)


def rollback(
    build: Annotated[
        str | None, typer.Argument(help="The build's id or its first characters.", show_default="the one before")
    ] = None,
    index: Index = None,
) -> None:
    """Make an earlier build live again, after its files were verified; a running server takes it up by itself.

    The corpus stays as it is, so the next 'wellcited index' builds from it
    again.

    \b
    Example:
      wellcited rollback
      wellcited rollback 3f2a
    """
    from wellcited import history
    from wellcited.settings import load_settings

    settings = load_settings(index=index)
    found = history.rollback(
        settings.index, build, lambda: typer.echo("Another process is building this index; waiting.", err=True)
    )
    typer.echo(f"{settings.index}: build {found.manifest.id} is live.")


def _build(settings: Settings, questions: tuple[str, ...], dry_run: bool, fail_on_loss: bool, as_json: bool) -> None:
    from wellcited.cli.reports import show_update
    from wellcited.terminal import console, progress_bar, stages
    from wellcited.updating import update_index

    with progress_bar(console(stderr=True), quiet=as_json) as progress:
        tell = stages(progress)

        def told(stage: str, done: int, total: int) -> None:
            if stage.startswith("waiting"):
                typer.echo("Another process is building this index; waiting for it to end.", err=True)
            else:
                tell(stage, done, total)

        report = update_index(settings, questions, dry_run=dry_run, fail_on_loss=fail_on_loss, progress=told)
    for skipped in report.skipped:
        typer.echo(f"skipped {skipped.path}: {skipped.reason}", err=True)
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        show_update(report, console())


def _tell_errors(build: Callable[[], None]) -> None:
    """Build; an error is told, and the watch goes on: the next save may mend it."""
    try:
        build()
    except WellcitedError as error:
        typer.echo(f"wellcited: {error}", err=True)
