"""What an extra of wellcited brings along, read off the environment it is installed in."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def canonical(name: str) -> str:
    """Return a package's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_by(name: str, extras: Iterable[str] = ()) -> set[str]:
    """Return the canonical names of `name` with `extras` and of everything that it requires, here and now.

    Raises PackageNotFoundError where something of it is not installed.
    """
    found: set[str] = set()
    asked: set[tuple[str, str]] = set()
    waiting = [(canonical(name), extra) for extra in ("", *extras)]
    while waiting:
        package, extra = waiting.pop()
        if (package, extra) in asked:
            continue
        asked.add((package, extra))
        found.add(package)
        for line in _requirements(package, extra):
            required = Requirement(line)
            if required.marker is None or required.marker.evaluate({"extra": extra}):
                waiting += [(canonical(required.name), wanted) for wanted in ("", *required.extras)]
    return found


def _requirements(package: str, extra: str) -> list[str]:
    if package != PROJECT["name"]:
        return metadata.distribution(package).requires or []
    # Not what was installed of it: that may be older than the file.
    return PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]


if __name__ == "__main__":  # the pins of an extra: installed.py web
    for package in sorted(brought_by("wellcited", sys.argv[1:]) - {"wellcited"}):
        print(f"{package}=={metadata.version(package).partition('+')[0]}")
