"""A site of its own origin that embeds the widget of a wellcited server, and a browser that visits it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from web.fakes import FakeAssistant
from wellcited.settings import Settings
from wellcited.web.app import create_app

TEXT = (
    "<h1>Physio practice</h1>" + "<p>The hip flexors lift the thigh, and rest when you lie flat on your back.</p>" * 3
)
# Set off by a payload that runs: as a function, a handler or a value. Nothing that is only shown can set it.
CANARY = """
window.ran = [];
window.canary = () => window.ran.push("canary");
for (const name of ["alert", "confirm", "prompt", "print"]) window[name] = () => window.ran.push(name);
"""
# Everything that a strict policy forbids is written down, and so are shifts of the layout.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile ?? ""}`));
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Site:
    """The pages of another site, by path: HTML, and the headers that come with it."""

    url: str
    pages: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)


@dataclass
class Served:
    """A wellcited server that pages of the other site may ask."""

    url: str
    assistant: FakeAssistant


@contextmanager
def running(app: ASGIApp) -> Iterator[str]:
    """Serve `app` on a port of its own, and stop it afterwards."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(5)
    listener.close()


@contextmanager
def answering(assistant: FakeAssistant, *sites: str) -> Iterator[Served]:
    """Serve `assistant` with its widget to pages of `sites`."""
    with running(create_app(assistant, Settings(allowed_origins=sites, rate_per_minute=0, cache_answers=0))) as url:
        yield Served(url, assistant)


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    made = Site("")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        html, headers = made.pages.get(scope["path"], (" ", {}))  # a browser asks for /favicon.ico once, too
        await HTMLResponse(html, headers=headers)(scope, receive, send)

    with running(app) as url:
        made.url = url
        yield made


@pytest.fixture(scope="session")
def served(site: Site) -> Iterator[Served]:
    with answering(FakeAssistant(), site.url) as made:
        yield made


@dataclass
class Visit:
    """A page with the widget in it, and what happened there."""

    page: Page
    context: BrowserContext
    requests: list[Request]
    complaints: list[str]

    @property
    def chat(self) -> Locator:
        return self.page.locator("wellcited-chat")

    @property
    def frame(self) -> Locator:
        return self.chat.locator(".frame")

    @property
    def field(self) -> Locator:
        return self.frame.locator("textarea")

    @property
    def replies(self) -> Locator:
        return self.frame.locator(".reply")

    def open(self) -> None:
        self.chat.locator(".launcher").click()
        expect(self.frame).to_be_visible()

    def ask(self, question: str) -> Locator:
        """Ask, and return the reply."""
        before = self.replies.count()
        self.field.fill(question)
        self.field.press("Enter")
        expect(self.replies).to_have_count(before + 1)
        return self.replies.last

    def focused(self) -> str:
        """Tell what has the focus, inside the widget: its part, class or tag."""
        return str(
            self.page.evaluate(
                """() => {
                  let node = document.activeElement;
                  while (node?.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
                  return node.getAttribute("part") || node.className || node.tagName.toLowerCase();
                }"""
            )
        )

    def answer_with(self, status: int, body: object = None, headers: dict[str, str] | None = None) -> None:
        """Let the server answer every question with this from now on; without a body it cannot be reached."""

        def answer(route: Route) -> None:
            if body is None:
                route.abort()
                return
            cors = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
            kind = "application/json" if status == 200 else "application/problem+json"
            route.fulfill(status=status, headers={**cors, **(headers or {})}, content_type=kind, body=json.dumps(body))

        self.context.unroute("**/api/ask")
        self.context.route("**/api/ask", answer)


Go = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, site: Site, served: Served) -> Iterator[Go]:
    """Open a page of the other site with the widget in it.

    No page may fail, complain, break its policy, speak to a third party, set a cookie or run the canary.
    """
    visits: list[tuple[Visit, tuple[str, ...]]] = []

    def go(
        data: str = "",
        *,
        body: str = TEXT,
        html: str = "",
        head: str = "",
        policy: str = "",
        root: str = "lang=en",
        width: int = 1280,
        height: int = 800,
        server: Served = served,
        expected: tuple[str, ...] = (),
        address: str = "",
        **options: Any,
    ) -> Visit:
        script = f'<script src="{server.url}/widget.js" defer {data}></script>'
        page_html = html or (
            f'<!doctype html><html {root}><head><meta charset="utf-8"><title>Practice</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>'
            f"<body><main>{body}</main>{script}</body></html>"
        )
        path = f"/{len(site.pages)}"
        site.pages[path] = (page_html, {"Content-Security-Policy": policy} if policy else {})
        options = {"reduced_motion": "reduce", **options}
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.add_init_script(CANARY + WATCH)
        page = context.new_page()
        page.set_default_timeout(30_000)
        made = Visit(page, context, [], [])
        visits.append((made, expected))
        context.on("request", lambda request: made.requests.append(request))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: made.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.goto(address or site.url + path)
        return made

    yield go
    for made, expected in visits:
        try:
            ran = [frame.evaluate("window.ran ?? []") for frame in made.page.frames]
            violations = made.page.evaluate("window.violations ?? []")
        finally:
            cookies = made.context.cookies()
            made.context.close()
        assert [entry for entry in ran if entry] == [], "something ran that was only to be shown"
        assert violations == []
        assert cookies == []
        ours = ("http://127.0.0.1:", "data:", "blob:", "about:")  # the site and its wellcited server
        assert [entry.url for entry in made.requests if not entry.url.startswith(ours)] == []
        unexpected = [line for line in made.complaints if not any(words in line for words in expected)]
        assert unexpected == []
