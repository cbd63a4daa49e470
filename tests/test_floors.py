"""The quality of answers on questions that nobody tuned on, held by floors; docs/answers.md has the figures.

A floor stands a little below what was measured, so that noise passes and a loss does not.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import PROJECT, Built, assistant_of

from wellcited import bundle
from wellcited.evaluation.questions import load_questions
from wellcited.evaluation.runner import run_questions
from wellcited.evaluation.scoring import Judged, Scores, score
from wellcited.indexing import build_index
from wellcited.settings import Settings

CORPORA = PROJECT / "benchmarks" / "corpora"
NEW_GUIDES = ("bike-fit", "bread-oven", "sleep", "tenancy")

pytestmark = pytest.mark.slow


def judged(name: str, guides: Sequence[Path], tiny: Built, folder: Path) -> Sequence[Judged]:
    """The questions on a guide that judge, asked of an index that knows the guide alone."""
    corpus, index = folder / "corpus", folder / "index"
    corpus.mkdir()
    for guide in guides:
        shutil.copy(guide, corpus)
    shutil.copytree(tiny.index, index)  # takes over the exported encoder
    build_index(corpus, index, Settings())
    assistant = assistant_of(bundle.open_build(index))
    files = [CORPORA / name / f"questions.{part}.jsonl" for part in ("held", "newcomers")]
    return [result for file in files for result in run_questions(assistant, load_questions(file)).results]


def assert_above(scores: Scores, **floors: float) -> None:
    for name, floor in floors.items():
        found = scores[name].value
        assert found is not None
        assert found >= floor, (name, found)


def assert_below(scores: Scores, **ceilings: float) -> None:
    for name, ceiling in ceilings.items():
        found = scores[name].value
        assert found is not None
        assert found <= ceiling, (name, found)


def test_new_guides_are_answered_and_silence_is_told(tiny: Built, tmp_path: Path) -> None:
    results: list[Judged] = []
    for name in NEW_GUIDES:
        (tmp_path / name).mkdir()
        results.extend(judged(name, list((CORPORA / name).glob("guide.*")), tiny, tmp_path / name))
    scores = score(results)
    assert_above(scores.kinds["single"], shown_300=0.70, shown_600=0.75, shown_1200=0.78)
    assert_above(scores.kinds["followup"], shown_300=0.75, shown_600=0.78)
    assert_above(scores.kinds["unanswerable"], declined=0.50)
    assert_above(scores.kinds["offtopic"], declined=0.90)
    assert_above(scores.kinds["smalltalk"], smalltalk_handled=0.7)
    assert_below(scores.overall, false_not_covered=0.05, answer_chars_median=400)


def test_our_own_guide_is_answered_better_still(tiny: Built, tmp_path: Path) -> None:
    own = PROJECT / "corpus" / "iliopsoas-guide.md"
    results = judged("iliopsoas", [own, own.with_name("iliopsoas-guide.questions.md")], tiny, tmp_path)
    scores = score(results)
    assert_above(scores.kinds["single"], shown_300=0.77, shown_600=0.89, shown_1200=0.93)
    assert_above(scores.kinds["followup"], shown_300=0.72, shown_600=0.81, shown_1200=0.90)
    assert_above(scores.kinds["compound"], shown_600=0.70, shown_1200=0.85)
    assert_above(scores.kinds["unanswerable"], declined=0.45)
    assert_above(scores.kinds["offtopic"], declined=0.95)
    assert_below(scores.overall, false_not_covered=0.05, answer_chars_median=400)
