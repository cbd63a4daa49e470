"""The server takes up a new build between two requests, and goes on with the former where it cannot."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import weakref

import pytest
from conftest import KETTLE, write_tiny_corpus
from fastapi.testclient import TestClient

from wellcited import bundle, history
from wellcited.errors import CorpusError
from wellcited.indexing import build_index
from wellcited.settings import Settings
from wellcited.web import live as live_room
from wellcited.web.app import create_app
from wellcited.web.live import Live

from .fakes import FakeAssistant
from .running import apart

QUESTION = "How often should I descale a kettle?"


def rebuild(settings: Settings, often: str) -> str:
    (settings.corpus / "kettle.md").write_text(KETTLE.replace("once a month", often), "utf-8")
    return build_index(settings=settings).build_id


def test_a_new_build_is_taken_up_and_the_former_let_go(kettle: Settings) -> None:
    live = Live.open(kettle)
    encoder = live.current.encoder  # type: ignore[attr-defined]
    before = weakref.ref(live.current)
    assert "once a month" in live.ask(QUESTION).text
    assert not live.look()
    build_id = rebuild(kettle, "every week")
    assert live.look()
    assert live.bundle_id == build_id
    assert "every week" in live.ask(QUESTION).text
    assert "every week" in live.documents["kettle-care"].text
    assert live.problem == ""
    assert before() is None, "the former build stays in memory"
    assert live.current.encoder is encoder, "the same encoder was opened twice"  # type: ignore[attr-defined]
    assert not live.look()


def test_who_holds_the_former_build_is_answered_from_it_to_the_end(kettle: Settings) -> None:
    live = Live.open(kettle)
    held = live.current
    rebuild(kettle, "every week")
    assert live.look()
    answer = held.ask(QUESTION)
    assert "once a month" in answer.text
    assert answer.receipt.bundle_id == held.bundle_id != live.bundle_id
    for citation in (*answer.citations, *answer.further):
        assert held.documents[citation.document_id].text[citation.start : citation.end] == citation.quote


def test_a_build_that_cannot_be_opened_leaves_the_former_answering_until_it_is_mended(
    kettle: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live.open(kettle)
    build_id = rebuild(kettle, "every week")
    path = kettle.index / bundle.BUILDS / build_id / bundle.PASSAGES
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with caplog.at_level(logging.WARNING):
        assert not any(live.look() for _ in range(3))
    assert "once a month" in live.ask(QUESTION).text
    assert "passages.jsonl: has changed since it was built" in live.problem
    assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
    build_index(settings=kettle)  # finds the damage, and builds it anew
    assert live.look()
    assert live.problem == ""
    assert "every week" in live.ask(QUESTION).text


def test_a_rebuild_that_failed_is_told_until_one_succeeds(kettle: Settings) -> None:
    live = Live.open(kettle)
    for path in kettle.corpus.iterdir():
        path.unlink()
    with pytest.raises(CorpusError):
        build_index(settings=kettle)
    assert not live.look()
    assert "the index could not be brought up to date" in live.problem
    assert "no guide in this folder" in live.problem
    write_tiny_corpus(kettle.corpus)
    build_index(settings=kettle)
    live.look()
    assert live.problem == ""


def test_a_rollback_is_taken_up_too(kettle: Settings) -> None:
    live = Live.open(kettle)
    first = live.bundle_id
    rebuild(kettle, "every week")
    live.look()
    history.rollback(kettle.index, first)
    assert live.look()
    assert live.bundle_id == first
    assert "once a month" in live.ask(QUESTION).text


def test_an_index_that_vanishes_is_told_and_the_answers_go_on(kettle: Settings) -> None:
    live = Live.open(kettle)
    shutil.rmtree(kettle.index)
    assert not live.look()
    assert "there is no index here" in live.problem
    assert "once a month" in live.ask(QUESTION).text


def test_following_takes_up_a_build_within_two_seconds_and_survives_a_fault(
    kettle: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live.open(kettle)
    look, faults = live.look, iter([RuntimeError("a fault")])

    def faulty() -> bool:
        for fault in faults:
            raise fault
        return look()

    monkeypatch.setattr(live, "look", faulty)

    async def follow() -> bool:
        following = asyncio.create_task(live.follow())
        await asyncio.sleep(3 * live_room.POLL_SECONDS)  # the fault is over
        bundle.make_current(kettle.index, build_id)
        for _ in range(40):
            await asyncio.sleep(0.05)
            if live.bundle_id == build_id:
                break
        following.cancel()
        return live.bundle_id == build_id

    before = live.bundle_id
    build_id = rebuild(kettle, "every week")
    bundle.make_current(kettle.index, before)
    assert apart(asyncio.run, follow())


def test_the_server_shows_the_new_guide_in_answers_pages_and_chat_without_a_restart(kettle: Settings) -> None:
    live = Live.open(kettle)
    with TestClient(create_app(live, kettle)) as client:
        assert "Descale" in client.get("/guide/kettle-care").text
        (kettle.corpus / "bicycle.txt").unlink()
        title = KETTLE.replace("title: Caring for a kettle", "title: Kettles for everyone").replace(
            "once a month", "daily"
        )
        (kettle.corpus / "kettle.md").write_text(title, "utf-8")
        build_id = build_index(settings=kettle).build_id
        for _ in range(100):
            ready = client.get("/readyz").json()
            if ready.get("bundle_id") == build_id:
                break
            time.sleep(0.05)
        assert ready == {"status": "ready", "bundle_id": build_id}
        answer = client.post("/api/ask", json={"question": QUESTION}).json()
        assert "daily" in answer["text"]
        assert answer["receipt"]["bundle_id"] == build_id
        assert "daily" in client.get("/guide/kettle-care").text
        assert client.get("/guide/bicycle").status_code == 404
        page = client.get("/").text
        assert "<title>Kettles for everyone</title>" in page
        assert "<span>Kettles for everyone</span>" in page
        turn = {"question": QUESTION, "history": []}
        for path in kettle.corpus.iterdir():
            path.unlink()
        with pytest.raises(CorpusError):
            build_index(settings=kettle)
        for _ in range(100):
            ready = client.get("/readyz").json()
            if "problem" in ready:
                break
            time.sleep(0.05)
        assert ready["status"] == "ready"
        assert "no guide in this folder" in ready["problem"]
        assert client.post("/api/ask", json=turn).status_code == 200


def test_an_assistant_of_its_own_is_never_swapped() -> None:
    fake = FakeAssistant()
    live = Live(fake)
    assert not live.look()
    apart(asyncio.run, asyncio.wait_for(live.follow(), 1))
    assert live.current is fake
    assert live.ask("How long?") == fake.ask("How long?")
