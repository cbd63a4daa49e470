"""The recipe for nginx, with Debian's nginx, in a browser: chat, guide, API and widget under /ask/ of a site."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from conftest import PROJECT
from playwright.sync_api import Browser, Page, expect
from web.fakes import HOLD
from web.running import served

from wellcited.settings import Settings

RECIPE = PROJECT / "recipes" / "nginx" / "wellcited.conf"
EMBEDDING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A practice</title>
<link rel="icon" href="data:,"><h1>A practice</h1>
<wellcited-chat></wellcited-chat><script src="/ask/widget.js" defer></script></html>"""
CONFIGURATION = """
daemon off; master_process off; {user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  types {{ text/html html; }}
  server {{
    listen 127.0.0.1:{port};
    root {folder}/site;
    include {folder}/wellcited.conf;
  }}
}}
"""


@dataclass
class Site:
    """A site of nginx, the chat under /ask/, and the server behind it."""

    url: str
    behind: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        told = "no nginx here; run: sudo apt-get install nginx"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "site").mkdir()
    (folder / "site" / "index.html").write_text(EMBEDDING)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = Settings(root_path="/ask", public_url=f"{url}/ask", trusted_proxies=1, rate_per_minute=20)
    with served(settings) as behind:
        recipe = RECIPE.read_text()
        assert recipe.count("http://127.0.0.1:7860;") == 2
        (folder / "wellcited.conf").write_text(recipe.replace("http://127.0.0.1:7860", behind))
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port, user=user))
        process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")])
        try:
            _wait(f"{url}/ask/healthz", process, folder)
            yield Site(url, behind)
        finally:
            process.terminate()
            process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(100):
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            assert process.poll() is None, (folder / "error.log").read_text()
        time.sleep(0.05)
    pytest.fail(f"nginx does not answer: {(folder / 'error.log').read_text()}")


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A page that may ask the site alone, nothing of which may be missing or complain."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong: list[str] = []
    context.on("request", lambda request: request.url.startswith((site.url, "data:")) or wrong.append(request.url))
    context.on("response", lambda answer: answer.status < 400 or wrong.append(f"{answer.status} {answer.url}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    yield page
    context.close()
    assert wrong == []


@pytest.mark.browser
def test_the_chat_answers_under_the_path_and_its_citation_opens_the_guide(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/ask/")
    page.wait_for_selector("gradio-app .wc")
    page.get_by_role("button", name="How long should I press?").click()
    expect(page.locator(".reply q").first).to_contain_text(HOLD.quote)
    page.get_by_role("button", name="Passage 1: How long to press").click()
    link = page.get_by_role("link", name="Open in the guide")
    expect(link).to_have_attribute("href", f"/ask{HOLD.url}")
    with page.expect_popup() as opened:
        link.click()
    guide = opened.value
    expect(guide.locator("#cite")).to_have_text(HOLD.quote)
    assert guide.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].some((font) => font.status == 'loaded'))"
    )
    guide.get_by_role("link", name="Ask the guide").click()
    guide.wait_for_selector("gradio-app .wc")
    assert guide.url == f"{site.url}/ask/"


@pytest.mark.browser
def test_what_is_copied_leads_back_to_the_guide(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/ask/")
    page.wait_for_selector("gradio-app .wc")
    page.evaluate("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    page.get_by_role("button", name="How long should I press?").click()
    page.get_by_role("button", name="Copy with sources").click()
    page.wait_for_function("window.copied")
    assert f"    {site.url}/ask{HOLD.url}" in page.evaluate("window.copied").splitlines()


@pytest.mark.browser
def test_a_page_of_the_site_embeds_the_chat(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/index.html")
    page.get_by_role("button", name="How long should I press?").click()
    number = page.get_by_role("link", name="How long to press").first
    expect(number).to_have_attribute("href", f"{site.url}/ask{HOLD.url}")


@pytest.mark.browser
def test_the_frame_and_the_configurator_know_where_they_are(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/ask/embed")
    page.get_by_role("button", name="How long should I press?").click()
    expect(page.get_by_role("link", name="How long to press").first).to_be_visible()
    page.goto(f"{site.url}/ask/embed-demo")
    expect(page.locator("#snippet")).to_contain_text(f'src="{site.url}/ask/widget.js"')
    page.get_by_label("Pin this version").check()
    expect(page.locator("#snippet")).to_contain_text(f'src="{site.url}/ask/widget/')


def test_the_api_answers_under_the_path_and_metrics_do_not(site: Site) -> None:
    answer = httpx.post(f"{site.url}/ask/api/ask", json={"question": "How long should I press?"})
    assert answer.status_code == 200
    assert httpx.get(f"{site.url}/ask{answer.json()['citations'][0]['url']}").status_code == 200
    assert httpx.get(f"{site.url}/ask/metrics").status_code == 404
    led = httpx.get(f"{site.url}/ask")
    assert (led.status_code, led.headers["location"]) == (301, f"{site.url}/ask/")


def test_a_reader_can_neither_borrow_another_address_nor_another_host(site: Site) -> None:
    def ask(**headers: str) -> int:
        return httpx.post(f"{site.url}/ask/api/ask", json={"question": "why?"}, headers=headers).status_code

    foreign = {"origin": "https://evil.example", "x-forwarded-host": "evil.example"}
    assert ask(**foreign) == 403
    statuses = [ask(**{"x-forwarded-for": f"198.51.100.{client}"}) for client in range(25)]
    assert 429 in statuses  # 20 a minute, whatever a reader says of himself
