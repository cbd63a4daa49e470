"""The questions that the learned parts are taught with: every line can be read, and stands by itself."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from conftest import PROJECT

from wellcited import elsewhere

BENCHMARKS = PROJECT / "benchmarks"


@pytest.fixture(scope="module")
def examples() -> ModuleType:
    spec = importlib.util.spec_from_file_location("training_examples", BENCHMARKS / "examples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_near_misses_are_read_beside_the_questions_of_their_guide(examples: ModuleType, tmp_path: Path) -> None:
    guide, near = tmp_path / "kettle.txt", tmp_path / "near.txt"
    guide.write_text("# Kettles\n1 Descale it monthly.\n=\ns | 1 | how often do I descale it\n", "utf-8")
    near.write_text("s | 1 | is monthly descaling enough\nu | | how long does descaling take\n", "utf-8")
    asked = examples.read_training(guide, near).questions
    assert [question.kind for question in asked] == ["single", "single", "unanswerable"]
    assert asked[1].gold == (("Descale it monthly.",),)


def test_a_line_that_cannot_be_read_is_named(examples: ModuleType, tmp_path: Path) -> None:
    guide, near = tmp_path / "kettle.txt", tmp_path / "near.txt"
    guide.write_text("# Kettles\n1 Descale it monthly.\n=\ns | 1 | how often\n", "utf-8")
    near.write_text("s | 1 | how often, then\ns | 7 | of a sentence that is not there\n", "utf-8")
    with pytest.raises(ValueError, match=r"near\.txt:2: .*not there"):
        examples.read_training(guide, near)


def test_every_guide_has_near_misses_and_all_can_be_read(examples: ModuleType) -> None:
    guides = {path.name for path in examples.TRAINING.glob("*.txt")}
    assert {path.name for path in examples.NEAR.glob("*.txt")} == guides
    without, with_near = (list(examples.training_guides(near)) for near in (False, True))
    for guide, other in zip(without, with_near, strict=True):
        more = other.questions[len(guide.questions) :]
        assert guide.questions == other.questions[: len(guide.questions)]
        if (examples.NEAR / f"{guide.name}.txt").exists():
            silent = sum(not question.gold for question in more)
            assert 0.3 < silent / len(more) < 0.8, guide.name


def test_our_guide_is_retold_whole_and_every_question_has_its_evidence(examples: ModuleType) -> None:
    guide = examples.read_corpus("iliopsoas", "train", "more")
    own = examples.laid_out(guide)
    assert len(own["questions"]) == len(guide.questions) > 5000
    tellings = list(examples.retold(own))
    assert len({telling["name"] for telling in tellings}) == len(tellings) == 5
    for telling in tellings:
        assert len(telling["sentences"]) == len(telling["headed"]) == len(own["sentences"])
        assert set(telling["sentences"]).isdisjoint(own["sentences"])
        assert telling["headed"][0] == f"{telling['labels'][0]}: {telling['sentences'][0]}"


def test_a_sentence_that_nobody_retold_is_named(examples: ModuleType) -> None:
    own = examples.laid_out(examples.read_corpus("iliopsoas", "train"))
    own["sentences"][0] = "A new sentence."
    with pytest.raises(KeyError, match="A new sentence"):
        list(examples.retold(own))


def test_nothing_that_judges_is_learned_from(examples: ModuleType) -> None:
    guides = [*examples.training_guides(near=True), examples.read_corpus("iliopsoas", "more")]
    learned = {words(question.turns) for guide in guides for question in guide.questions} | {
        words([text]) for text in (*elsewhere.questions(), *examples.strangers())
    }
    parts = [guide for part in ("held", "newcomers") for guide in examples.part_guides(part)]
    judging = {words(question.turns) for guide in parts for question in guide.questions if question.kind != "smalltalk"}
    assert len(judging) > 950
    assert learned & (judging | {words([text]) for text in examples.strangers(held=True)}) == set()


def words(turns: Sequence[str]) -> tuple[str, ...]:
    """What is asked, whatever its case and punctuation."""
    return tuple(" ".join(re.findall(r"\w+", turn.casefold())) for turn in turns)
