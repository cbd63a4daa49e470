"""The commands of the doors besides the chat: a token for a site's pages, and the guide as an assistant's tool."""

from __future__ import annotations

from typing import Annotated

import typer

from wellcited.cli.options import Index


def token(
    origin: Annotated[str, typer.Argument(help="The site whose pages may use it, e.g. https://a.example")],
) -> None:
    """Print a widget token for the pages of one site, good for the setting 'token_minutes'.

    It is signed with the setting 'token_secret', as the site's own backend signs
    them; docs/api.md has that in a few lines of Python, PHP and JavaScript.

    \b
    Example:
      wellcited token https://a.example
    """
    from wellcited.settings import load_settings
    from wellcited.web.tokens import sign

    typer.echo(sign(origin, load_settings()))


def mcp(index: Index = None) -> None:
    """Serve the guide to an assistant on this machine: the Model Context Protocol on standard input and output.

    The assistant starts it: give it this command in its configuration. It needs
    the extra 'mcp'. A server offers the same at /mcp with the setting 'mcp'.

    \b
    Example:
      wellcited mcp --index /path/to/index
    """
    from wellcited.assistant import Assistant
    from wellcited.settings import load_settings
    from wellcited.web.mcp import run

    settings = load_settings(index=index)
    run(Assistant.open(settings.index, settings), settings)
