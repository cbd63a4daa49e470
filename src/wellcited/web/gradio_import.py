"""Gradio, imported once and quickly: a third of its import is the writing of editors' files that nobody reads here.

For each of its 80 component classes Gradio parses the class's own file and compares, or writes, an interface file
(.pyi) beside it: 0.9 of 2.3 seconds, and a write into the installation. It leaves out a class whose file
`inspect.getfile` does not know ("This can happen if the component is not a file", gradio/component_meta.py). So its
classes have none while it is imported. Should Gradio come to ask otherwise, the import is as slow as it was, and
nothing else changes.
"""

from __future__ import annotations

import gc
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_interface_files() -> Iterator[None]:
    """Have `inspect.getfile` know no file of Gradio's classes, and no garbage collected: next to none comes up."""
    known, collects = inspect.getfile, gc.isenabled()

    def getfile(found: Any) -> str:
        if isinstance(found, type) and found.__module__.startswith("gradio."):
            raise OSError("left out while Gradio is imported")
        return known(found)

    gc.disable()
    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = known
        if collects:
            gc.enable()


os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read by gradio as it is imported
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
with without_interface_files():
    import gradio as gradio
