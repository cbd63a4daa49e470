"""What the server writes down: one line of JSON for each request, and never a reader's words unless that is set."""

from __future__ import annotations

import logging
import os
import re
import secrets
import select
import stat
import sys
import time
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TextIO

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import Processor

from wellcited.settings import Settings
from wellcited.web.metrics import Metrics
from wellcited.web.problems import local_path

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_QUIET = ("/ui/", "/assets/", "/static/", "/gradio_api/heartbeat", "/healthz", "/readyz", "/metrics", "/config")
_DOORS = ("/ui/", "/assets/", "/static/", "/gradio_api/component_server", "/gradio_api/heartbeat", "/gradio_api/")
_PAGES = (
    *("/", "/api/ask", "/mcp", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics"),
    *("/config", "/theme.css", "/favicon.ico", "/robots.txt"),
)
_FRAMES = 30
_FIELDS = ("method", "route", "status", "ms", "kind", "tier", "bundle_id", "question")


@dataclass
class Turn:
    """What a request came to: filled in by whoever answers the question that it holds."""

    kind: str | None = None
    tier: str | None = None
    bundle_id: str | None = None
    question: str | None = None


turn: ContextVar[Turn | None] = ContextVar("wellcited_turn", default=None)
"""The turn of the request under way; its threads and tasks share it."""


class RequestLog:
    """Give every request an id, answer with it, and tell log and metrics how it went."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.proxied = settings.trusted_proxies > 0
        self.warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID, "")
        request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)
        method, path, begun, status = scope["method"], local_path(scope), time.perf_counter(), 500
        mine = Turn()
        turn.set(mine)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self.app(scope, receive, with_id)
        finally:
            seconds = time.perf_counter() - begun
            route = route_of(scope, path)
            self.metrics.request(route, method, status, seconds)
            told = {name: value for name, value in vars(mine).items() if value is not None}
            level = logging.DEBUG if path.startswith(_QUIET) and status < 400 else logging.INFO
            line = {"method": method[:16], "route": route, "status": status, "ms": round(1000 * seconds, 1), **told}
            log.log(level, "request", extra=line)
            if "x-forwarded-for" in headers and not self.proxied and not self.warned:
                self.warned = True
                log.warning("X-Forwarded-For is not believed: behind a proxy, set trusted_proxies")


def route_of(scope: Scope, path: str) -> str:
    """Return which of the server's addresses was asked for, as a pattern: what the client made up is "other"."""
    route = scope.get("route")
    if isinstance(route, Route):
        return route.path
    if path in _PAGES:
        return path
    return next(
        (f"{door.rstrip('/')}/*" if door.endswith("/") else door for door in _DOORS if path.startswith(door)), "other"
    )


class NeverWaits(logging.StreamHandler[TextIO]):
    """Writes a line where it is taken at once: whoever stopped reading the log costs lines, and never an answer."""

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record) + "\n"
            if not takes(self.stream, len(line.encode(errors="replace"))):
                self.lost += 1
                return
            if self.lost:
                told = f"{self.lost} lines of this log were lost: nobody took them"
                line = self.format(log.makeRecord(log.name, logging.WARNING, "", 0, told, (), None)) + "\n" + line
            self.stream.write(line)
            self.flush()
            self.lost = 0
        except Exception:  # logging must not fail a request, whatever a formatter or the disk does
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name that logging calls
        """Count the line as lost: logging's own word about it would repeat what stood in it."""
        self.lost += 1


def takes(stream: TextIO, size: int) -> bool:
    """Tell whether `size` bytes can be written without waiting: to a file always, to a pipe while it has room."""
    try:
        number = stream.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError):  # no file of the system
        return True
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return True
    return bool(select.select([], [number], [], 0)[1]) and (size <= select.PIPE_BUF or _is_empty(number))


def _is_empty(pipe: int) -> bool:
    """Tell whether nothing waits in a pipe: only then more than PIPE_BUF bytes find room for sure."""
    import fcntl
    import termios

    try:
        return fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) == bytes(4)
    except OSError:
        return True


def configure_logging(settings: Settings) -> None:
    """Have all logging of the process written to standard error as JSON, without words that anyone sent.

    Libraries speak from warnings on, and of an exception only its type and place are told: its message may repeat the
    input. With `log_questions` it is told in full.
    """
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=_FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if settings.log_questions else _place_of_exception,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=chain,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
    handler = NeverWaits(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("wellcited").setLevel(settings.log_level.upper())
    for name in ("uvicorn", "uvicorn.error"):
        found = logging.getLogger(name)
        found.handlers.clear()
        found.propagate = True
        found.setLevel(logging.WARNING)
    access = logging.getLogger("uvicorn.access")  # it would write down whole addresses
    access.handlers.clear()
    access.propagate = False
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING if settings.log_questions else logging.CRITICAL)


def _place_of_exception(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and the places that it came through."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    error: BaseException | None = found if isinstance(found, BaseException) else found[1] if found else None
    if error is not None:
        event["exception"] = f"{type(error).__module__}.{type(error).__qualname__}"
        event["at"] = _places(error.__traceback__)
    event.pop("stack_info", None)
    return event


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
