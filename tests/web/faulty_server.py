"""A server on a real index whose parts can be made to fail: faulty_server.py PORT SETTINGS-AS-JSON.

In a question, `brokenencoder` breaks the encoder wherever it is used, the guardrail included, `brokensearch` only once
the guide is searched, and `nomemory` makes that run out of memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from wellcited.encoding import QueryEncoder
from wellcited.retrieval import Retriever
from wellcited.settings import Settings
from wellcited.web.app import serve

encode, search = QueryEncoder.encode, Retriever.encode


def faulty_encode(self: QueryEncoder, texts: Sequence[str]) -> Any:
    if any("brokenencoder" in text for text in texts):
        raise RuntimeError(f"the encoder broke at {texts}")
    return encode(self, texts)


def faulty_search(self: Retriever, texts: Sequence[str]) -> Any:
    if any("brokensearch" in text for text in texts):
        raise RuntimeError(f"the search broke at {texts}")
    if any("nomemory" in text for text in texts):
        raise MemoryError
    return search(self, texts)


if __name__ == "__main__":
    QueryEncoder.encode = faulty_encode  # type: ignore[method-assign]
    Retriever.encode = faulty_search  # type: ignore[method-assign]
    serve(settings=Settings(port=int(sys.argv[1]), **json.loads(sys.argv[2])))
