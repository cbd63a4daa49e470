"""Short stable names for documents and sections, safe in a URL, a file name and an HTML id."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG = 60


def slugify(text: str) -> str:
    """Return lower-case words joined by hyphens, at most 60 characters; "section" where no letter or digit is left.

    Accents are dropped, letters of other scripts are kept.
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    words = re.findall(r"[^\W_]+", plain.lower().replace("'", "").replace("’", ""))
    slug = ""
    for word in words:
        if slug and len(slug) + 1 + len(word) > MAX_SLUG:
            break
        slug = f"{slug}-{word}" if slug else word[:MAX_SLUG]
    return slug or "section"


class Slugs:
    """Hands out each slug once: a second "how-to-sit" becomes "how-to-sit-2"."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def unique(self, text: str) -> str:
        slug = base = slugify(text)
        number = self._last.get(base, 1)
        while slug in self._taken:
            number += 1
            slug = f"{base}-{number}"
        self._last[base] = number
        self._taken.add(slug)
        return slug
