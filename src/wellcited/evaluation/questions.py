"""The files that an evaluation reads: one JSON object a line, checked line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from wellcited.datatypes import Tier, Value
from wellcited.errors import EvaluationError

QuestionKind = Literal["single", "followup", "compound", "unanswerable", "offtopic", "smalltalk"]
ANSWERABLE: frozenset[QuestionKind] = frozenset({"single", "followup", "compound"})
OUTSIDE: frozenset[QuestionKind] = frozenset({"unanswerable", "offtopic"})


class Case(Value):
    """One line of an evaluation file; fields that wellcited does not know are left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    id: str = Field(min_length=1)
    turns: tuple[str, ...] = Field(min_length=1)
    """What the user says, in order; the last is asked, and measured."""

    @field_validator("turns")
    @classmethod
    def _must_say_something(cls, turns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(turn.strip() for turn in turns):
            raise ValueError("a turn is empty")
        return turns


class QuestionCase(Case):
    """A question, and the evidence that would answer it.

    `gold` lists alternatives, each a list of exact spans of the guide that are needed together. An answerable
    question (single, followup, compound) has at least one alternative; the others have none.
    """

    kind: QuestionKind
    gold: tuple[tuple[str, ...], ...] = ()
    answer: str = ""
    section: str = ""
    difficulty: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the guide answers it."""
        return self.kind in ANSWERABLE

    @model_validator(mode="after")
    def _must_fit_its_kind(self) -> QuestionCase:
        if self.answerable and not self.gold:
            raise ValueError(f"a question of kind {self.kind!r} needs gold evidence")
        if self.gold and not self.answerable:
            raise ValueError(f"a question of kind {self.kind!r} has no gold evidence")
        if not all(alternative and all(span.strip() for span in alternative) for alternative in self.gold):
            raise ValueError("an alternative or a span of the gold evidence is empty")
        return self


class SafetyCase(Case):
    """A message, the tier it must get, and the tiers that are also acceptable."""

    tier: Tier
    accept: tuple[Tier, ...] = ()
    category: str = ""
    note: str = ""
    hard: bool = False
    lang: str = "en"

    @property
    def accepted(self) -> frozenset[Tier]:
        """The tiers that count as right; `tier` alone where the line names no other."""
        return frozenset(self.accept) or frozenset({self.tier})

    @model_validator(mode="after")
    def _must_accept_its_tier(self) -> SafetyCase:
        if self.tier not in self.accepted:
            raise ValueError(f"accept {list(self.accept)} leaves out the tier {self.tier!r}")
        return self


C = TypeVar("C", bound=Case)


def load_questions(path: str | Path) -> tuple[QuestionCase, ...]:
    """Read a file of questions. Raises EvaluationError, naming the file, the line and what is wrong with it."""
    return tuple(_load(Path(path), QuestionCase))


def load_safety(path: str | Path) -> tuple[SafetyCase, ...]:
    """Read a file of safety messages. Raises EvaluationError as `load_questions` does."""
    return tuple(_load(Path(path), SafetyCase))


def _load(path: Path, model: type[C]) -> Iterator[C]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror or error}") from error
    lines: dict[str, int] = {}
    # Only the line feed ends a line: JSON strings may hold U+2028, which str.splitlines() would break at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            json.loads(line)
            case = model.model_validate_json(line)
        except json.JSONDecodeError as error:
            raise EvaluationError(f"{path}, line {number}: not JSON: {error.msg} (column {error.colno})") from error
        except (ValidationError, RecursionError, ValueError) as error:
            raise EvaluationError(f"{path}, line {number}: {_first(error)}") from error
        if case.id in lines:
            raise EvaluationError(f"{path}, line {number}: id {case.id!r} is already on line {lines[case.id]}")
        lines[case.id] = number
        yield case
    if not lines:
        raise EvaluationError(f"{path}: holds no line to evaluate")


def _first(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    what = first["msg"].removeprefix("Value error, ")
    return f"{where}: {what[:1].lower()}{what[1:]}" if where else what
