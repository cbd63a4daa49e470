"""The process that serves: it stops without losing an answer, and no connection holds it for long."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from .running import Served, rss, starting

pytestmark = pytest.mark.slow
CANARY = "xylophonequark"


Start = Callable[..., Served]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    def start_one(**settings: Any) -> Served:
        servers.append(Served({"rate_per_minute": 0, **settings}, tmp_path))
        return servers[-1]

    with starting() as servers:
        yield start_one


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_finishes_what_is_under_way_and_exits_with_0(start: Start, number: int) -> None:
    server = start()
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(server.ask, "press 2.5") for _ in range(3)]
        server.wait_for(answering=3)
        code, seconds = server.stop(number)
        assert [one.result().json()["kind"] for one in asked] == ["answer"] * 3
    assert code == 0
    assert 0.3 < seconds < 8
    with pytest.raises(httpx2.TransportError):
        server.ask("press")
    assert "Traceback" not in server.told


def test_nothing_holds_it_up_for_longer_than_its_time_to_stop(start: Start) -> None:
    server = start(stop_seconds=1)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.ask, "press 25")
        server.wait_for(answering=1)
        code, seconds = server.stop()
        answer = asked.result()
    assert answer.status_code == 503
    assert answer.json()["detail"].endswith("If this is an emergency, call 112, 911 or 999.")
    assert code == 0
    assert seconds < 8


def test_an_open_window_and_an_idle_or_a_slow_connection_do_not_hold_it_up(start: Start) -> None:
    server = start(stop_seconds=20)
    idle, slow, window = server.connect(), server.connect(), server.connect()
    slow.sendall(b"POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-")
    window.sendall(b"GET /gradio_api/heartbeat/abcdefgh HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in window.recv(1000)
    time.sleep(0.3)
    code, seconds = server.stop()
    assert (code, seconds < 6) == (0, True)
    for connection in (idle, slow, window):
        connection.close()


def drained(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    found = b""
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return found
        if not piece:
            return found
        found += piece


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    ],
    ids=["nothing", "headers", "body", "the second request"],
)
def test_a_connection_that_takes_too_long_to_ask_is_closed(start: Start, sent: bytes) -> None:
    server = start(request_seconds=1)
    connection = server.connect()
    begun = time.monotonic()
    connection.sendall(sent)
    while time.monotonic() - begun < 15:
        try:
            connection.sendall(b"x" if sent else b"")  # a byte now and then is no progress
            time.sleep(0.2)
            connection.setblocking(False)
            try:
                if connection.recv(65536) == b"":
                    break
            except BlockingIOError:
                pass
            finally:
                connection.setblocking(True)
        except (ConnectionResetError, BrokenPipeError):
            break
    waited = time.monotonic() - begun
    # what was said about the first of two requests is read above; after it an idle connection has its own time
    assert waited < 4
    assert server.ask("press").status_code == 200


def test_a_slow_answer_is_no_slow_request(start: Start) -> None:
    server = start(request_seconds=1)
    assert server.ask("press 2.5").status_code == 200


def test_connections_beyond_the_limit_are_refused_with_the_numbers_to_call(start: Start) -> None:
    server = start(max_connections=10, request_seconds=3)
    held = [server.connect() for _ in range(10)]
    time.sleep(0.2)
    refused = drained(server.connect())
    head, _, body = refused.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: " in head
    assert json.loads(body)["detail"].endswith("If this is an emergency, call 112, 911 or 999.")
    for connection in held:
        assert drained(connection) == b""  # they never asked, and were closed
    assert server.ask("press").status_code == 200


def test_one_client_may_not_open_all_connections_and_a_proxy_may(start: Start) -> None:
    server = start(max_connections=40, max_connections_per_client=10, request_seconds=3)
    held = [server.connect() for _ in range(10)]
    time.sleep(0.2)
    assert drained(server.connect()).startswith(b"HTTP/1.1 503 ")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20, source_address=("127.0.0.2", 0)) as another:
        another.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert another.recv(100).startswith(b"HTTP/1.1 200 ")
    held.pop().close()
    time.sleep(0.2)
    assert server.ask("press").status_code == 200  # a connection that is closed makes room
    for connection in held:
        connection.close()
    server.stop()
    proxied = start(max_connections=40, max_connections_per_client=10, trusted_proxies=1)
    held = [proxied.connect() for _ in range(20)]
    assert proxied.ask("press").status_code == 200
    for connection in held:
        connection.close()


def test_thousands_of_idle_connections_are_held_within_bounds(start: Start) -> None:
    server = start(max_connections=100, max_connections_per_client=0, request_seconds=2)
    memory = rss(server.process.pid)
    held = []
    for _ in range(800):
        try:
            held.append(socket.create_connection(("127.0.0.1", server.port), timeout=5))
        except OSError:
            break
        if len(held) == 400:
            for connection in held:
                connection.close()
            held.clear()
    assert rss(server.process.pid) - memory < 40_000
    for connection in held:
        connection.close()
    begun = time.monotonic()
    while server.ask("press").status_code != 200:
        assert time.monotonic() - begun < 10
        time.sleep(0.1)


def test_huge_headers_and_garbage_are_refused_and_nothing_else_suffers(start: Start) -> None:
    server = start()
    for sent in (
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"".join(b"X-%d: y\r\n" % number for number in range(20_000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    ):
        connection = server.connect()
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            found = drained(connection)
        except (ConnectionResetError, BrokenPipeError):
            found = b""
        assert found == b"" or found.startswith(b"HTTP/1.1 4")
    assert server.ask("press").status_code == 200


def test_a_readers_words_are_in_nothing_that_the_process_writes(start: Start) -> None:
    server = start(log_level="debug")
    server.ask(f"press {CANARY}")
    server.ask(f"explode {CANARY}")
    httpx2.post(f"{server.url}/api/ask", content=f'{{"question": "{CANARY}')
    connection = server.connect()
    connection.sendall(f"POST /{CANARY} HTTP/1.1\r\n{CANARY}\r\n\r\n".encode())
    drained(connection)
    server.stop()
    told = server.told
    assert CANARY not in told
    lines = [json.loads(line) for line in told.splitlines() if not line.startswith("wellcited: http://")]
    assert {line["status"] for line in lines if line["event"] == "request"} >= {200, 500, 415}
    assert "RuntimeError" in told
