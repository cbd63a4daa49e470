"""Whatever breaks, a reader gets an answer, a referral or a clear message, soon; and nothing stays behind."""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import KETTLE
from fastapi.testclient import TestClient

from wellcited import bundle, history
from wellcited.assistant import Assistant
from wellcited.indexing import build_index
from wellcited.settings import Settings
from wellcited.web import live as live_room
from wellcited.web import serving
from wellcited.web.app import create_app
from wellcited.web.live import Live

from .fakes import FakeAssistant
from .running import Served, rss, starting

pytestmark = pytest.mark.slow
QUESTION = "How often should I descale a kettle?"
CALL = "If this is an emergency, call 112, 911 or 999."
Start = Callable[..., Served]


@pytest.fixture
def start(kettle: Settings, tmp_path: Path) -> Iterator[Start]:
    """Start a server on that index."""

    def start_one(script: str = "faulty_server.py", output: Any = None, limits: Any = None, **settings: Any) -> Served:
        given = {"rate_per_minute": 0, "index": str(kettle.index), "corpus": str(kettle.corpus), **settings}
        servers.append(Served(given, tmp_path, script, output, limits))
        return servers[-1]

    with starting() as servers:
        yield start_one


def edit(settings: Settings, often: str) -> None:
    (settings.corpus / "kettle.md").write_text(KETTLE.replace("once a month", often), "utf-8")


def ready(server: Served) -> dict[str, Any]:
    found: dict[str, Any] = httpx2.get(f"{server.url}/readyz", timeout=10).json()
    return found


def wait_for(done: Callable[[], bool], seconds: float = 20) -> None:
    begun = time.monotonic()
    while not done():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


def test_an_encoder_that_breaks_is_a_referral_or_a_clear_message_and_leaves_nothing_behind(start: Start) -> None:
    server = start()
    expected = {
        QUESTION: 200,
        "Is brokenencoder good for a kettle?": 200,
        "Does brokensearch help a kettle?": 500,
        "Does nomemory help a kettle?": 500,
    }

    def once(question: str) -> None:
        begun = time.monotonic()
        response = server.ask(question)
        assert time.monotonic() - begun < 10
        assert response.status_code == expected[question]
        if response.status_code == 500:
            assert response.json()["detail"].endswith(CALL)
        elif "broken" in question:  # the guardrail could not judge it, so no passage is shown
            assert response.json()["kind"] == "referral"
            assert response.json()["triage"]["reasons"] == ["guardrail.failed"]
        else:
            assert "once a month" in response.json()["text"]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(once, [*expected] * 15))
        time.sleep(1)
        before = rss(server.process.pid), server.threads(), server.open_files()
        list(pool.map(once, [*expected] * 40))
    time.sleep(1)
    after = rss(server.process.pid), server.threads(), server.open_files()
    assert after[0] - before[0] < 20_000
    assert after[1] <= before[1] + 4
    assert after[2] <= before[2] + 8
    assert '"exception": "builtins.RuntimeError"' in server.told
    assert "brokenencoder" not in server.told
    assert "brokensearch" not in server.told


def test_an_index_whose_files_are_cut_overwritten_or_removed_while_it_serves_goes_on_answering(
    start: Start, kettle: Settings
) -> None:
    server = start()
    build = kettle.index / bundle.BUILDS / ready(server)["bundle_id"]
    files = [path for path in build.rglob("*") if path.is_file()]
    for damage in (lambda data: data[:10], lambda data: b"\xff" * len(data), lambda data: b""):
        for path in files:
            path.write_bytes(damage(path.read_bytes()))
        assert "once a month" in server.ask(QUESTION).json()["text"]
    wait_for(lambda: "manifest.json: cannot be read" in ready(server).get("problem", ""))
    shutil.rmtree(kettle.index)
    wait_for(lambda: "there is no index here" in ready(server).get("problem", ""))
    assert "once a month" in server.ask(QUESTION).json()["text"]
    assert httpx2.get(f"{server.url}/guide/kettle-care").status_code == 200
    assert "wellcited_bundle_info" in httpx2.get(f"{server.url}/metrics").text


def test_of_two_servers_on_one_index_one_may_be_killed_and_the_other_answers_and_follows(
    start: Start, kettle: Settings
) -> None:
    killed, other = start(), start()
    with ThreadPoolExecutor(4) as pool:
        under_way = [pool.submit(killed.ask, QUESTION) for _ in range(4)]
        killed.process.kill()
        for one in under_way:
            assert one.exception() is None or isinstance(one.exception(), httpx2.TransportError)
    assert other.ask(QUESTION).status_code == 200
    edit(kettle, "every week")
    begun = time.monotonic()
    build_id = build_index(settings=kettle).build_id  # waits for nobody: a server holds no lock
    assert time.monotonic() - begun < 60
    wait_for(lambda: ready(other) == {"status": "ready", "bundle_id": build_id})
    assert "every week" in other.ask(QUESTION).json()["text"]


def test_a_rebuild_that_finds_the_disk_full_leaves_the_server_answering_and_says_why(
    start: Start, kettle: Settings
) -> None:
    server = start()
    edit(kettle, "every week")
    command = [sys.executable, "-m", "wellcited", "index"]
    command += ["--corpus", str(kettle.corpus), "--index", str(kettle.index)]
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=kettle.corpus.parent,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )  # fmt: skip
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    wait_for(lambda: "the index could not be brought up to date" in ready(server).get("problem", ""))
    assert "once a month" in server.ask(QUESTION).json()["text"]
    build_id = build_index(settings=kettle).build_id
    wait_for(lambda: ready(server) == {"status": "ready", "bundle_id": build_id})


def test_told_to_stop_while_many_ask_it_answers_or_says_so_and_is_gone(start: Start) -> None:
    server = start()
    found: list[object] = []

    def ask() -> None:
        while True:
            try:
                found.append(server.ask(QUESTION).status_code)
            except httpx2.ConnectError:
                return
            except httpx2.TransportError:  # accepted by the system, and no longer by the server
                found.append("not taken on")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    code, seconds = server.stop()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert (code, seconds < 12) == (0, True)
    assert found.count(200) > 0
    assert set(found) <= {200, 503, "not taken on"}
    assert "Traceback" not in server.told


def test_a_log_that_nobody_reads_costs_lines_and_no_answer(start: Start) -> None:
    out, into = os.pipe()
    server = start("slow_server.py", output=into)
    os.close(into)
    with ThreadPoolExecutor(8) as pool:  # more than a pipe of 64 kB holds
        statuses = list(pool.map(lambda _: server.ask("press").status_code, range(600)))
    assert statuses == [200] * 600
    with open(out, "rb") as log:
        os.set_blocking(out, False)
        read = log.read() or b""
        assert len(read) > 30_000
        assert server.ask("press").status_code == 200
        time.sleep(0.2)
        later = (log.read() or b"").decode().splitlines()
    assert "lines of this log were lost" in json.loads(later[0])["event"]
    assert json.loads(later[1])["event"] == "request"


def test_a_full_disk_under_the_log_costs_no_answer(start: Start) -> None:
    with open("/dev/full", "w") as full:
        server = start("slow_server.py", output=full)
    for _ in range(20):
        assert server.ask("press").status_code == 200
    assert server.ask("explode").status_code == 500
    assert server.stop()[1] < 6


def test_a_limit_on_open_files_is_raised_to_what_the_connections_need(start: Start) -> None:
    server = start("slow_server.py", limits=(64, 4096), max_connections=150, max_connections_per_client=0)
    held = [server.connect() for _ in range(120)]
    assert server.ask("press").status_code == 200
    for connection in held:
        connection.close()
    assert "open files" not in server.told
    server.stop()


@pytest.mark.parametrize(("hard", "allowed"), [(300, 300), (resource.RLIM_INFINITY, 600)])
def test_a_limit_on_open_files_that_is_too_low_is_told(
    hard: int, allowed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (64, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: given.append(limits))
    with caplog.at_level(logging.WARNING):
        serving.make_room(500)
    assert given == [(allowed, hard)]
    told = "max_connections is 500, and the system allows 300 open files: raise ulimit -n to 600, or lower it"
    assert [record.getMessage() for record in caplog.records] == ([told] if allowed < 600 else [])


def test_a_slow_disk_under_a_new_build_slows_no_answer_from_the_former(
    kettle: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live.open(kettle)
    digest, slow = bundle.sha256_of, threading.Event()

    def slowly(path: Path) -> str:
        slow.set()
        time.sleep(0.3)
        return digest(path)

    with TestClient(create_app(live, kettle)) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        edit(kettle, "every week")
        build_id = build_index(settings=kettle).build_id
        monkeypatch.setattr(bundle, "sha256_of", slowly)
        if live.bundle_id == build_id:  # taken up before the disk became slow: once more
            edit(kettle, "every year")
            build_id = build_index(settings=kettle).build_id
        wait_for(slow.is_set)
        for _ in range(3):
            begun = time.monotonic()
            assert client.post("/api/ask", json={"question": QUESTION}).status_code == 200
            assert client.get("/healthz").status_code == 200
            assert time.monotonic() - begun < 2
        wait_for(lambda: client.get("/readyz").json()["bundle_id"] == build_id, 60)


@pytest.mark.parametrize("fault", [OSError(errno.EMFILE, "too many open files"), RuntimeError("read past the end")])
def test_a_build_that_could_not_be_opened_for_a_moment_is_told_once_and_tried_again(
    kettle: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    live = Live.open(kettle)
    edit(kettle, "every week")
    build_id = build_index(settings=kettle).build_id

    def broken(*arguments: Any) -> Assistant:
        raise fault

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(Assistant, "of", broken)
        assert not any(live.look() for _ in range(3))
    assert live.problem.endswith(f"goes on answering: the new one broke ({type(fault).__name__})")
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    assert "once a month" in live.ask(QUESTION).text
    assert not live.look(), "tried again at once"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + live_room.RETRY_SECONDS + 1)
    assert live.look()
    assert (live.bundle_id, live.problem) == (build_id, "")
    assert not live.look()


@pytest.mark.parametrize("jump", [-400 * 86_400, 400 * 86_400, -(time.time() - 1)], ids=["back", "forth", "1970"])
def test_a_clock_that_jumps_breaks_no_rate_no_answer_and_no_figure(
    kettle: Settings, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    settings = kettle.model_copy(update={"rate_per_minute": 3, "metrics": "on"})
    client = TestClient(create_app(FakeAssistant(), settings), raise_server_exceptions=False)

    def ask() -> Any:
        return client.post("/api/ask", json={"question": "How long do I press?"})

    assert [ask().status_code for _ in range(2)] == [200, 200]
    wall, wall_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + int(jump * 1e9))
    assert ask().status_code == 200
    refused = ask()
    assert refused.status_code == 429, "the jump emptied the window"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    figures = client.get("/metrics")
    assert figures.status_code == 200
    assert not any(line.split()[-1].startswith("-") for line in figures.text.splitlines() if line[0] != "#")
    history.record_failure(kettle.index, "a fault")
    failure = history.last_failure(kettle.index)
    assert failure is not None
    live = Live.open(kettle)
    assert not live.look()
    assert "a fault" in live.problem
