"""How much is taken on: questions a minute from one client and from all, and how many at once.

Whatever is refused here is refused unread, in a moment, and with the numbers to call.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import anyio
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wellcited.settings import Settings
from wellcited.web.metrics import Metrics
from wellcited.web.problems import emergency_line, local_path, problem
from wellcited.web.replies import problem_reply

ASKING = ("/api/ask", "/mcp", "/gradio_api/component_server", "/gradio_api/component_server/")
"""Where a POST is a question: the API, the Model Context Protocol, the chat window's own door."""
WINDOW = "/gradio_api/component_server"
MINUTE = 60.0
CLIENTS = 50_000
"""So many clients are remembered; of more, those seen longest ago are forgotten."""
RETRY_SECONDS = 2
IPV6_CLIENT = 64
"""The length of the prefix that one client is: an IPv6 customer has at least a /64 to choose addresses from."""


def client_of(scope: Scope, trusted_proxies: int) -> str:
    """Return the address (IPv4) or /64 (IPv6) that the request comes from, as the trusted proxies tell it.

    Each of `trusted_proxies` adds the address it was called from to the end of X-Forwarded-For; what stands before
    theirs was written by the client, and is not believed.
    """
    address = (scope.get("client") or ("unknown",))[0]
    if trusted_proxies:
        told = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
        if len(told) >= trusted_proxies and (found := _parsed(told[-trusted_proxies])):
            return found
    return _parsed(address) or str(address)


def _parsed(text: str) -> str | None:
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_CLIENT), strict=False))


class MovingWindow:
    """At most `limit` events of one key within `seconds`, wherever the clock of the wall may jump.

    Small enough to be our own: the package `limits` (5.8) reads the wall clock, starts a thread for each event, and
    keeps an entry for every client it ever saw.
    """

    def __init__(self, limit: int, seconds: float = MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.seconds, self.clock = limit, seconds, clock
        self._events: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def wait(self, key: str) -> float:
        """Return how many seconds `key` has to wait for its next event: 0 where there is room."""
        events, now = self._events.get(key), self.clock()
        while events and events[0] <= now - self.seconds:
            events.popleft()
        if not self.limit or not events or len(events) < self.limit:
            return 0.0
        return events[0] + self.seconds - now

    def add(self, key: str) -> None:
        """Count one event of `key`."""
        if not self.limit:
            return
        self._events.setdefault(key, deque()).append(self.clock())
        self._events.move_to_end(key)
        while len(self._events) > CLIENTS or self._events[next(iter(self._events))][-1] <= self.clock() - self.seconds:
            self._events.popitem(last=False)


class Refusals:
    """What a client is told whose question is not taken on: a problem, or in the chat window a line to read."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.call = emergency_line(settings)
        self.metrics = metrics

    def refuse(self, scope: Scope, status: int, reason: str, detail: str, seconds: float) -> Response:
        """Return the refusal; `reason` is what /metrics counts it as, `seconds` when to ask again."""
        self.metrics.refused(reason)
        retry = {"Retry-After": str(max(1, math.ceil(seconds)))}
        if local_path(scope).startswith(WINDOW):  # its script shows a reply, and drops what is no 200
            return JSONResponse(problem_reply(f"{detail}\n\n{self.call}"), headers=retry)
        return problem(status, f"{detail} {self.call}", headers=retry)


class Rates(Protocol):
    """Counts questions (rates.py)."""

    async def take(self, client: str) -> tuple[float, float]:
        """Return the seconds to wait for the client's rate and for that of all; count the question where both are 0."""


class RateLimit:
    """Refuse more than the settings' questions a minute with 429, unread; what is refused is not counted."""

    def __init__(self, app: ASGIApp, settings: Settings, refusals: Refusals, rates: Rates) -> None:
        self.app = app
        self.refusals = refusals
        self.trusted_proxies = settings.trusted_proxies
        self.rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _asks(scope):
            await self.app(scope, receive, send)
            return
        mine, all_of_us = await self.rates.take(client_of(scope, self.trusted_proxies))
        if mine or all_of_us:
            seconds = max(1, math.ceil(max(mine, all_of_us)))
            again = f"Please ask again in {seconds} second{'s' * (seconds != 1)}."
            who = "You have asked" if mine else "There are"
            detail = f"{who} too many questions for the moment, and this one was not read. {again}"
            reason = "client_rate" if mine else "global_rate"
            await self.refusals.refuse(scope, 429, reason, detail, seconds)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Load(NamedTuple):
    """How many questions are being answered, and how many wait for their turn."""

    answering: int
    waiting: int


class Turnstile:
    """Let so many questions in at once and so many wait; refuse the rest with 503 in a moment, never after minutes."""

    def __init__(self, app: ASGIApp, settings: Settings, refusals: Refusals) -> None:
        self.app = app
        self.refusals = refusals
        self.places, self.queue = settings.answer_threads, settings.answer_queue
        self.patience = settings.answer_patience
        self._limiter: anyio.CapacityLimiter | None = None
        refusals.metrics.watch_load(self.load)

    def load(self) -> Load:
        """Return how busy it is."""
        if self._limiter is None:
            return Load(0, 0)
        found = self._limiter.statistics()
        return Load(found.borrowed_tokens, found.tasks_waiting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _asks(scope):
            await self.app(scope, receive, send)
            return
        if self._limiter is None:  # it belongs to the event loop, which is there only now
            self._limiter = anyio.CapacityLimiter(self.places)
        answering, waiting = self.load()
        if answering >= self.places and waiting >= self.queue:
            await self._refuse(scope, receive, send)
            return
        begun, place, taken = time.perf_counter(), object(), False
        with anyio.move_on_after(self.patience):
            await self._limiter.acquire_on_behalf_of(place)
            taken = True
        if not taken:
            await self._refuse(scope, receive, send)
            return
        try:
            self.refusals.metrics.stage("wait", time.perf_counter() - begun)
            await self.app(scope, receive, send)
        finally:
            self._limiter.release_on_behalf_of(place)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        detail = "Too many questions are waiting, and this one was not read. Please ask again in a moment."
        await self.refusals.refuse(scope, 503, "queue", detail, RETRY_SECONDS)(scope, receive, send)


def _asks(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "POST" and local_path(scope) in ASKING
