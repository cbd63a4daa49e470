"""Widget tokens: a site's own backend vouches for its pages, for minutes (JSON Web Tokens, RFC 7519, HS256).

A token says that whoever holds it got it from the site's backend a moment ago, which may have asked for a login or a
captcha first. It holds no person, and it can be used until it expires: it stands beside the rate limits.
"""

from __future__ import annotations

import time

import jwt
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from wellcited.errors import SettingsError
from wellcited.settings import Settings, check_origin
from wellcited.web.metrics import Metrics
from wellcited.web.problems import emergency_line, local_path, problem

ALGORITHM = "HS256"
LEEWAY = 30
"""So many seconds may the clocks of site and server differ."""
LONGEST = 4096
DEMANDED = ("/api/ask", "/mcp")
"""Where a token is demanded. The chat window at / is the server's own page, and asks without one."""


class TokenRefused(Exception):
    """A token that is missing or no good; the message says why, and repeats nothing of it."""


def sign(origin: str, settings: Settings, now: float | None = None) -> str:
    """Return a token for pages of `origin`, good for the settings' minutes. Raises SettingsError without a secret."""
    if settings.token_secret is None:
        raise SettingsError("setting 'token_secret' is not set, so no token can be signed; set it (32 bytes or more)")
    try:
        origin = check_origin(origin)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    issued = int(time.time() if now is None else now)
    claims = {"origin": origin, "iat": issued, "exp": issued + 60 * settings.token_minutes}
    return jwt.encode(claims, settings.token_secret.get_secret_value(), ALGORITHM)


def check(authorization: str, foreign_origin: str | None, settings: Settings) -> None:
    """Accept the value of an Authorization header. Raises TokenRefused.

    The token must be signed with the secret, not yet expired, made for no longer than the settings' minutes, and, if
    the request comes from a page of another site (`foreign_origin`), made for that site.
    """
    if settings.token_secret is None:
        return
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("a token is needed: send Authorization: Bearer TOKEN")
    if len(token) > LONGEST:
        raise TokenRefused("the token is too long to be one")
    try:
        claims = jwt.decode(
            token.strip(),
            settings.token_secret.get_secret_value(),
            algorithms=[ALGORITHM],
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "origin"]},
        )
    except jwt.ExpiredSignatureError:
        raise TokenRefused("the token has expired: fetch a new one from the site's backend") from None
    except jwt.ImmatureSignatureError:
        raise TokenRefused("the token is from the future: set the clock of the site's backend") from None
    except jwt.MissingRequiredClaimError as error:
        raise TokenRefused(f"the token lacks the claim {error.claim}") from None
    except jwt.InvalidTokenError:
        raise TokenRefused("the token is not signed with the server's token_secret") from None
    if claims["exp"] - claims["iat"] > 60 * settings.token_minutes:
        raise TokenRefused(f"the token lives longer than the server's token_minutes ({settings.token_minutes})")
    if foreign_origin is not None and claims["origin"] != foreign_origin:
        raise TokenRefused("the token was made for another site")


class TokenDoor:
    """Where the settings have a secret, refuse questions without a good token with 401."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.call = emergency_line(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        demanded = self.settings.token_secret is not None and scope["type"] == "http" and local_path(scope) in DEMANDED
        if demanded:
            foreign = scope.get("state", {}).get("foreign_origin")
            try:
                check(Headers(scope=scope).get("authorization", ""), foreign, self.settings)
            except TokenRefused as refused:
                self.metrics.refused("token")
                challenge = 'Bearer realm="wellcited"'
                if "authorization" in Headers(scope=scope):
                    challenge += f', error="invalid_token", error_description="{refused}"'
                why = str(refused)
                detail = f"{why[:1].upper()}{why[1:]}. {self.call}"
                await problem(401, detail, headers={"WWW-Authenticate": challenge})(scope, receive, send)
                return
        await self.app(scope, receive, send)
