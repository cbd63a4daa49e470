"""What people ask of anything but a guide, and how near a question is to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Built

from wellcited import bundle, elsewhere
from wellcited.assistant import Assistant
from wellcited.elsewhere import FILE, NEAREST, Elsewhere
from wellcited.errors import IndexDamaged
from wellcited.manifest import ModelInfo
from wellcited.settings import Settings


def test_nearness_is_the_mean_of_the_nearest_questions() -> None:
    along = np.zeros((NEAREST + 2, 3), dtype=np.float32)
    along[:, 0] = [0.1, 0.9, 0.8, 0.7, 0.6, 0.5, -1.0]
    assert Elsewhere(along).nearness(np.array([1, 0, 0], dtype=np.float32)) == pytest.approx(0.7)


def test_what_is_saved_is_opened_again(tmp_path: Path) -> None:
    vectors = np.eye(NEAREST, 8, dtype=np.float32)
    Elsewhere(vectors).save(tmp_path)
    assert np.array_equal(Elsewhere.open(tmp_path).vectors, vectors)


@pytest.mark.parametrize("content", [None, b"", b"no numbers", np.zeros((2, 8))])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | np.ndarray | None) -> None:
    if isinstance(content, bytes):
        (tmp_path / FILE).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / FILE, content)
    with pytest.raises(IndexDamaged, match=r"elsewhere\.npy: .*; run: wellcited index"):
        Elsewhere.open(tmp_path)


def test_the_questions_are_many_and_each_stands_once() -> None:
    lines = elsewhere.questions()
    assert len(set(lines)) == len(lines) > 500
    assert all(line == line.strip() != "" for line in lines)


def test_other_questions_are_another_export() -> None:
    info = ModelInfo(name="words", digest="ab", elsewhere="cd")
    assert info.vectors_key != info.model_copy(update={"elsewhere": "ef"}).vectors_key
    assert info.key == info.model_copy(update={"elsewhere": "ef"}).key, "its vectors are the same"


def test_a_bundle_holds_a_vector_of_each_question(tiny: Built) -> None:
    opened = Elsewhere.open(tiny.build.folder / bundle.ENCODER)
    encoder = Assistant.open(tiny.index, Settings()).encoder
    assert opened.vectors.shape == (len(elsewhere.questions()), encoder.dimension)
    chat, guide = encoder.encode(["what was the football score on sunday", "Where does the iliacus attach?"])
    assert opened.nearness(chat) > opened.nearness(guide) + 0.1
