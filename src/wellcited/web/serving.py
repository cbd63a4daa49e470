"""The process that serves: connections that are bounded in number and patience, and a stop that lets answers finish."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections import Counter
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from wellcited.settings import Settings
from wellcited.web.limits import client_of
from wellcited.web.problems import PROBLEM, Problem, emergency_line, title_of

log = logging.getLogger(__name__)

HEADER_BYTES = 16 * 1024
"""The most that request line and headers may have together; more is a 400."""
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 3
"""What a process may take to end once its time to stop is over."""
OWN_FILES = 100
"""So many files a process has open besides its connections."""
_LISTENING = ("/gradio_api/heartbeat/",)
"""Requests that last as long as a window is open: nothing of theirs is lost when the server stops."""


def run(app: object, settings: Settings, listener: socket.socket) -> None:
    """Serve `app` on `listener` until told to stop; then finish what is under way, and return or exit with 0."""
    make_room(settings.max_connections)
    server = Server(config_of(app, settings), settings.stop_seconds)
    before = signal.signal(signal.SIGTERM, _leave)  # uvicorn passes the signal on to this once it has finished
    try:
        server.run(sockets=[listener])
    finally:
        signal.signal(signal.SIGTERM, before)


def make_room(connections: int) -> None:
    """Have the system allow the files that so many open connections are; where it does not go so far, warn."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        told = "max_connections is %d, and the system allows %d open files: raise ulimit -n to %d, or lower it"
        log.warning(told, connections, allowed, wanted)


def config_of(app: object, settings: Settings) -> uvicorn.Config:
    """Return how uvicorn is to serve `app`."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=protocol_of(settings),
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=1 if settings.workers > 1 else BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


def protocol_of(settings: Settings) -> type[H11Protocol]:
    """Return uvicorn's protocol with limits that it lacks: on open connections, of one client and of all, and on the
    time of a request.

    Behind trusted proxies a connection is one of the proxy's, for many clients: there only the limit of all holds.
    """
    busy = _busy(settings)
    most = 0 if settings.trusted_proxies else settings.max_connections_per_client
    of_client: Counter[str] = Counter()

    class Bounded(H11Protocol):
        """Refuses connections beyond the limit, and closes one that takes too long to send a request."""

        _deadline: asyncio.TimerHandle | None = None
        _of = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._of = client_of({"client": self.client}, 0)
            of_client[self._of] += 1
            if len(self.connections) > settings.max_connections or 0 < most < of_client[self._of]:
                transport.write(busy)
                transport.close()
            else:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            of_client[self._of] -= 1
            if not of_client[self._of]:
                del of_client[self._of]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
                self._forget()
            elif self._deadline is None:
                self._wait()

        def _wait(self) -> None:
            self._deadline = self.loop.call_later(settings.request_seconds, self._give_up)

        def _forget(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _give_up(self) -> None:
            self._deadline = None
            self.transport.abort()

    return Bounded


class Server(uvicorn.Server):
    """uvicorn's server; when it stops, open chat windows do not hold it up, and nothing holds it up for good."""

    def __init__(self, config: uvicorn.Config, stop_seconds: float) -> None:
        super().__init__(config)
        self.stop_seconds = stop_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take on connections; the system may hold as many as ever.

        asyncio takes on up to `backlog` connections at one go: with more than 1, one worker would take them all.
        """
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete and _only_listens(cycle.scope["path"]):
                connection.transport.abort()
        # An answer that hangs cannot be interrupted: neither may it keep the process alive.
        last = threading.Timer(self.stop_seconds + GRACE_SECONDS, os._exit, (0,))
        last.daemon = True
        last.start()
        await super().shutdown(sockets)


def _only_listens(path: str) -> bool:
    return any(part in path for part in _LISTENING)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(0)


def _busy(settings: Settings) -> bytes:
    detail = f"Too many connections are open. Please try again in a moment. {emergency_line(settings)}"
    body = json.dumps(Problem(title=title_of(503), status=503, detail=detail).model_dump()).encode()
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM}\r\nContent-Length: {len(body)}\r\n"
        "Retry-After: 2\r\nAccess-Control-Allow-Origin: *\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
