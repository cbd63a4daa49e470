"""Addresses on the web, as a file writes them."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit


def is_web_address(address: str) -> bool:
    """Whether `address` is a whole http or https address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and not re.search(r"\s", address)


def absolute(href: str, base: str | None) -> str:
    """Return `href` as seen from the page at `base`; unchanged where that is not known."""
    try:
        return urljoin(base, href) if base else href
    except ValueError:
        return href
