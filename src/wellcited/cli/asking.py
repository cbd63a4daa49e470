"""`wellcited ask`: one question, its conversation, the answer. The command that people wait for loads least."""

from __future__ import annotations

import codecs
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wellcited.errors import QuestionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wellcited.datatypes import Message

COMMAND = "ask"


@dataclass(frozen=True)
class Asked:
    """What stands after `wellcited ask`."""

    question: str
    index: Path | None = None
    history: Path | None = None
    as_json: bool = False


def plainly(arguments: list[str]) -> Asked | None:
    """Return what is asked where nobody could read it otherwise; None where the command line needs a closer look.

    That is a question and options spelled out, each followed by its value. What is anything else, or wrong, or asks for
    help, is for typer, which reads these alike (tests/test_asking.py).
    """
    if arguments[:1] != [COMMAND]:
        return None
    questions: list[str] = []
    options: dict[str, str] = {}
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "--json":
            options["--json"] = "yes"
        elif argument in ("--index", "--history"):
            options[argument] = next(rest, "-")
        else:
            questions.append(argument)
    if len(questions) != 1 or any(value.startswith("-") for value in options.values()):
        return None
    (question,) = questions
    if question.startswith("-") and question != "-":
        return None
    index, history = (Path(options[name]) if name in options else None for name in ("--index", "--history"))
    return Asked(question, index, history, "--json" in options)


def answer(asked: Asked) -> None:
    """Answer a question, "-" being what standard input holds, and print the answer. Raises WellcitedError."""
    from wellcited.opening import Opening
    from wellcited.settings import load_settings

    settings = load_settings(index=asked.index)
    question, turns = read(asked.question), read_history(asked.history)
    opening = Opening.for_one_answer(settings)
    from wellcited.assistant import Assistant  # loaded meanwhile

    found = Assistant.opened(opening, settings).ask(question, history=turns)
    if asked.as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        from wellcited.terminal import show

        show(found)


def print_json(text: str) -> None:
    """Print JSON at once; in UTF-8 where the terminal claims to know ASCII alone."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name == "ascii":
        stream.reconfigure(encoding="utf-8")
    print(text, flush=True)


def read(text: str) -> str:
    """Return `text`, and what standard input holds for "-". Raises QuestionError."""
    return _read("standard input", lambda: sys.stdin.buffer.read()).strip() if text == "-" else text


def read_history(path: Path | None) -> list[Message]:
    """Return the conversation in the file `path`, none without one. Raises QuestionError."""
    if path is None:
        return []
    from pydantic import TypeAdapter, ValidationError

    from wellcited.datatypes import Message

    try:
        return TypeAdapter(list[Message]).validate_json(_read(str(path), path.read_bytes))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        wanted = 'a JSON list of {"role": "user" or "assistant", "content": "..."}'
        raise QuestionError(f"{path}: {where or 'the file'}: {first['msg']}; it must hold {wanted}") from error


def _read(name: str, read: Callable[[], bytes]) -> str:
    try:
        return read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise QuestionError(f"{name}: not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise QuestionError(f"{name}: cannot be read: {error.strerror or error}") from error
