"""The style sheets, scripts and page frames that wellcited serves itself: nothing is loaded from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from string import Template

from fastapi import APIRouter, Response

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "woff2": "font/woff2"}
_A_YEAR = "public, max-age=31536000, immutable"


@cache
def read_asset(name: str) -> bytes:
    """Return the bytes of one file of the `assets` folder."""
    return (files("wellcited.web") / "assets" / name).read_bytes()


@cache
def asset_url(name: str, root: str = "") -> str:
    """Return the address of an asset below `root`, the path that the server is mounted at.

    It changes with the content, so that browsers may keep it for a year.
    """
    return f"{root}/ui/{name}?v={hashlib.sha256(read_asset(name)).hexdigest()[:12]}"


@cache
def frame(name: str) -> Template:
    """Return an HTML frame; what is substituted must already be HTML."""
    return Template(read_asset(name).decode())


def asset_router() -> APIRouter:
    """Serve the assets under `/ui/`."""
    router = APIRouter(include_in_schema=False)
    names = sorted(
        entry.name for entry in (files("wellcited.web") / "assets").iterdir() if entry.name.rpartition(".")[2] in _TYPES
    )

    @router.get("/ui/{name}")
    def asset(name: str, v: str = "") -> Response:
        if name not in names:
            return Response("no such file", status_code=404, media_type="text/plain")
        fresh = name.endswith(".woff2") or bool(v and asset_url(name).endswith(v))
        caching = _A_YEAR if fresh else "no-cache"
        return Response(
            read_asset(name), media_type=_TYPES[name.rpartition(".")[2]], headers={"Cache-Control": caching}
        )

    return router
