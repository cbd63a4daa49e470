"""wellcited: answers from your guide, with the passage that says so.

    from wellcited import Assistant, build_index

    build_index(corpus="corpus", index="index")
    answer = Assistant.open("index").ask("How long do I press?")

Importing this package is cheap: each name loads its room when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wellcited.assistant import Assistant
    from wellcited.datatypes import Answer, Citation, Document, Message, Passage, Triage
    from wellcited.errors import WellcitedError
    from wellcited.indexing import build_index
    from wellcited.settings import Settings

__version__ = "0.1.0"

_ROOMS = {
    "Answer": "datatypes",
    "Assistant": "assistant",
    "Citation": "datatypes",
    "Document": "datatypes",
    "Message": "datatypes",
    "Passage": "datatypes",
    "Settings": "settings",
    "Triage": "datatypes",
    "WellcitedError": "errors",
    "build_index": "indexing",
}

__all__ = [
    "Answer",
    "Assistant",
    "Citation",
    "Document",
    "Message",
    "Passage",
    "Settings",
    "Triage",
    "WellcitedError",
    "__version__",
    "build_index",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(import_module(f"wellcited.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'wellcited' has no attribute {name!r}")
