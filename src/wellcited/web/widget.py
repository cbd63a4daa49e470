"""The widget that pages of other sites embed: its scripts, the frame and the configurator."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

import wellcited
from wellcited.answering import UNSURE
from wellcited.settings import Settings
from wellcited.web.api import Answering
from wellcited.web.chat import chat_title
from wellcited.web.markup import escape
from wellcited.web.static import asset_url, frame, read_asset

LANGUAGES = ("en", "es", "fr", "de", "pt", "it")
_LOADER_WORDS = ("launch", "unloaded", "help")
_A_YEAR = "public, max-age=31536000, immutable"
_FIVE_MINUTES = "public, max-age=300"
# Lines of the sources that are comments and nothing else; `/*!` stays. They are a tenth of what would travel.
_COMMENT_LINES = re.compile(r"^[ \t]*(?://.*|/\*(?!!)(?:.|\n)*?\*/[ \t]*)\n", re.MULTILINE)
# Scripts hold nothing secret: any page may load them, and with `crossorigin` check them by their integrity.
_FOR_ANY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types wellcited"
)


@dataclass(frozen=True)
class Script:
    """One script of the widget as it is served."""

    body: bytes

    @cached_property
    def integrity(self) -> str:
        """The digest for an `integrity` attribute (Subresource Integrity)."""
        return f"sha384-{base64.b64encode(hashlib.sha384(self.body).digest()).decode()}"

    @cached_property
    def gzipped(self) -> int:
        """How many bytes travel, at the server's level of compression."""
        return len(gzip.compress(self.body, 5))


@dataclass(frozen=True)
class Widget:
    """Both scripts, with the settings in them; `version` changes with every byte of them, and with nothing else."""

    version: str
    loader: Script
    panel: Script

    def path(self, name: str) -> str:
        """Return where `name` stands on the server, without the first slash."""
        return f"widget/{self.version}/{name}"


def build_widget(settings: Settings) -> Widget:
    """Return the scripts of `assets/widget`, with the words and the settings in their places and without comments."""
    words: dict[str, dict[str, str]] = json.loads(read_asset("widget/strings.json"))
    referral: dict[str, dict[str, str]] = json.loads(read_asset("referral.json"))
    panel_words = {
        language: {name: word for name, word in {**words[language], **referral[language]}.items() if name != "unloaded"}
        for language in LANGUAGES
    }
    panel = Script(_filled("panel.js", "/* WORDS */ {}", panel_words))
    served = {
        "numbers": list(settings.emergency_numbers),
        "turns": settings.max_history_turns,
        "bytes": settings.max_history_bytes,
        "unsure": UNSURE,
        "words": {language: [words[language][name] for name in _LOADER_WORDS] for language in LANGUAGES},
    }
    loader = read_asset("widget/widget.js")
    digest = hashlib.sha256(panel.body + loader + _json(served).encode()).hexdigest()
    version = f"{wellcited.__version__}-{digest[:10]}"
    pinned = {"version": version, "panel": f"widget/{version}/panel.js", "integrity": panel.integrity}
    return Widget(version, Script(_filled("widget.js", "/* SERVED */ {}", {**pinned, **served})), panel)


def widget_router(assistant: Answering, settings: Settings) -> APIRouter:
    """Serve `/widget.js` and its versions, `/widget.json`, `/embed` and `/embed-demo`."""
    router = APIRouter(include_in_schema=False)
    widget = build_widget(settings)
    scripts = {"widget.js": widget.loader, "panel.js": widget.panel}

    @router.api_route("/widget.js", methods=["GET", "HEAD"])
    def current_loader(request: Request) -> Response:
        return _script(request, widget.loader, _FIVE_MINUTES)

    @router.api_route("/widget/panel.js", methods=["GET", "HEAD"])
    def current_panel(request: Request) -> Response:
        return _script(request, widget.panel, _FIVE_MINUTES)

    @router.api_route("/widget/{version}/{name}", methods=["GET", "HEAD"])
    def versioned(request: Request, version: str, name: str) -> Response:
        if version != widget.version or name not in scripts:
            raise HTTPException(404, "This version of the widget is not here; /widget.json names the one that is.")
        return _script(request, scripts[name], _A_YEAR)

    @router.api_route("/widget.json", methods=["GET", "HEAD"])
    def described() -> Response:
        return JSONResponse(
            describe_widget(widget, assistant), headers={**_FOR_ANY_PAGE, "Cache-Control": _FIVE_MINUTES}
        )

    @router.api_route("/embed", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def embed() -> Response:
        return _page("embed", assistant, settings.root_path)

    @router.api_route("/embed-demo", methods=["GET", "HEAD"], response_class=HTMLResponse)
    def embed_demo() -> Response:
        return _page("embed-demo", assistant, settings.root_path)

    return router


def describe_widget(widget: Widget, assistant: Answering) -> dict[str, Any]:
    """Return what a page may want to know: the scripts with digests and sizes in bytes, and the guide's title.

    The guide's part may change with a new index; it stands in no script, so that a pinned script stays the same.
    """
    languages = {document.language for document in assistant.documents.values()}
    return {
        "version": widget.version,
        "scripts": {
            name: {
                "path": widget.path(f"{name}.js"),
                "integrity": script.integrity,
                "bytes": len(script.body),
                "gzip": script.gzipped,
            }
            for name, script in (("widget", widget.loader), ("panel", widget.panel))
        },
        "title": chat_title(assistant.documents)[0] if len(assistant.documents) == 1 else "",
        "language": languages.pop() if len(languages) == 1 else "",
        "questions": list(assistant.examples),
    }


def _filled(name: str, place: str, value: Any) -> bytes:
    source = read_asset(f"widget/{name}").decode()
    if source.count(place) != 1:
        raise ValueError(f"{name}: {place!r} must stand there once; write it back where the values belong")
    return _COMMENT_LINES.sub("", source).replace(place, _json(value)).encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _script(request: Request, script: Script, caching: str) -> Response:
    tag = f'"{script.integrity[7:39]}"'
    headers = {**_FOR_ANY_PAGE, "Cache-Control": caching, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(script.body, media_type="text/javascript", headers=headers)


def _page(name: str, assistant: Answering, root: str) -> Response:
    documents = assistant.documents
    html = frame(f"{name}.html").substitute(
        title=escape(chat_title(documents)[0]),
        language=escape(next(iter(documents.values())).language if len(documents) == 1 else "en"),
        root=root,
        script=asset_url(f"{name}.js", root),
        style=asset_url(f"{name}.css", root),
        theme_css=asset_url("theme.css", root),
        theme_js=asset_url("theme.js", root),
        icon=asset_url("icon.svg", root),
    )
    return HTMLResponse(html, headers={"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": _FIVE_MINUTES})
