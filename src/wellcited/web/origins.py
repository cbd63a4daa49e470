"""Which sites' pages may ask: checked here for every call of a browser, and told to browsers as CORS.

What this protects is readers' browsers: a page of another site can neither ask in their name nor read an answer. A
script outside a browser sends whatever Origin it likes; against that stand limits.py and tokens.py.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellcited.settings import Settings, check_origin
from wellcited.web.metrics import Metrics
from wellcited.web.problems import emergency_line, local_path, problem

OPEN: dict[str, str] = {
    "/api/ask": "POST",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
}
"""What pages of the allowed sites may call, and how."""
EMBEDDED = re.compile(r"/widget\.js(?:on)?|/widget/.+|/embed")
"""What pages of any site may load: it holds nothing of a reader's, and an integrity check needs it readable."""
EXPOSED = "ETag, Retry-After, X-Request-Id"
PREFLIGHT_SECONDS = 600
_CORS = "access-control-"
_HEADERS = "Authorization, Content-Type, X-Request-Id"


def allows(allowed: tuple[str, ...], origin: str) -> bool:
    """Tell whether `origin`, as a browser sends it, is one of `allowed`, as settings.check_origin writes them."""
    for entry in allowed:
        if entry in ("*", origin):
            return True
        scheme, star, domain = entry.partition("://*.")
        if star and origin.startswith(f"{scheme}://") and origin.endswith(f".{domain}"):
            return True
    return False


def is_embedded(path: str) -> bool:
    """Tell whether pages of other sites load `path`."""
    return EMBEDDED.fullmatch(path) is not None


class Origins:
    """Refuse what browsers send from pages of other sites, and let pages of the allowed ones read the answers.

    A request that may change or cost something (all but GET, HEAD and OPTIONS) with a foreign Origin is a 403. One
    without an Origin comes from no page, unless its Sec-Fetch-Site says so.
    """

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.allowed = settings.allowed_origins
        public = urlsplit(settings.public_url)
        self.own = check_origin(f"{public.scheme}://{public.netloc}") if public.netloc else ""
        self.behind_proxy = settings.trusted_proxies > 0
        self.call = emergency_line(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, path, method = Headers(scope=scope), local_path(scope), scope["method"]
        origin = headers.get("origin")
        own = self.is_own(scope, headers)
        allowed = origin is not None and (own or allows(self.allowed, origin))
        scope.setdefault("state", {})["foreign_origin"] = None if own else origin  # for tokens.py
        usable = allowed and path in OPEN
        preflight = method == "OPTIONS" and origin is not None and "access-control-request-method" in headers
        send = self._with_cors(self._cors(path, origin if allowed else None, preflight and usable), send)
        if preflight and usable:
            await Response(status_code=204)(scope, receive, send)
        elif preflight or (method not in ("GET", "HEAD", "OPTIONS") and not own and not usable):
            await self._refusal(path, allowed)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def is_own(self, scope: Scope, headers: Headers) -> bool:
        """Tell whether the request comes from a page of this server, or from no page at all."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None:
            return site in (None, "same-origin", "none")
        host = headers.get("host", "")
        if origin == self.own:
            return True
        if self.own and not _is_local(host):
            return False
        # What a browser itself says about its page, and no script can change; it holds behind any proxy.
        if site == "same-origin":
            return True
        if self.behind_proxy:
            host = headers.get("x-forwarded-host", host).partition(",")[0].strip()
        # The schemes may differ: TLS may end at a proxy that does not say so.
        scheme, _, netloc = origin.partition("://")
        return scheme in ("http", "https") and netloc != "" and _bare(netloc) == _bare(host)

    def _cors(self, path: str, origin: str | None, preflight: bool) -> dict[str, str]:
        """Return what browsers are told about `path`; `origin` is that of a page which may read it."""
        if is_embedded(path):
            return {"Access-Control-Allow-Origin": "*"}
        if path not in OPEN:
            return {}
        told = {"Access-Control-Expose-Headers": EXPOSED}
        if origin is not None or "*" in self.allowed:
            told["Access-Control-Allow-Origin"] = "*" if "*" in self.allowed else str(origin)
        if preflight:
            told["Access-Control-Allow-Methods"] = OPEN[path]
            told["Access-Control-Allow-Headers"] = _HEADERS
            told["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return told

    def _with_cors(self, told: dict[str, str], send: Send) -> Send:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in {name for name in headers if name.startswith(_CORS)}:
                    del headers[name]  # Gradio lets every site read, with credentials
                headers.update(told)
                if told and told.get("Access-Control-Allow-Origin") != "*":
                    headers.add_vary_header("Origin")
            await send(message)

        return with_headers

    def _refusal(self, path: str, allowed: bool) -> Response:
        self.metrics.refused("origin")
        if allowed:
            return problem(403, f"Pages of other sites may not call this address. {self.call}")
        why = "This site's pages may not ask here: the server's setting allowed_origins does not name it."
        if path not in OPEN:
            why += " Where the server's own pages are refused, set public_url to the address that readers open."
        return problem(403, f"{why} {self.call}")


def _bare(netloc: str) -> str:
    """Return host and port in small letters, without the port that a scheme has anyway."""
    netloc = netloc.lower()
    for port in (":80", ":443"):
        netloc = netloc.removesuffix(port)
    return netloc


def _is_local(host: str) -> bool:
    """Tell whether a Host header names this machine: no other site can have such a name."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
