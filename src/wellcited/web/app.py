"""The server: the chat at /, the guide under /guide, the API under /api, and nothing from anywhere else."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route

import wellcited
from wellcited.assistant import WARM_UP
from wellcited.bundle import live_build
from wellcited.errors import SettingsError
from wellcited.settings import Settings, load_settings
from wellcited.web.api import Answering, Readiness, api_router
from wellcited.web.boundary import BodyLimit, ChatDoor, Faults, Forwarded, HeadAsGet, SecurityHeaders
from wellcited.web.chat import build_chat, chat_theme, chat_title, shell_html
from wellcited.web.gradio_import import gradio as gr
from wellcited.web.limits import RateLimit, Refusals, Turnstile
from wellcited.web.live import Live
from wellcited.web.logs import RequestLog, configure_logging
from wellcited.web.markup import escape
from wellcited.web.metrics import Metrics, forget, metrics_router, share
from wellcited.web.mounting import Mounted
from wellcited.web.observed import Observed
from wellcited.web.openapi import describe
from wellcited.web.origins import Origins
from wellcited.web.problems import add_problem_handlers, emergency_line
from wellcited.web.rates import OwnRates, SharedRates
from wellcited.web.reader import guide_router
from wellcited.web.reference import reference_router
from wellcited.web.remembered import Remembered
from wellcited.web.serving import run
from wellcited.web.static import asset_router, asset_url, frame
from wellcited.web.tokens import TokenDoor
from wellcited.web.widget import widget_router
from wellcited.web.workers import OPENED, Supervisor

if TYPE_CHECKING:
    from wellcited.web.mcp import McpDoor

log = logging.getLogger(__name__)


def create_app(
    assistant: Answering | Live,
    settings: Settings,
    frame_ancestors: Sequence[str] = ("'self'",),
    together: Together | None = None,
) -> FastAPI:
    """Return the whole server as one ASGI app; it is ready once a first answer has been given.

    An assistant that is `Live` is followed: what answers is swapped between two requests when another build is live.
    `frame_ancestors` are the sites, as a Content-Security-Policy names them, that may show it in a frame, besides those
    of the settings. `together` is what it has in common with other workers, if it is one of several.
    """
    live = assistant if isinstance(assistant, Live) else Live(assistant)
    readiness = Readiness(lambda: live.problem)
    metrics = Metrics(together.figures if together else None)
    rates = together.rates if together else OwnRates(settings)
    remembered = Remembered(settings.cache_answers)
    metrics.watch_cache(lambda: remembered.held)
    observed = Observed(lambda: live.current, metrics, settings, remembered)
    door = _mcp_door(observed, settings) if settings.mcp else None

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_warm_up(live, readiness)), asyncio.create_task(live.follow())]
        if together is not None:
            together.rates.listen()
            tasks.append(asyncio.create_task(_publish(metrics)))
        async with AsyncExitStack() as stack:
            if door is not None:
                await stack.enter_async_context(door.running())
            yield
        for task in tasks:
            task.cancel()

    app = FastAPI(
        title="wellcited",
        summary="Answers from a guide, in the guide's own words, with the passage that says so.",
        version=wellcited.__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(api_router(observed, settings, readiness))
    app.include_router(guide_router(lambda: live.documents, settings.root_path))
    app.include_router(reference_router(app, settings.root_path))
    app.include_router(asset_router())
    app.include_router(widget_router(live, settings))
    app.include_router(metrics_router(metrics, settings))
    if door is not None:
        app.router.routes.append(Route("/mcp", door))
    add_problem_handlers(app, settings)
    describe(app, settings)
    metrics.watch_bundle(lambda: live.bundle_id, lambda: readiness.ready, settings.index)
    _mount_chat(app, live, observed.held, settings)
    # From the inside out: the last one added is the first to see a request.
    refusals = Refusals(settings, metrics)
    app.add_middleware(Turnstile, settings=settings, refusals=refusals)
    app.add_middleware(BodyLimit, settings=settings, metrics=metrics)
    app.add_middleware(TokenDoor, settings=settings, metrics=metrics)
    app.add_middleware(RateLimit, settings=settings, refusals=refusals, rates=rates)
    app.add_middleware(Faults, settings=settings)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(Origins, settings=settings, metrics=metrics)
    ancestors = tuple(dict.fromkeys((*frame_ancestors, *settings.allowed_origins)))
    app.add_middleware(SecurityHeaders, frame_ancestors=ancestors, public_url=settings.public_url)
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestLog, settings=settings, metrics=metrics)
    app.add_middleware(Forwarded, settings=settings)
    app.add_middleware(Mounted, root=settings.root_path)
    return app


class Together(NamedTuple):
    """What several workers have in common: their rates, and the folder of their figures."""

    rates: SharedRates
    figures: Path


def serve(
    assistant: Answering | None = None,
    settings: Settings | None = None,
    frame_ancestors: Sequence[str] = ("'self'",),
) -> None:
    """Serve until interrupted; without an assistant, open the index that the settings name.

    Of several workers each opens the index for itself. Raises BundleError, and SettingsError where it cannot listen.
    """
    settings = settings or load_settings()
    several = settings.workers > 1
    if assistant is not None:
        live = Live(assistant)
    elif several:
        live_build(settings.index, settings)  # what is wrong with it is told once, here
    else:
        live = Live.open(settings)
    with _listen(settings.host, settings.port) as listener, suppress(KeyboardInterrupt):
        configure_logging(settings)

        def work(settings: Settings, together: Together | None, opened: Callable[[], object]) -> None:
            app = create_app(live, settings, frame_ancestors, together)
            gc.collect()
            gc.freeze()  # what is there by now stays: no later collection needs to look at it again
            gc.enable()  # the command line leaves collecting for now
            opened()
            run(app, settings, listener)

        def tell() -> None:
            with suppress(OSError):  # a full disk, or nobody there to read it
                print(f"wellcited: http://{settings.host}:{settings.port}{settings.root_path}", flush=True)

        if not several:
            work(settings, None, tell)
            return

        share_of_each = -(-settings.max_connections // settings.workers)
        each = settings.model_copy(update={"max_connections": share_of_each})
        with tempfile.TemporaryDirectory(prefix="wellcited-") as place:
            figures = Path(place)
            share(figures)

            def one_of_several(line: socket.socket) -> None:
                nonlocal live
                if assistant is None:
                    live = Live.open(each)
                work(each, Together(SharedRates(line), figures), lambda: line.send(OPENED))

            tell()
            code = Supervisor(settings, one_of_several, lambda pid: forget(pid, figures)).run()
        if code:
            sys.exit(code)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise SettingsError(f"cannot listen on {host}:{port}: {why}; choose another with --host, --port") from error


def _mount_chat(app: FastAPI, live: Live, hold: Callable[[], Answering], settings: Settings) -> None:
    own_routes = list(app.routes)
    chat = build_chat(hold, settings)
    gr.mount_gradio_app(
        app,
        chat,
        path="/",
        theme=chat_theme(),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size=0,
    )
    mount = app.routes[-1]
    assert isinstance(mount, Mount)  # noqa: S101 - what mount_gradio_app promises

    made = ("", ("", ""))  # for which build, and its head and body

    def furniture() -> tuple[str, str]:
        nonlocal made
        assistant = live.current
        if made[0] != assistant.bundle_id:
            made = assistant.bundle_id, _furniture(assistant, settings)
        return made[1]

    mount.app = ChatDoor(mount.app, own_routes, furniture, set(chat.blocks), emergency_line(settings))


def _furniture(assistant: Answering, settings: Settings) -> tuple[str, str]:
    root = settings.root_path
    head = frame("head.html").substitute(
        title=escape(chat_title(assistant.documents)[0]),
        root=root,
        theme_css=asset_url("theme.css", root),
        chat_css=asset_url("chat.css", root),
        theme_js=asset_url("theme.js", root),
        chat_js=asset_url("chat.js", root),
        icon=asset_url("icon.svg", root),
    )
    return head, f'<div id="wellcited-early">{shell_html(assistant, settings)}</div>'


def _mcp_door(assistant: Answering, settings: Settings) -> McpDoor:
    from wellcited.web.mcp import McpDoor  # an extra of its own, and off by default

    return McpDoor(assistant, settings)


async def _publish(metrics: Metrics) -> None:
    while True:
        metrics.publish()
        await asyncio.sleep(1)


async def _warm_up(assistant: Answering, readiness: Readiness) -> None:
    question = assistant.examples[0] if assistant.examples else WARM_UP
    try:
        await run_in_threadpool(assistant.ask, question)
    except Exception:
        log.exception("the first answer failed: the server stays unready")
    else:
        readiness.ready = True
