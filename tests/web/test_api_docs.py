"""docs/api.md: its examples run, against a real server and from a page of another site, and its tables are true."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser

from wellcited.settings import Settings
from wellcited.web.metrics import REASONS, STAGES
from wellcited.web.tokens import check, sign

from .fakes import ANSWER, EMERGENCY, HOLD
from .running import apart, served

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"
TEXT = DOCUMENT.read_text("utf-8")
SECRET = "0123456789abcdef0123456789abcdef"
SITE = "https://a.example"
TOKENS = Settings(token_secret=cast(Any, SECRET), allowed_origins=(SITE,))


def block(language: str, holding: str) -> str:
    """Return the one example in `language` that holds these words."""
    found = [code for code in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if holding in code]
    assert len(found) == 1
    return str(found[0])


class Site(BaseHTTPRequestHandler):
    """One page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<p>a page</p>")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of another site; it has two names, hence two origins."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_port
        site.shutdown()


@pytest.fixture(scope="module")
def url(port: int) -> Iterator[str]:
    with served(Settings(mcp=True, allowed_origins=(f"http://localhost:{port}",), rate_per_minute=0)) as address:
        yield address


def test_the_python_client_asks_and_tells_what_went_wrong(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    room: dict[str, Any] = {}
    exec(block("python", "import httpx").replace("http://127.0.0.1:7860", url), room)  # noqa: S102 - our own
    assert capsys.readouterr().out == f"{ANSWER.text}\n{HOLD.url}\n{ANSWER.citations[1].url}\n"
    assert room["ask"]("I lost control of my bladder")["kind"] == EMERGENCY.kind
    with pytest.raises(RuntimeError, match="call 112, 911 or 999"):
        room["ask"]("")


def test_the_mcp_client_asks(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    apart(exec, block("python", "from mcp").replace("http://127.0.0.1:7860", url), {})
    assert capsys.readouterr().out.startswith(ANSWER.text)


def test_curl_asks(url: str) -> None:
    command = block("", "curl").replace("http://127.0.0.1:7860", url)
    ran = subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert json.loads(ran.stdout) == ANSWER.model_dump(mode="json")


@pytest.mark.browser
@pytest.mark.parametrize(("name", "allowed"), [("localhost", True), ("127.0.0.1", False)])
def test_a_page_of_another_site_asks_where_it_is_allowed_to(
    url: str, port: int, browser: Browser, name: str, allowed: bool
) -> None:
    page = browser.new_page()
    page.goto(f"http://{name}:{port}/page")
    page.add_script_tag(content=block("js", "fetch(").replace("http://127.0.0.1:7860", url))
    tell = "([question]) => ask(question).then((answer) => answer.kind, (error) => String(error.message))"
    found = [page.evaluate(tell, [question]) for question in ("How long do I press?", "", "explode")]
    if allowed:
        assert found[0] == "answer"
        assert all("call 112, 911 or 999" in detail for detail in found[1:])
    else:
        assert found == ["Failed to fetch"] * 3
    page.close()


def made_by(language: str) -> str:
    """Return a token made by the documentation's example."""
    if language == "python":
        room: dict[str, Any] = {}
        exec(block("python", "import jwt"), room)  # noqa: S102 - our own
        return str(room["widget_token"](SECRET, SITE))
    program, package, call = {
        "php": ("php", "php-cli", f"echo widget_token('{SECRET}', '{SITE}');"),
        "js": ("node", "nodejs", f"console.log(widgetToken('{SECRET}', '{SITE}'));"),
    }[language]
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here; run: sudo apt-get install {package}")
    if language == "php":
        command = [program, "-r", f"{block('php', 'widget_token')}\n{call}"]
    else:
        source = block("js", "createHmac").replace("export function", "function")
        command = [program, "--input-type=module", "-e", f"{source}\n{call}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("language", ["python", "php", "js"])
def test_a_token_of_every_language_is_accepted(language: str) -> None:
    check(f"Bearer {made_by(language)}", SITE, TOKENS)
    check(f"Bearer {sign(SITE, TOKENS)}", SITE, TOKENS)


def test_the_defaults_are_those_of_the_settings() -> None:
    limits = TEXT.partition("## Limits")[2].partition("## Which sites")[0]
    told: dict[str, str] = {}
    for names, values in re.findall(r"^\| (`[^|]+`) \| ([\d, ]+) \|", limits, re.MULTILINE):
        told |= dict(zip(re.findall(r"`(\w+)`", names), values.split(", "), strict=True))
    assert len(told) == 12
    fields = Settings.model_fields
    assert told == {name: f"{fields[name].default:g}" if name != "max_history_bytes" else "65536" for name in told}


def test_every_setting_of_the_doors_is_documented() -> None:
    names = {
        *("allowed_origins", "public_url", "trusted_proxies", "token_secret", "token_minutes", "mcp", "metrics"),
        *("metrics_token", "log_level", "log_questions", "emergency_numbers"),
    }
    assert {name for name in names if f"`{name}`" not in TEXT and f"`{name} =" not in TEXT} == set()
    assert names <= set(Settings.model_fields)


def test_every_stage_and_reason_is_documented() -> None:
    assert f"stage: {', '.join(STAGES)}" in TEXT
    assert f"reason: {', '.join(REASONS)}" in TEXT
