"""A figure that has a goal: printed so that run.py finds it among whatever else a script prints."""

from __future__ import annotations

import json

MARK = "RESULT "


def row(what: str, goal: str, measured: str, met: bool | None = None) -> None:
    """Print one row of benchmarks/RESULTS.md; `met` is None where no goal is set."""
    print(MARK + json.dumps({"what": what, "goal": goal, "measured": measured, "met": met}, ensure_ascii=False))


def rows_in(output: str) -> list[dict[str, object]]:
    """Return the rows that a script printed."""
    return [json.loads(line.removeprefix(MARK)) for line in output.splitlines() if line.startswith(MARK)]
