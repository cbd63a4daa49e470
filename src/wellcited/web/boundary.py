"""What may come in and go out: body size, security headers, faults, and the few doors of Gradio that the chat uses."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
from collections.abc import Callable, Container, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellcited.settings import Settings
from wellcited.web.metrics import Metrics
from wellcited.web.origins import is_embedded
from wellcited.web.problems import FAULT, emergency_line, local_path, problem

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 256 * 1024
_DOORS = re.compile(
    r"/(?:assets/.*|static/.*|theme\.css|config/?|favicon\.ico|robots\.txt"
    r"|gradio_api/(?:component_server/?|heartbeat/[^/]*|startup-events|app_id/?))?"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Permitted-Cross-Domain-Policies": "none",
}
STOPPING = "The server is being stopped, and there is no answer. Please ask again in a moment."
_A_YEAR = "max-age=31536000"
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; script-src 'self'"
)


class BodyLimit:
    """Refuse a body of more than `limit` bytes with 413, whether or not it announces its size."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics, limit: int = MAX_BODY_BYTES) -> None:
        self.app = app
        self.limit = limit
        self.metrics = metrics
        self.call = emergency_line(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        body = bytearray()
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = announced.isdigit() and int(announced) > self.limit
        more = not too_large
        while more and not too_large:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            too_large = len(body) > self.limit
        if too_large:
            self.metrics.refused("size")
            detail = f"The body is larger than {self.limit // 1024} kB, and was not read. Ask more briefly. {self.call}"
            await problem(413, detail)(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self.app(scope, replay, send)


class SecurityHeaders:
    """Add the security headers to every response; only pages of `frame_ancestors` may show the window in a frame."""

    def __init__(self, app: ASGIApp, frame_ancestors: Sequence[str] = ("'self'",), public_url: str = "") -> None:
        self.app = app
        self.ancestors = f"; frame-ancestors {' '.join(frame_ancestors)}"
        self.encrypted = public_url.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if is_embedded(local_path(scope)):
                    headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
                if self.encrypted or scope["scheme"] == "https":
                    headers.setdefault("Strict-Transport-Security", _A_YEAR)
                for name, value in {**_HEADERS, "Content-Security-Policy": _POLICY}.items():
                    headers.setdefault(name, value)
                headers["Content-Security-Policy"] += self.ancestors
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class HeadAsGet:
    """Answer HEAD wherever GET is answered: with the same headers, and no body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        scope["method"] = "GET"  # in place: what is outside of here reads the route from this scope
        await self.app(scope, receive, without_body)


class Forwarded:
    """Believe the trusted proxies when they say that the reader came over TLS."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.trusted = settings.trusted_proxies > 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.trusted and scope["type"] == "http":
            told = dict(scope["headers"]).get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip()
            if told in (b"http", b"https"):
                scope["scheme"] = told.decode()
        await self.app(scope, receive, send)


class Faults:
    """Turn what nobody caught into a 500 that says whom to call, inside of the headers that every answer has."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.call = emergency_line(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:  # the server stops, and its time to stop is over
            if scope["type"] == "http" and not started:
                await problem(503, f"{STOPPING} {self.call}", headers={"Retry-After": "10"})(scope, receive, send)
            raise
        except Exception:
            if scope["type"] != "http" or started:  # too late to say anything: the connection breaks off
                raise
            log.exception("a request failed")
            await problem(500, f"{FAULT} {self.call}")(scope, receive, send)


class ChatDoor:
    """Gradio behind a door: only what the chat needs gets in, and its page is completed on the way out.

    The page gets what `furnish` gives, a head (style sheets and script) and a body (the window itself, so that it is
    there before Gradio's scripts are), loses Gradio's own metadata, and may run no inline script but its own. Of what
    Gradio can be made to call, only the function `ask` of the components in `asks` is, and without a session: it keeps
    none.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        furnish: Callable[[], tuple[str, str]],
        asks: Container[object],
        call: str,
    ) -> None:
        self.app = app
        self.asks = asks
        self.call = call
        self.routes = routes
        self.furnish = furnish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a websocket, which nothing here speaks
            await send({"type": "websocket.close", "code": 1000})
            return
        path = local_path(scope)
        if not _DOORS.fullmatch(path):
            await self._refuse(scope, receive, send)
        elif path == "/":
            await self._page(scope, receive, send)
        elif path.startswith("/assets/"):
            await self.app(scope, receive, _kept(send))
        elif scope["method"] == "POST" and path.startswith("/gradio_api/component_server"):
            await self._ask(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self.routes:
            match, matched = route.matches(scope)
            if match is Match.PARTIAL:  # known here, but not with this method: the route says which it knows
                scope.update(matched)
                await route.handle(scope, receive, send)
                return
        await problem(404, "There is nothing at this address.")(scope, receive, send)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = await Request(scope, receive).json()
        except (ValueError, RecursionError):
            asked = None
        known = isinstance(asked, dict) and asked.get("fn_name") == "ask" and type(asked.get("component_id")) is int
        if not known or asked["component_id"] not in self.asks:
            detail = f"This is no question of the chat window; POST /api/ask takes any. {self.call}"
            await problem(422, detail)(scope, receive, send)
            return
        # Gradio would keep ten thousand sessions; one is enough for a window that keeps nothing here.
        passed = {name: asked.get(name) for name in ("data", "component_id", "fn_name")} | {"session_hash": "window"}
        body = json.dumps(passed).encode()
        headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"content-type")]
        headers += [(b"content-length", str(len(body)).encode()), (b"content-type", b"application/json")]

        async def replaced() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app({**scope, "headers": headers}, replaced, send)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        start: Message | None = None
        body = bytearray()

        async def completed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            body.extend(message.get("body", b""))
            if message.get("more_body") or start is None:
                return
            headers = MutableHeaders(scope=start)
            content = bytes(body)
            if start["status"] == 200 and "html" in headers.get("content-type", "") and content:
                nonce = secrets.token_urlsafe(16)
                content = self._complete(content.decode(), nonce).encode()
                headers["content-length"] = str(len(content))
                # Gradio compiles the component's template, and for that needs eval; inline scripts need the nonce.
                headers["Content-Security-Policy"] = f"{_POLICY} 'nonce-{nonce}' 'unsafe-eval'"
                headers["Cache-Control"] = "no-store"
            await send(start)
            await send({"type": "http.response.body", "body": content})

        # Without Accept-Encoding: the page is changed, and must not come compressed.
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, completed)

    def _complete(self, page: str, nonce: str) -> str:
        head, body = self.furnish()
        page = re.sub(r'<meta\s+(?:property="og:|name="twitter:)[^>]*/>\s*', "", page)
        page = re.sub(r'<link\s[^>]*(?:rel="manifest"|href="https?://)[^>]*>\s*', "", page)
        page = re.sub(r'<script\s[^>]*src="https?://[^>]*>\s*</script>\s*', "", page)
        page = page.replace("shrink-to-fit=no", "interactive-widget=resizes-content")  # room for a phone's keyboard
        page = page.replace("</head>", f"{head}</head>", 1)
        page = re.sub(r"<gradio-app\b", lambda match: body + match[0], page, count=1)
        return re.sub(r"<script(?=[\s>])", f'<script nonce="{nonce}"', page)


def _kept(send: Send) -> Send:
    """Let browsers keep a file for a year: the names of Gradio's scripts change with their content."""

    async def with_caching(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)["Cache-Control"] = "public, max-age=31536000, immutable"
        await send(message)

    return with_caching
