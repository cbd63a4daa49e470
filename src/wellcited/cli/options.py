"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Index = Annotated[
    Path | None, typer.Option(help="The folder of the built index.", show_default="the setting 'index'", metavar="DIR")
]
History = Annotated[
    Path | None, typer.Option(help="The conversation so far: a JSON list of role and content.", metavar="FILE.json")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
