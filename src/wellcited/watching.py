"""Which saves make a rebuild due."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from wellcited.errors import CorpusError

QUIET_MS = 400
"""A save is followed by others, and an editor writes a file in several steps: so long must nothing have changed."""


def changes(folder: Path, stop: Event | None = None) -> Iterator[None]:
    """Yield whenever something in `folder` was saved and nothing more followed; until interrupted, or `stop` is set.

    Hidden files and the ones that editors keep beside a file do not count. Raises CorpusError where it is no folder.
    """
    from watchfiles import DefaultFilter, watch

    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such corpus folder; put your guide there as a .md or .txt file")
    heed = DefaultFilter(ignore_entity_patterns=(*DefaultFilter.ignore_entity_patterns, r"^\.(?!wellcitedignore$)"))
    for _ in watch(folder, watch_filter=heed, step=QUIET_MS, stop_event=stop, raise_interrupt=True):
        yield
