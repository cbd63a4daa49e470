"""Several workers behind one socket: one is replaced, all are counted together, and all end together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from wellcited.settings import Settings
from wellcited.web import rates as rates_room
from wellcited.web.rates import OwnRates, SharedRates, answer

from .running import Served, apart

slow = pytest.mark.slow
Start = Callable[..., Served]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers: list[Served] = []

    def start_one(**settings: Any) -> Served:
        servers.append(Served({"rate_per_minute": 0, "workers": 2, "metrics": "on", **settings}, tmp_path))
        wait_for(lambda: len(workers_of(servers[-1])) == 2 and figure(servers[-1], "wellcited_ready") == 1)
        return servers[-1]

    yield start_one
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()  # its workers end by themselves: a test of its own
            server.process.wait(10)


def workers_of(server: Served) -> list[int]:
    number = server.process.pid
    return [int(pid) for pid in Path(f"/proc/{number}/task/{number}/children").read_text("ascii").split()]


def wait_for(true: Callable[[], bool], seconds: float = 20) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds
        time.sleep(0.1)


def figure(server: Served, name: str) -> float:
    lines = httpx2.get(f"{server.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@slow
def test_a_worker_that_dies_is_replaced_and_its_counts_stay(start: Start) -> None:
    server = start()
    for _ in range(6):
        assert server.ask("press").json()["kind"] == "answer"
    wait_for(lambda: figure(server, "wellcited_answers_total") == 6)
    before = workers_of(server)
    memory = figure(server, "process_resident_memory_bytes")
    os.kill(before[0], signal.SIGKILL)
    wait_for(lambda: len(workers_of(server)) == 2 and before[0] not in workers_of(server))
    assert before[1] in workers_of(server)
    assert server.ask("press").status_code == 200
    wait_for(lambda: figure(server, "wellcited_answers_total") == 7)
    wait_for(lambda: abs(figure(server, "process_resident_memory_bytes") / memory - 1) < 0.3)
    assert f"worker {before[0]} ended with -9" in server.told


@slow
def test_the_chat_asks_any_worker_whichever_its_page_came_from(start: Start) -> None:
    server = start(cache_answers=0)
    configs = [httpx2.get(f"{server.url}/config").json() for _ in range(8)]
    assert len({config["app_id"] for config in configs}) == 1
    windows = {one["id"] for config in configs for one in config["components"] if one["type"] == "html"}
    assert len(windows) == 1
    body = {"data": {"question": "press", "history": []}, "component_id": windows.pop(), "fn_name": "ask"}
    with ThreadPoolExecutor(8) as pool:  # at once, so that both have some of them
        told = list(pool.map(lambda _: httpx2.post(f"{server.url}/gradio_api/component_server", json=body), range(16)))
    assert [one.json()["kind"] for one in told] == ["answer"] * 16


@slow
def test_the_rate_of_a_client_is_one_for_all_workers(start: Start) -> None:
    server = start(rate_per_minute=9)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: server.ask("press").status_code, range(20)))
    assert (statuses.count(200), statuses.count(429)) == (9, 11)


@slow
def test_told_to_stop_all_finish_what_is_under_way_and_are_gone(start: Start) -> None:
    server = start()
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(server.ask, "press 1.5") for _ in range(4)]
        time.sleep(0.6)
        pids = workers_of(server)
        code, seconds = server.stop()
        assert [one.result().json()["kind"] for one in asked] == ["answer"] * 4
    assert (code, seconds < 8) == (0, True)
    assert not any(map(lives, pids))
    assert "Traceback" not in server.told


@slow
def test_workers_whose_supervisor_was_killed_end_by_themselves(start: Start) -> None:
    server = start()
    pids = workers_of(server)
    server.process.kill()
    server.process.wait(10)
    wait_for(lambda: not any(map(lives, pids)))


@slow
def test_without_an_index_it_says_so_once_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "wellcited", "serve", "--workers", "2", "--port", "1", "--index", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert found.returncode == 1
    assert found.stderr.count("there is no index here") == 1
    assert found.stderr.count("\n") == 1


def test_what_nobody_counts_is_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates_room, "COUNT_SECONDS", 0.05)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    async def take() -> tuple[float, float]:
        rates = SharedRates(ours)
        rates.listen()
        return await rates.take("192.0.2.1")

    with ours, theirs:
        assert apart(asyncio.run, take()) == (0.0, 0.0)
        assert theirs.recv(512).endswith(b"192.0.2.1")


def test_many_questions_at_once_each_get_their_own_count() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    counting = OwnRates(Settings(rate_per_minute=2, rate_per_minute_global=4))

    async def take() -> list[tuple[float, float]]:
        rates = SharedRates(ours)
        rates.listen()
        asked = [asyncio.create_task(rates.take(client)) for client in "aaabbcc"]
        await asyncio.sleep(0)
        for _ in asked:
            theirs.send(answer(counting, theirs.recv(512)))
        return await asyncio.gather(*asked)

    with ours, theirs:
        found = apart(asyncio.run, take())
    assert [(mine > 0, of_all > 0) for mine, of_all in found] == [
        (False, False), (False, False), (True, False), (False, False), (False, False), (False, True), (False, True),
    ]  # fmt: skip


def test_the_settings_name_no_more_workers_than_make_sense() -> None:
    assert Settings().workers == 1
    with pytest.raises(ValueError, match="workers"):
        Settings(**json.loads('{"workers": 0}'))
