"""An evaluation file is read line by line, and what is wrong is named with its file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wellcited.errors import EvaluationError
from wellcited.evaluation.questions import load_questions, load_safety

SINGLE: dict[str, Any] = {"id": "q1", "kind": "single", "turns": ["How long?"], "gold": [["30 to 90 seconds"]]}
URGENT: dict[str, Any] = {"id": "s1", "turns": ["it hurts"], "tier": "urgent", "accept": ["urgent", "emergency"]}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_questions_are_read_in_order_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    other = {**SINGLE, "id": "q2", "kind": "offtopic", "gold": [], "section": "", "difficulty": "easy"}
    cases = load_questions(written(tmp_path, SINGLE, "", other))
    assert [case.id for case in cases] == ["q1", "q2"]
    assert [case.answerable for case in cases] == [True, False]


def test_a_byte_order_mark_a_line_separator_and_unknown_fields_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    line = json.dumps({**SINGLE, "turns": ["one\u2028two"], "author": "me"}, ensure_ascii=False)
    path.write_text(f"\ufeff{line}\r\n", encoding="utf-8")
    assert load_questions(path)[0].turns == ("one\u2028two",)


def test_a_safety_message_without_accept_accepts_its_tier(tmp_path: Path) -> None:
    case, bare = load_safety(written(tmp_path, URGENT, {"id": "s2", "turns": ["x"], "tier": "none"}))
    assert case.accepted == {"urgent", "emergency"}
    assert bare.accepted == {"none"}
    assert (bare.lang, bare.hard) == ("en", False)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", ["not JSON", "column 2"]),
        ("[1]", ["object"]),
        ({**SINGLE, "kind": "double"}, ["kind", "single"]),
        ({**SINGLE, "turns": []}, ["turns"]),
        ({**SINGLE, "turns": [" "]}, ["turns", "a turn is empty"]),
        ({**SINGLE, "turns": "How long?"}, ["turns"]),
        ({**SINGLE, "gold": []}, ["needs gold evidence"]),
        ({**SINGLE, "gold": [[]]}, ["gold evidence is empty"]),
        ({**SINGLE, "gold": [["\n"]]}, ["gold evidence is empty"]),
        ({**SINGLE, "kind": "smalltalk"}, ["has no gold evidence"]),
        ({key: value for key, value in SINGLE.items() if key != "id"}, ["id", "required"]),
    ],
)
def test_a_malformed_question_is_named_with_file_line_and_reason(
    tmp_path: Path, line: object, words: list[str]
) -> None:
    path = written(tmp_path, {**SINGLE, "id": "first"}, line)
    with pytest.raises(EvaluationError) as caught:
        load_questions(path)
    for word in (f"{path}, line 2", *words):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"tier": "severe"}, "tier"), ({"accept": ["none"]}, "leaves out the tier 'urgent'"), ({"hard": "yes"}, "hard")],
)
def test_a_malformed_safety_message_is_named(tmp_path: Path, change: dict[str, object], word: str) -> None:
    with pytest.raises(EvaluationError, match=r"line 1") as caught:
        load_safety(written(tmp_path, {**URGENT, **change}))
    assert word in str(caught.value)


def test_an_id_may_be_used_once(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"line 2: id 'q1' is already on line 1"):
        load_questions(written(tmp_path, SINGLE, SINGLE))


def test_a_missing_an_empty_and_a_binary_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"absent\.jsonl: cannot be read"):
        load_questions(tmp_path / "absent.jsonl")
    with pytest.raises(EvaluationError, match="holds no line"):
        load_questions(written(tmp_path, ""))
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(EvaluationError, match="not UTF-8"):
        load_safety(tmp_path / "bytes.jsonl")
