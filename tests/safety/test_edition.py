"""What a bundle keeps of the guardrail is used for the very files it was made from, and says the same as they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_extension import RULE
from test_head import ENCODER, blank

from wellcited.errors import IndexDamaged, SafetyDataError
from wellcited.safety import Guardrail, edition, head
from wellcited.safety.edition import KEPT, open_edition
from wellcited.safety.head import KEPT_NAMES, KEPT_NUMBERS, open_head

SIGN = "My leg is numb since this morning and I cannot feel when I pee."
THUMB = "Is it right that my thumb clicks with each lid?"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "safety"
    Guardrail.keep(folder)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "safety.toml"
    path.write_text(RULE, "utf-8")
    return path


@pytest.fixture
def nothing_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("what was kept is not used")

    for name in ("load_rules", "check", "_shipped"):
        monkeypatch.setattr(edition, name, refuse)
    monkeypatch.setattr(head, "_parsed", refuse)


def test_the_kept_rules_say_of_every_sentence_of_every_rule_what_the_files_say(kept: Path) -> None:
    ours, theirs = Guardrail.open(kept=kept), Guardrail.open()
    assert ours.rules_version == theirs.rules_version
    for rule in open_edition().book.rules:
        for sentence in (*rule.examples, *rule.near_misses):
            assert ours.examine(sentence) == theirs.examine(sentence)
            assert ours.triage(sentence) == theirs.triage(sentence)


def test_what_is_kept_of_what_was_kept_is_the_same(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = open_edition(kept=kept)
    monkeypatch.setattr(edition, "open_edition", lambda safety_file: again)
    Guardrail.keep(tmp_path / "again")
    assert (tmp_path / "again" / KEPT).read_bytes() == (kept / KEPT).read_bytes()


@pytest.mark.usefixtures("nothing_is_read_anew")
def test_the_files_it_was_made_from_need_no_parsing(kept: Path) -> None:
    guardrail = Guardrail.open(kept=kept).with_head(blank, ENCODER, kept)
    assert guardrail.triage(SIGN).tier == "emergency"
    assert guardrail.rules_version.count(".") == 1, "the head listens"


def test_own_rules_are_kept_as_they_were_checked(own: Path, request: pytest.FixtureRequest) -> None:
    folder = own.parent / "safety"
    Guardrail.keep(folder, own)
    request.getfixturevalue("nothing_is_read_anew")
    assert Guardrail.open(safety_file=own, kept=folder).triage(THUMB).reasons == ("wrist.grip",)


def test_own_rules_that_came_later_count_all_the_same(kept: Path, own: Path) -> None:
    assert Guardrail.open(safety_file=own, kept=kept).triage(THUMB).reasons == ("wrist.grip",)
    own.write_text(RULE.replace("professional", "urgent"), "utf-8")
    assert Guardrail.open(safety_file=own, kept=kept).triage(THUMB).tier == "urgent"


def test_own_rules_that_went_count_no_more(own: Path) -> None:
    folder = own.parent / "safety"
    Guardrail.keep(folder, own)
    assert Guardrail.open(kept=folder).triage(THUMB).tier == "none"


def test_own_rules_that_fail_are_not_kept(own: Path) -> None:
    own.write_text(RULE.replace("at every jar", "at every walk"), "utf-8")
    with pytest.raises(SafetyDataError, match="does not refer its example"):
        Guardrail.keep(own.parent / "safety", own)


def test_the_kept_head_is_that_which_ships_number_by_number(kept: Path) -> None:
    ours, theirs = open_head(blank, ENCODER, kept), open_head(blank, ENCODER)
    assert ours is not None
    assert theirs is not None
    assert np.array_equal(ours.weights, theirs.weights)
    assert np.array_equal(ours.bias, theirs.bias)
    assert (ours.words, ours.rules, ours.version) == (theirs.words, theirs.rules, theirs.version)
    assert open_head(blank, "another encoder", kept) is None


def test_another_head_than_that_which_ships_is_not_used(kept: Path, tmp_path: Path) -> None:
    for name in (KEPT_NAMES, KEPT_NUMBERS):
        (tmp_path / name).write_bytes((kept / name).read_bytes())
    names = json.loads((tmp_path / KEPT_NAMES).read_bytes())
    (tmp_path / KEPT_NAMES).write_text(json.dumps({**names, "digest": "0" * 64, "words": []}), "utf-8")
    found = open_head(blank, ENCODER, tmp_path)
    assert found is not None
    assert found.words


def opened_rules(folder: Path) -> None:
    Guardrail.open(kept=folder)


def opened_head(folder: Path) -> None:
    open_head(blank, ENCODER, folder)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff"])
@pytest.mark.parametrize(
    ("name", "opened"), [(KEPT, opened_rules), (KEPT_NAMES, opened_head), (KEPT_NUMBERS, opened_head)]
)
def test_damage_is_told_in_one_line(
    kept: Path, tmp_path: Path, name: str, opened: Callable[[Path], None], content: bytes | None
) -> None:
    for path in kept.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(IndexDamaged, match=r"cannot be read: .*run: wellcited index") as caught:
        opened(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
