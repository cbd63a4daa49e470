"""The assistant that answers now, and the swap to a new build between two requests."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from wellcited import bundle, history
from wellcited.assistant import Assistant
from wellcited.bundle import Build
from wellcited.datatypes import Answer, Document, Message
from wellcited.errors import BundleError, WellcitedError
from wellcited.settings import Settings
from wellcited.web.api import Answering

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RETRY_SECONDS = 60.0
"""A build that could not be opened is tried again after so long: the disk may have been away for a moment."""
_State = tuple[str, int]


class Builds:
    """The builds of an index as a server sees them: opens the live one, and tells when it is another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tried: _State = ("", 0)
        self._due = math.inf
        self._opened: tuple[Build, Assistant] | None = None

    def open(self) -> Assistant:
        """Open the live build; its encoder is the one in use, where the two are the same. Raises BundleError."""
        self._tried, self._due = self._state(), time.monotonic() + RETRY_SECONDS
        build = bundle.live_build(self._settings.index, self._settings)
        before = self._opened
        encoder = before[1].encoder if before and before[0].encoder_files == build.encoder_files else None
        assistant = Assistant.of(build, self._settings, encoder)
        self._opened, self._due = (build, assistant), math.inf
        return assistant

    def changed(self) -> bool:
        """Whether another build is live than the one that was opened, or tried, last; or a failed one is due again."""
        return self._state() != self._tried or time.monotonic() >= self._due

    def failure(self) -> history.Failure | None:
        """Return why the last attempt to bring the index up to date failed, None where it did not."""
        return history.last_failure(self._settings.index)

    def _state(self) -> _State:
        """Return the id of the live build, and when its manifest was written: a repaired build keeps its id."""
        index = self._settings.index
        try:
            build_id = bundle.current_id(index) or ""
            return build_id, (index / bundle.BUILDS / build_id / bundle.MANIFEST).stat().st_mtime_ns
        except (BundleError, OSError, ValueError):
            return "", 0


class Live:
    """The assistant that answers now; a request that holds on to `current` sees one build from beginning to end."""

    def __init__(self, assistant: Answering, builds: Builds | None = None) -> None:
        self.current = assistant
        self.problem = ""
        """Why what answers is not what the corpus says by now ("" where it is)."""
        self._builds = builds

    @classmethod
    def open(cls, settings: Settings) -> Live:
        """Open the live build of the index and follow what is made live after it. Raises BundleError."""
        builds = Builds(settings)
        return cls(builds.open(), builds)

    @property
    def documents(self) -> Mapping[str, Document]:
        return self.current.documents

    @property
    def examples(self) -> tuple[str, ...]:
        return self.current.examples

    @property
    def bundle_id(self) -> str:
        return self.current.bundle_id

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        """Ask whoever answers now."""
        return self.current.ask(question, history)

    def look(self) -> bool:
        """Take up a build that was made live since; return whether there was one.

        It is opened, verified and warm before it answers. One that cannot be opened leaves the former answering; that,
        and a build that failed, is told in `problem` and once in the log.
        """
        if self._builds is None:
            return False
        swapped = False
        problem, cause = self.problem, None
        if self._builds.changed():
            try:
                assistant = self._builds.open()
                assistant.warm_up()
                self.current, problem, swapped = assistant, "", True
                log.info("build %s is live", assistant.bundle_id)
            except WellcitedError as error:
                problem = f"build {self.bundle_id} goes on answering: {error}"
            except Exception as error:  # a file may go, or change, between its digest and its use
                problem = f"build {self.bundle_id} goes on answering: the new one broke ({type(error).__name__})"
                cause = error
        elif (failed := self._builds.failure()) is not None:
            problem = f"the index could not be brought up to date ({failed.when:%Y-%m-%d %H:%M} UTC): {failed.error}"
        elif problem.startswith("the index could not"):
            problem = ""
        if problem and problem != self.problem:
            log.warning("%s", problem, exc_info=cause)
        self.problem = problem
        if swapped:
            _give_back()
        return swapped

    async def follow(self) -> None:
        """Look for a new build twice a second, until cancelled."""
        while self._builds is not None:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await run_in_threadpool(self.look)
            except Exception:
                log.exception("looking for a new build failed; the former goes on answering")


def _give_back() -> None:
    """Give the memory of the former build back to the system, which the C library would rather keep."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)
