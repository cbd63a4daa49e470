"""Greetings, thanks and the like: a short human line instead of a search."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files

MAX_CHARS = 160
"""Longer messages say more than hello."""

_BREAK = re.compile(r"[^\w\s]+|\s+|_")


def reply_to(message: str) -> str | None:
    """Return the line that answers `message`, or None where it is not small talk."""
    if len(message) > MAX_CHARS:
        return None
    plain = unicodedata.normalize("NFKD", message.casefold().replace("'", "").replace("’", ""))
    words = " ".join(_BREAK.sub(" ", "".join(char for char in plain if not unicodedata.combining(char))).split())
    return next((reply for pattern, reply in _talk() if pattern.fullmatch(words)), None) if words else None


@lru_cache(maxsize=1)
def _talk() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = tomllib.loads(files("wellcited").joinpath("data/smalltalk.toml").read_text("utf-8"))
    return tuple((re.compile("|".join(entry["patterns"])), entry["reply"]) for entry in table["talk"])
