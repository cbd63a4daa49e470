"""The server under a path of a larger site: what comes in loses the path, what leads back in gets it."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from wellcited.datatypes import Answer, Citation


class Mounted:
    """Take `root`, the setting root_path, for the place of the server, as ASGI tells it to whatever is inside.

    An address outside of it is one below it: a health check asks the process itself, and some proxies cut the path off.
    """

    def __init__(self, app: ASGIApp, root: str) -> None:
        self.app = app
        self.root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.root and scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            scope = {**scope, "root_path": self.root}
            if path != self.root and not path.startswith(f"{self.root}/"):
                scope["path"] = self.root + path
                scope["raw_path"] = self.root.encode() + scope.get("raw_path", path.encode())
        await self.app(scope, receive, send)


def below(root: str, url: str) -> str:
    """Return `url` as seen from outside of `root`; what leads to the publisher's own site stays as it is."""
    return f"{root}{url}" if url.startswith("/") else url


def mounted(answer: Answer, root: str) -> Answer:
    """Return `answer` with links that a page of the server can follow; its own are relative to the server."""
    if not root:
        return answer

    def moved(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
        return tuple(citation.model_copy(update={"url": below(root, citation.url)}) for citation in citations)

    return answer.model_copy(update={"citations": moved(answer.citations), "further": moved(answer.further)})
