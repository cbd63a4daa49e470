"""What a publisher may write between two `---` lines at the top of a Markdown guide."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from wellcited.corpus.parsed import Facts
from wellcited.errors import CorpusError

FENCE = "---"


class FrontMatter(BaseModel):
    """The names a publisher may use, and what each may hold."""

    model_config = ConfigDict(extra="forbid")

    id: str | None = None
    title: str | None = None
    language: str = "en"
    updated: date | None = None
    source: str | None = None
    source_url: str | None = None
    kind: Literal["guide", "faq"] = "guide"

    def facts(self) -> Facts:
        """Return what it says of the document; its kind says how to read it."""
        return Facts(**self.model_dump(exclude={"kind"}))


def split_front_matter(source: str) -> tuple[FrontMatter, str]:
    """Return the front matter of a Markdown file and what follows it. Raises CorpusError where it does not parse."""
    lines = source.splitlines(keepends=True)
    if not lines or lines[0].strip() != FENCE:
        return FrontMatter(), source
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.strip() == FENCE), None)
    if end is None:
        raise CorpusError(f"the front matter opened by {FENCE} on line 1 is never closed; add a line {FENCE}")
    try:
        values: Any = yaml.safe_load("".join(lines[1:end]))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # PyYAML lets a 30 February out as ValueError
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 2})" if mark else ""
        reason = "not valid YAML" if isinstance(error, yaml.YAMLError) else str(error)
        problem = getattr(error, "problem", None) or reason
        raise CorpusError(
            f"the front matter does not parse{where}: {problem}; put values with a colon in quotes"
        ) from error
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise CorpusError("the front matter is not a list of `name: value` lines")
    try:
        return FrontMatter.model_validate(values), "".join(lines[end + 1 :])
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        known = ", ".join(FrontMatter.model_fields)
        raise CorpusError(
            f"front matter {name!r}: {first['msg'].lower()}; put text in quotes; known names are {known}"
        ) from error
