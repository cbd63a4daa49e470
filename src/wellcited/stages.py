"""How long the stages of an answer take: measured where they happen, told to whoever wants to know."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Tell = Callable[[str, float], None]
"""Called with the name of a stage and its length in seconds."""

_tell: ContextVar[Tell | None] = ContextVar("wellcited_stages", default=None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure what is done inside as the stage `name`; without anyone listening it costs nothing to speak of."""
    tell = _tell.get()
    if tell is None:
        yield
        return
    begun = time.perf_counter()
    try:
        yield
    finally:
        tell(name, time.perf_counter() - begun)


@contextmanager
def listening(tell: Tell) -> Iterator[None]:
    """Have `tell` called for every stage that ends inside, in this thread or task."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)
