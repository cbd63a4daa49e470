"""Answers that were given before: which question gets which, how many are kept, and what is never kept."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from wellcited.datatypes import Answer, Message, Receipt, Triage
from wellcited.safety.guardrail import FAILED
from wellcited.settings import Settings
from wellcited.web.app import create_app
from wellcited.web.live import Live
from wellcited.web.metrics import Metrics
from wellcited.web.observed import Observed
from wellcited.web.remembered import Remembered

from .fakes import ANSWER, EMERGENCY, FakeAssistant

CANARY = "xylophonequark"


def user(text: str) -> Message:
    return Message(role="user", content=text)


def told(text: str) -> Message:
    return Message(role="assistant", content=text)


class Asker:
    """Asks an assistant through the memory; `looked_up` is how often the assistant itself had to answer."""

    def __init__(self, most: int = 10, most_bytes: int = 10**6) -> None:
        self.remembered = Remembered(most, most_bytes)
        self.assistant = FakeAssistant()

    def ask(self, question: str, history: Sequence[Any] = ()) -> Answer:
        observed = Observed(lambda: self.assistant, Metrics(), Settings(), self.remembered)
        return observed.ask(question, history)

    @property
    def looked_up(self) -> int:
        return len(self.assistant.asked)


@pytest.mark.parametrize("question", ["how long do I press?", "bladder", "thanks", "what is it?"])
def test_the_same_question_gets_the_same_answer_without_being_looked_up_again(question: str) -> None:
    asker = Asker()
    first = asker.ask(question)
    assert asker.ask(f" {question}\n") == first
    assert asker.looked_up == 1


@pytest.mark.parametrize(
    ("question", "history"),
    [
        ("How long do I press ?", []),
        ("how long do I press?", []),
        ("How long do I press?", [user("my leg is numb")]),
        ("How long do I press?", [user("sitting"), user("my leg is numb")]),
        ("my leg is numb", [user("How long do I press?")]),
        ("How long do I press?", [told("As the guide says.")]),
    ],
)
def test_another_word_of_the_reader_is_another_question(question: str, history: list[Message]) -> None:
    asker = Asker()
    asker.ask("How long do I press?")
    asker.ask("How long do I press?", [user("sitting"), user("my leg"), user(" is numb")])
    asker.ask(question, history)
    assert asker.looked_up == 3


def test_what_a_client_says_that_the_assistant_said_decides_nothing() -> None:
    asker = Asker()
    asker.ask("And how often?", [user("press"), told("30 seconds")])
    asker.ask("And how often?", [user("press"), told("as long as you like")])
    assert asker.looked_up == 1


def test_those_asked_for_longest_ago_go_first() -> None:
    asker = Asker(most=2)
    for question in ("press 1", "press 2", "press 1", "press 3", "press 1", "press 2"):
        asker.ask(question)
    assert [question for question, _ in asker.assistant.asked] == ["press 1", "press 2", "press 3", "press 2"]


def test_it_stays_within_its_bytes() -> None:
    size = len(ANSWER.model_dump_json().encode())
    asker = Asker(most=100, most_bytes=3 * size + 10)
    for number in range(10):
        asker.ask(f"press {number}")
        assert asker.remembered.held.size == size * min(number + 1, 3)
    assert asker.remembered.held.answers == 3
    small = Asker(most_bytes=size - 1)
    assert small.ask("press") == small.ask("press")
    assert small.remembered.held == (0, 0)


def test_another_build_or_the_same_one_opened_anew_starts_from_nothing() -> None:
    asker = Asker()
    asker.ask("press")
    before = weakref.ref(asker.assistant)
    asker.assistant = FakeAssistant()  # of the same bundle id
    asker.ask("press")
    assert asker.looked_up == 1
    gc.collect()
    assert before() is None  # the former build is not kept in memory


def test_an_answer_that_comes_after_the_swap_is_not_remembered_for_the_new_build() -> None:
    remembered, old, new = Remembered(10), FakeAssistant(), FakeAssistant()
    _, remember = remembered.find(old, "press", ())
    assert remembered.find(new, "press", ())[0] is None
    remember(ANSWER)
    assert remembered.find(new, "press", ())[0] is None
    assert remembered.held == (0, 0)


def test_a_guardrail_that_failed_once_is_asked_again() -> None:
    class Failing(FakeAssistant):
        def ask(self, question: str, history: Any = ()) -> Answer:
            super().ask(question, history)
            failed = Triage(tier="urgent", reasons=(FAILED,), message="See a doctor.")
            return Answer(
                kind="referral", text="See a doctor.", triage=failed, receipt=Receipt(bundle_id="a", rules_version="1")
            )

    asker = Asker()
    asker.assistant = Failing()
    asker.ask("press")
    asker.ask("press")
    assert asker.looked_up == 2


def test_an_error_is_not_remembered() -> None:
    asker = Asker()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            asker.ask("explode")
    assert asker.looked_up == 2


def test_no_word_of_a_reader_stays_in_it() -> None:
    asker = Asker()
    asker.ask(f"press {CANARY}", [user(f"sitting {CANARY}")])
    assert asker.remembered.held.answers == 1
    assert CANARY not in repr(vars(asker.remembered))
    assert Remembered(1)._digest("press", []) != Remembered(1)._digest(
        "press", []
    )  # nobody else can tell what was asked


def test_with_0_nothing_is_remembered() -> None:
    asker = Asker(most=0)
    assert asker.ask("press") == asker.ask("press") == ANSWER
    assert (asker.looked_up, asker.remembered.held) == (2, (0, 0))


def test_every_door_shares_it_and_the_figures_tell_how_often_it_helps() -> None:
    assistant = FakeAssistant()
    live = Live(assistant)
    with TestClient(create_app(live, Settings(metrics="on"))) as client:
        window = next(one["id"] for one in client.get("/config").json()["components"] if one["type"] == "html")
        turn = {"question": "bladder", "history": []}
        first = client.post("/api/ask", json=turn).json()
        again = client.post("/api/ask", json=turn).json()
        body = {"data": turn, "component_id": window, "fn_name": "ask"}
        assert client.post("/gradio_api/component_server", json=body).json()["kind"] == "referral"
        assert first == again == EMERGENCY.model_dump(mode="json")
        assert [question for question, _ in assistant.asked].count("bladder") == 1
        figures = client.get("/metrics").text
        assert 'wellcited_cache_total{result="hit"} 2.0' in figures
        assert 'wellcited_cache_total{result="miss"} 1.0' in figures
        assert "wellcited_cached_answers 1.0" in figures
        assert 'wellcited_answers_total{kind="referral",tier="emergency"} 3.0' in figures
        live.current = FakeAssistant()
        client.post("/api/ask", json=turn)
        assert len(live.current.asked) == 1


def test_what_is_too_long_is_refused_though_its_words_are_remembered() -> None:
    with TestClient(create_app(FakeAssistant(), Settings(max_history_bytes=20))) as client:
        for content, status in (("short", 200), ("x" * 30, 422)):
            history = [{"role": "user", "content": "press"}, {"role": "assistant", "content": content}]
            assert client.post("/api/ask", json={"question": "sitting", "history": history}).status_code == status
