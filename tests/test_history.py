"""The builds an index keeps: listed, gone back to, bounded; and one writer at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from conftest import Built, WordEncoder

import wellcited
from wellcited import bundle, history
from wellcited.errors import IndexDamaged, IndexMissing
from wellcited.indexing import build_index
from wellcited.settings import Settings


def build_next(built: Built, number: int, keep: int = 3) -> str:
    """Change the corpus and build it; builds are a second apart."""
    for folder in (built.index / "builds").iterdir():
        manifest = folder / bundle.MANIFEST
        os.utime(manifest, (manifest.stat().st_mtime - 1, manifest.stat().st_mtime - 1))
    (built.corpus / "bicycle.txt").write_text(f"Bicycles\nA bicycle has {number} wheels.\n", "utf-8")
    return build_index(built.corpus, built.index, Settings(model="words", keep_builds=keep)).build_id


@pytest.fixture
def three(built: Built) -> list[str]:
    """The ids of three builds, the oldest first; the last is live."""
    return [built.report.build_id, build_next(built, 2), build_next(built, 3)]


def test_the_builds_are_listed_with_the_newest_first_and_what_is_live(built: Built, three: list[str]) -> None:
    entries = history.builds(built.index)
    assert [entry.id for entry in entries] == three[::-1]
    assert [entry.live for entry in entries] == [True, False, False]
    assert all(entry.documents == 2 and entry.model == "words" and not entry.problem for entry in entries)
    assert entries[0].built > entries[1].built > entries[2].built


def test_only_so_many_builds_are_kept_as_the_settings_say(built: Built, three: list[str]) -> None:
    fourth = build_next(built, 4)
    assert [entry.id for entry in history.builds(built.index)] == [fourth, three[2], three[1]]
    fifth = build_next(built, 5, keep=1)
    assert [path.name for path in (built.index / "builds").iterdir()] == [fifth]


def test_a_rollback_goes_one_build_back_at_a_time_and_any_build_can_be_named(built: Built, three: list[str]) -> None:
    assert history.rollback(built.index).manifest.id == three[1] == bundle.current_id(built.index)
    assert history.rollback(built.index).manifest.id == three[0] == bundle.current_id(built.index)
    with pytest.raises(IndexMissing, match=rf"does not keep an earlier build; it keeps: {', '.join(three[::-1])}"):
        history.rollback(built.index)
    assert history.rollback(built.index, three[2][:6]).manifest.id == three[2] == bundle.current_id(built.index)


@pytest.mark.parametrize("name", ["zz", "", "../x"])
def test_a_build_that_is_not_kept_is_told_with_those_that_are(built: Built, three: list[str], name: str) -> None:
    with pytest.raises(IndexMissing, match=f"one build whose id begins with '{name}'; it keeps: {three[2]}"):
        history.rollback(built.index, name)
    assert bundle.current_id(built.index) == three[2]


def test_a_damaged_build_is_listed_as_such_and_never_made_live(built: Built, three: list[str]) -> None:
    path = built.index / "builds" / three[1] / bundle.PASSAGES
    path.write_bytes(path.read_bytes()[:-1])
    assert not any(entry.problem for entry in history.builds(built.index))
    problems = [entry.problem for entry in history.builds(built.index, verify=True)]
    assert [bool(problem) for problem in problems] == [False, True, False]
    assert "passages.jsonl: has changed" in problems[1]
    with pytest.raises(IndexDamaged, match=r"passages\.jsonl: has changed"):
        history.rollback(built.index)
    assert bundle.current_id(built.index) == three[2]


def test_a_damaged_current_hides_no_build_and_a_rollback_mends_it(built: Built, three: list[str]) -> None:
    (built.index / bundle.CURRENT).write_bytes(b"\xff\xfe")
    assert [(entry.id, entry.live) for entry in history.builds(built.index, verify=True)] == [
        (build_id, False) for build_id in three[::-1]
    ]
    assert history.rollback(built.index).manifest.id == three[2] == bundle.current_id(built.index)


def test_where_no_index_is_there_are_no_builds(tmp_path: Path) -> None:
    assert history.builds(tmp_path / "index") == []
    assert history.same_model(tmp_path / "index", "key") is None
    assert history.last_failure(tmp_path) is None


def test_a_build_of_the_same_model_is_the_live_one_or_else_a_whole_one(built: Built, three: list[str]) -> None:
    key = built.build.manifest.model.vectors_key

    def found() -> str | None:
        build = history.same_model(built.index, key)
        return build and build.manifest.id

    assert found() == three[2]
    bundle.make_current(built.index, three[0])
    assert found() == three[0]
    (built.index / "builds" / three[0] / bundle.DENSE).write_bytes(b"")
    assert found() == three[2]
    assert history.same_model(built.index, "another") is None


HOLDING = """
    import sys, time
    from pathlib import Path
    from wellcited import history
    with history.exclusive(Path(sys.argv[1])):
        print("held", flush=True)
        time.sleep(60)
"""


def holder(index: Path) -> subprocess.Popen[str]:
    """Another process that holds the index."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLDING), str(index)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_build_waits_for_the_first_says_so_and_reads_the_corpus_as_it_is_then(
    built: Built, words_model: type[WordEncoder]
) -> None:
    (built.corpus / "bicycle.txt").write_text("Bicycles\nA bicycle has two wheels.\n", "utf-8")
    other = holder(built.index)
    told: list[str] = []

    def tell(stage: str, done: int, total: int) -> None:
        told.append(stage)
        if stage.startswith("waiting"):
            (built.corpus / "bicycle.txt").write_text("Bicycles\nA bicycle has four wheels.\n", "utf-8")
            other.send_signal(signal.SIGKILL)  # the lock must die with its process

    started = time.monotonic()
    build_index(built.corpus, built.index, Settings(model="words"), tell)
    other.wait()
    assert "waiting for another build" in told
    assert time.monotonic() - started < 30
    assert any("four wheels" in passage.text for passage in built.build.passages())


def test_an_index_that_is_up_to_date_needs_no_lock(built: Built) -> None:
    other = holder(built.index)
    try:
        assert build_index(built.corpus, built.index, Settings(model="words")).reused
    finally:
        other.kill()
        other.wait()
