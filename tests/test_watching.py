"""Saves in the corpus make a rebuild due: one for each burst of saves, none for what editors leave beside a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wellcited.errors import CorpusError
from wellcited.watching import changes


class Watched:
    """Counts the rebuilds that are due, in a thread."""

    def __init__(self, folder: Path) -> None:
        self.due = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(folder,))
        self.thread.start()
        time.sleep(0.5)  # until the operating system watches

    def _run(self, folder: Path) -> None:
        for _ in changes(folder, self.stop):
            self.due += 1

    def settles_at(self, count: int) -> bool:
        """Whether `count` rebuilds become due, and no more."""
        for _ in range(60):
            if self.due >= count:
                break
            time.sleep(0.1)
        time.sleep(1)
        return self.due == count


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path)
    yield found
    found.stop.set()
    found.thread.join(10)


def test_a_burst_of_saves_is_one_rebuild_and_the_next_save_another(watched: Watched, tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / "guide.md").write_text(f"# Guide {number}\n", "utf-8")
        time.sleep(0.02)
    assert watched.settles_at(1)
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "other.md").write_text("# Other\n", "utf-8")
    assert watched.settles_at(2)
    (tmp_path / "guide.md").unlink()
    assert watched.settles_at(3)


def test_hidden_files_and_those_of_editors_do_not_count_but_the_ignore_file_does(
    watched: Watched, tmp_path: Path
) -> None:
    for name in (".guide.md.swp", "guide.md~", ".#guide.md", ".DS_Store", ".hidden"):
        (tmp_path / name).write_text("x", "utf-8")
    assert watched.settles_at(0)
    (tmp_path / ".wellcitedignore").write_text("drafts/\n", "utf-8")
    assert watched.settles_at(1)


def test_a_corpus_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: no such corpus folder"):
        next(changes(tmp_path / "nowhere"))
