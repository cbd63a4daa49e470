"""How much is taken on: questions a minute, questions at once, and what a refused reader is told."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from wellcited.datatypes import Answer
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.limits import MovingWindow, client_of

from .fakes import FakeAssistant
from .running import served

ASKED = {"question": "How long do I press?"}
CALL = "If this is an emergency, call 112, 911 or 999."


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_has_room_again_when_its_oldest_event_has_left() -> None:
    clock = Clock()
    window = MovingWindow(2, 60, clock)
    assert window.wait("a") == 0
    window.add("a")
    clock.now += 10
    window.add("a")
    assert window.wait("a") == 50
    assert window.wait("b") == 0
    clock.now += 49.9
    assert window.wait("a") == pytest.approx(0.1)
    clock.now += 0.1
    assert window.wait("a") == 0
    window.add("a")
    assert window.wait("a") == 10


@given(st.lists(st.floats(min_value=0, max_value=40), max_size=60), st.integers(min_value=1, max_value=5))
def test_no_window_ever_holds_more_than_its_limit(pauses: list[float], limit: int) -> None:
    clock = Clock()
    window = MovingWindow(limit, 60, clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        room = sum(at > clock.now - 60 for at in let_in) < limit
        assert (window.wait("k") == 0) is room
        if room:
            window.add("k")
            let_in.append(clock.now)


def test_clients_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    window = MovingWindow(5, 60, clock)
    for number in range(1000):
        window.add(f"client {number}")
    assert len(window) == 1000
    clock.now += 61
    window.add("another")
    assert len(window) == 1
    monkeypatch.setattr("wellcited.web.limits.CLIENTS", 10)
    for number in range(1000):
        window.add(f"client {number}")
    assert len(window) == 10


def test_a_window_without_a_limit_holds_nothing() -> None:
    window = MovingWindow(0)
    for _ in range(1000):
        window.add("a")
    assert (len(window), window.wait("a")) == (0, 0)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("192.0.2.1", [], 0, "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9"], 0, "192.0.2.1"),  # nobody is believed unasked
        ("10.0.0.1", ["203.0.113.9"], 1, "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], 1, "203.0.113.9"),  # the first was written by the client
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9"], 1, "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9, 10.0.0.2"], 2, "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9"], 2, "10.0.0.1"),
        ("10.0.0.1", [], 1, "10.0.0.1"),
        ("10.0.0.1", ["nonsense"], 1, "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9:4711"], 1, "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:eeee::2", [], 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", [], 0, "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", [], 0, "192.0.2.1"),
        ("fe80::1%eth0", [], 0, "fe80::/64"),
        ("testclient", [], 0, "testclient"),
    ],
)
def test_a_client_is_an_address_or_a_64_as_the_trusted_proxies_tell_it(
    peer: str, forwarded: list[str], proxies: int, client: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    assert client_of({"type": "http", "client": (peer, 1), "headers": headers}, proxies) == client


@given(st.text(max_size=60), st.integers(min_value=0, max_value=3))
def test_no_header_makes_the_address_of_a_client_a_fault(header: str, proxies: int) -> None:
    headers = [(b"x-forwarded-for", header.encode("utf-8", "replace"))]
    assert client_of({"type": "http", "client": ("192.0.2.1", 1), "headers": headers}, proxies)


def serve(assistant: Any = None, **settings: Any) -> TestClient:
    return TestClient(create_app(assistant or FakeAssistant(), Settings(**settings)), raise_server_exceptions=False)


def window_asks(client: TestClient, question: str = "How long do I press?") -> Any:
    component = next(entry for entry in client.get("/config").json()["components"] if entry["type"] == "html")
    return client.post(
        "/gradio_api/component_server",
        json={
            "data": {"question": question, "history": []},
            "component_id": component["id"], "fn_name": "ask", "session_hash": "s",
        },
    )  # fmt: skip


def test_too_many_questions_of_one_client_are_refused_unread_with_the_numbers_to_call() -> None:
    assistant = FakeAssistant()
    client = serve(assistant, rate_per_minute=3, cache_answers=0)
    assert [client.post("/api/ask", json=ASKED).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert len(assistant.asked) == 3
    refused = client.post("/api/ask", json={"question": "I lost control of my bladder"})
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["detail"].endswith(CALL)
    assert "was not read" in refused.json()["detail"]
    assert client.get("/guide").status_code == 200  # reading is no question


def test_clients_have_a_rate_each_and_all_have_one_together() -> None:
    client = serve(trusted_proxies=1, rate_per_minute=2, rate_per_minute_global=5)

    def asks(address: str) -> int:
        return client.post("/api/ask", json=ASKED, headers={"x-forwarded-for": address}).status_code

    assert [asks("192.0.2.1") for _ in range(3)] == [200, 200, 429]
    assert [asks(f"2001:db8:1:2::{number}") for number in range(1, 4)] == [200, 200, 429]
    assert [asks("192.0.2.3"), asks("192.0.2.4")] == [200, 429]


def test_what_is_refused_takes_no_room_from_others() -> None:
    client = serve(trusted_proxies=1, rate_per_minute=1, rate_per_minute_global=2)
    for _ in range(20):
        client.post("/api/ask", json=ASKED, headers={"x-forwarded-for": "192.0.2.1"})
    assert client.post("/api/ask", json=ASKED, headers={"x-forwarded-for": "192.0.2.2"}).status_code == 200


def test_the_chat_window_counts_too_and_tells_it_as_a_line_to_read() -> None:
    client = serve(rate_per_minute=2)
    assert window_asks(client).json()["kind"] == "answer"
    assert client.post("/api/ask", json=ASKED).status_code == 200
    refused = window_asks(client)
    assert (refused.status_code, refused.json()["kind"]) == (200, "problem")
    assert "too many questions" in refused.json()["html"]
    assert CALL in refused.json()["html"]
    assert "retry-after" in refused.headers
    assert client.post("/api/ask", json=ASKED).status_code == 429


@pytest.mark.browser
def test_a_reader_of_the_window_sees_when_to_ask_again_and_whom_to_call(browser: Browser) -> None:
    with served(Settings(rate_per_minute=1)) as url:
        page = browser.new_page(viewport={"width": 400, "height": 800})
        page.goto(url)
        page.wait_for_selector("gradio-app .wc")
        for question in ("How long do I press?", "Why does sitting matter?"):
            page.fill("#wc-question", question)
            page.keyboard.press("Enter")
            page.wait_for_function(
                "document.querySelectorAll('.reply').length > 0 && !document.querySelector('.status').textContent"
            )
        page.wait_for_selector(".reply.problem")
        told = page.inner_text(".reply.problem")
        assert "too many questions" in told
        assert re.search(r"ask again in \d+ seconds?", told)
        assert CALL in told
        assert page.input_value("#wc-question") == "Why does sitting matter?"  # it need not be typed again
        page.close()


def test_without_limits_nothing_is_refused() -> None:
    client = serve(rate_per_minute=0, rate_per_minute_global=0)
    assert {client.post("/api/ask", json=ASKED).status_code for _ in range(100)} == {200}


def test_emergency_numbers_are_those_of_the_settings() -> None:
    client = serve(rate_per_minute=1, emergency_numbers=("144",))
    client.post("/api/ask", json=ASKED)
    assert client.post("/api/ask", json=ASKED).json()["detail"].endswith("If this is an emergency, call 144.")
    nameless = serve(rate_per_minute=1, emergency_numbers=())
    nameless.post("/api/ask", json=ASKED)
    told = nameless.post("/api/ask", json=ASKED).json()["detail"]
    assert told.endswith("If this is an emergency, call your local emergency number.")


class Held(FakeAssistant):
    """Answers only once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def ask(self, question: str, history: Any = ()) -> Answer:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            assert self.may_answer.wait(20)
            return super().ask(question, history)
        finally:
            with self._lock:
                self.at_once -= 1


@pytest.fixture
def held() -> Iterator[Held]:
    assistant = Held()
    yield assistant
    assistant.may_answer.set()


def until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")


def figure(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} ")))


def test_so_many_are_answered_at_once_so_many_wait_and_the_rest_is_refused_in_a_moment(held: Held) -> None:
    app = create_app(held, Settings(answer_threads=2, answer_queue=3, rate_per_minute=0, metrics="on"))
    with TestClient(app) as client, ThreadPoolExecutor(10) as pool:
        until(lambda: held.at_once == 1)  # the warm-up, which stands outside of the queue
        asked = [pool.submit(client.post, "/api/ask", json=ASKED) for _ in range(5)]
        until(lambda: (figure(client, "wellcited_answering"), figure(client, "wellcited_waiting")) == (2, 3))
        begun = time.perf_counter()
        refused = client.post("/api/ask", json=ASKED)
        assert time.perf_counter() - begun < 1
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["detail"].endswith(CALL)
        assert window_asks(client).json()["kind"] == "problem"
        assert client.get("/guide").status_code == 200
        assert client.get("/healthz").status_code == 200
        held.may_answer.set()
        assert [one.result().status_code for one in asked] == [200] * 5
        assert held.most_at_once <= 3  # the warm-up is one
        assert (figure(client, "wellcited_answering"), figure(client, "wellcited_waiting")) == (0, 0)
        assert client.post("/api/ask", json=ASKED).status_code == 200


def test_nobody_waits_longer_than_the_patience(held: Held) -> None:
    app = create_app(held, Settings(answer_threads=1, answer_queue=9, answer_patience=0.2, rate_per_minute=0))
    with TestClient(app) as client, ThreadPoolExecutor(10) as pool:
        until(lambda: held.at_once == 1)
        first = pool.submit(client.post, "/api/ask", json=ASKED)
        until(lambda: held.at_once == 2)
        begun = time.perf_counter()
        waited = client.post("/api/ask", json=ASKED)
        assert waited.status_code == 503
        assert 0.1 < time.perf_counter() - begun < 3
        held.may_answer.set()
        assert first.result().status_code == 200  # patience is for the queue: an answer may take its time


def test_a_fault_gives_its_place_back() -> None:
    client = serve(answer_threads=1, answer_queue=0, rate_per_minute=0)
    for _ in range(5):
        assert client.post("/api/ask", json={"question": "explode"}).status_code == 500
        assert client.post("/api/ask", json={}).status_code == 422
    assert client.post("/api/ask", json=ASKED).status_code == 200
