"""Whether constraints.txt is the environment of `make test`: every package pinned as installed, and no pin stale.

python release/lock.py            tells what differs
python release/lock.py --write    writes the pins of the packages that are installed
"""

from __future__ import annotations

import importlib.metadata as metadata
import sys
from pathlib import Path

from installed import brought_by, canonical

LOCK = Path(__file__).resolve().parents[1] / "constraints.txt"


def pins_of(text: str) -> dict[str, str]:
    """Return the pinned versions by canonical name. Raises ValueError for a line that is no pin, or comes twice."""
    pins: dict[str, str] = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        name, equals, version = line.partition("==")
        if not equals or canonical(name) in pins:
            raise ValueError(f"{LOCK.name}: {line!r} is no pin, or the second one; write NAME==VERSION once")
        pins[canonical(name)] = version
    return pins


def differences(pins: dict[str, str], needed: dict[str, str]) -> list[str]:
    """Return a line for each package that is not pinned, pinned otherwise, or pinned and needed by nothing.

    `needed` maps the canonical name of what is installed to its version.
    """
    told = [
        f"{name} {version} is {'pinned as ' + pins[name] if name in pins else 'not pinned'}"
        for name, version in sorted(needed.items())
        if pins.get(name) != version
    ]
    return told + [f"{name} is pinned and needed by nothing" for name in sorted(set(pins) - set(needed))]


def needed_now() -> dict[str, str]:
    """Return what the extra `dev` brings along here: versions by canonical name."""
    return {
        name: metadata.version(name).partition("+")[0]  # torch's CPU and CUDA builds both fit
        for name in brought_by("wellcited", ["dev"]) - {"wellcited"}
    }


def main(arguments: list[str]) -> str | None:
    text, needed = LOCK.read_text(encoding="utf-8"), needed_now()
    if "--write" in arguments:
        head = [line for line in text.splitlines() if line.startswith("#")]
        lines = [f"{metadata.metadata(name)['Name']}=={version}" for name, version in needed.items()]
        LOCK.write_text("\n".join([*head, *sorted(lines, key=str.lower), ""]), encoding="utf-8")
        return None
    found = differences(pins_of(text), needed)
    return f"{LOCK.name}: {'; '.join(found)}; run: make lock" if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
