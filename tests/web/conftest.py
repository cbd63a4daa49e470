"""A real server in a thread, and a real browser that may speak to nobody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import FakeAssistant


@dataclass
class Running:
    """A server that answers from the hand-made guide."""

    url: str
    assistant: FakeAssistant


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    assistant = FakeAssistant()
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(
        assistant, Settings(max_question_chars=300, max_history_turns=8, rate_per_minute=0, cache_answers=0)
    )
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    for _ in range(100):
        if running.started:
            break
        time.sleep(0.05)
    yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", assistant)
    running.should_exit = True
    thread.join(5)
    listener.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, server: Running) -> Iterator[Open]:
    """Open a path in a fresh browser context; no page may fail, complain, or ask another host for anything."""
    contexts, foreign, complaints = [], [], []

    def open_path(path: str = "/", width: int = 1280, height: int = 800, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        context.on(
            "request",
            lambda request: None if request.url.startswith((server.url, "data:")) else foreign.append(request.url),
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
        )
        page.goto(server.url + path)
        if path == "/":
            page.wait_for_selector("gradio-app .wc")
        return page

    yield open_path
    for context in contexts:
        context.close()
    assert foreign == []
    assert complaints == []
