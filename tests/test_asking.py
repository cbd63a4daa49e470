"""`wellcited ask` reads its plain command line without typer, and reads it alike."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Built
from typer.testing import CliRunner

import wellcited
from wellcited.cli import asking
from wellcited.cli.asking import Asked, plainly
from wellcited.cli.commands import app

PLAIN = [
    ["How long?"],
    ["-"],
    [""],
    ["How long?", "--json"],
    ["--json", "--json", "How long?"],
    ["--index", "built", "How long?"],
    ["How long?", "--index", "one", "--index", "other"],
    ["How long?", "--history", "talk.json", "--index", "a b", "--json"],
    ["How long?", "--index", ""],
    ["ask"],
]
NOT_PLAIN = [
    [],
    ["--help"],
    ["-h"],
    ["How long?", "--help"],
    ["How long?", "How often?"],
    ["How long?", "--index"],
    ["How long?", "--index", "--json"],
    ["--index=built", "How long?"],
    ["How long?", "--index=built"],
    ["How long?", "--js"],
    ["--", "How long?"],
    ["-x"],
]


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_a_plain_command_line_is_read_as_typer_reads_it(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Asked] = []
    monkeypatch.setattr(asking, "answer", read.append)
    assert CliRunner().invoke(app, ["ask", *arguments]).exit_code == 0
    assert [plainly(["ask", *arguments])] == read


@pytest.mark.parametrize("arguments", NOT_PLAIN, ids=" ".join)
def test_what_is_not_plain_is_left_to_typer(arguments: list[str]) -> None:
    assert plainly(["ask", *arguments]) is None
    assert plainly(["triage", *arguments]) is None


def test_another_command_is_left_to_typer() -> None:
    assert plainly(["triage", "How long?"]) is None
    assert plainly(["--version"]) is None
    assert plainly([]) is None


def test_json_is_utf_8_where_the_terminal_claims_to_know_ascii_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    asking.print_json('"psoas – hip"')
    assert written.getvalue().decode("utf-8") == '"psoas – hip"\n'


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_has_gone_is_no_traceback(tiny: Built, as_json: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ["ask", "How often should I descale a kettle?", "--index", str(tiny.index), *["--json"] * as_json]
    with os.fdopen(writing, "wb") as pipe:
        ran = subprocess.run(
            [sys.executable, "-m", "wellcited", *arguments],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])},
        )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
