"""What a rebuild changes: documents, passages, and which questions are answered otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import KETTLE, Built, write_tiny_corpus

from wellcited import bundle
from wellcited.datatypes import CuratedQuestion, Document, Passage
from wellcited.errors import CorpusError, EvaluationError
from wellcited.settings import Settings
from wellcited.updating import (
    MOST_QUESTIONS,
    Changes,
    UpdateReport,
    document_changes,
    passage_changes,
    questions_of,
    read_questions,
    update_index,
)

OIL = "Can I use cooking oil on a bicycle chain?"


def rewrite(settings: Settings, before: str, after: str) -> None:
    assert KETTLE.count(before) == 1
    (settings.corpus / "kettle.md").write_text(KETTLE.replace(before, after), "utf-8")


def live(settings: Settings) -> str | None:
    return bundle.current_id(settings.index)


def test_what_is_answered_otherwise_is_listed_with_both_quotes(kettle: Settings) -> None:
    rewrite(kettle, "Descale the kettle once a month", "Descale the kettle once a fortnight")
    report = update_index(kettle)
    assert report.live
    assert live(kettle) == report.build_id
    assert report.documents_changed == Changes(changed=("kettle-care",))
    assert report.passages_changed == Changes(changed=("kettle-care › Descaling the kettle",))
    assert report.asked == 3
    found = {difference.question: difference for difference in report.answers}["How often should I descale a kettle?"]
    assert found.kind == "changed"
    assert "once a month" in found.before
    assert "once a fortnight" in found.after
    assert not report.lost


def test_nothing_changed_asks_nothing(kettle: Settings) -> None:
    report = update_index(kettle)
    assert (report.reused, report.asked, report.answers) == (True, 0, ())


def test_questions_of_a_file_are_asked_too(kettle: Settings) -> None:
    rewrite(kettle, "A wet kettle rusts at the seam", "A wet kettle corrodes at the seam")
    report = update_index(kettle, ["What happens to a wet kettle?"])
    assert report.asked == 4
    assert [difference.question for difference in report.answers] == ["What happens to a wet kettle?"]


def test_an_answer_that_would_be_lost_keeps_the_live_index_where_that_is_asked_for(kettle: Settings) -> None:
    before = live(kettle)
    (kettle.corpus / "bicycle.txt").unlink()
    with pytest.raises(CorpusError, match=r"1 of 4 questions would no longer be answered: '.*oil.*'; see all with: "):
        update_index(kettle, [OIL], fail_on_loss=True)
    assert live(kettle) == before
    tried = update_index(kettle, [OIL], dry_run=True, fail_on_loss=True)
    assert live(kettle) == before
    assert [difference.question for difference in tried.lost] == [OIL]
    done = update_index(kettle, [OIL])
    assert live(kettle) == done.build_id == tried.build_id
    assert done.lost == tried.lost


def test_an_answer_gained_is_no_loss(kettle: Settings) -> None:
    (kettle.corpus / "bicycle.txt").unlink()
    update_index(kettle)
    write_tiny_corpus(kettle.corpus)
    report = update_index(kettle, [OIL], fail_on_loss=True)
    assert report.live
    assert [(difference.question, difference.kind) for difference in report.answers] == [(OIL, "gained")]


def test_a_renamed_guide_costs_nothing_and_is_told_as_renamed(kettle: Settings) -> None:
    shutil.move(kettle.corpus / "bicycle.txt", kettle.corpus / "cycling.txt")
    report = update_index(kettle)
    assert report.documents_changed == Changes(renamed=(("bicycle", "cycling"),))
    assert report.passages_changed == Changes()
    assert report.embedded == 0
    assert report.live


def test_a_guide_moved_into_a_folder_costs_nothing(kettle: Settings) -> None:
    (kettle.corpus / "care").mkdir()
    for name in ("kettle.md", "kettle.questions.md"):
        shutil.move(kettle.corpus / name, kettle.corpus / "care" / name)
    report = update_index(kettle)
    assert (report.documents_changed, report.embedded, report.answers) == (Changes(), 0, ())


def test_a_first_build_has_nothing_to_compare_and_a_damaged_one_says_so(
    kettle: Settings, tmp_path: Path, tiny: Built
) -> None:
    (kettle.index / bundle.BUILDS / str(live(kettle)) / bundle.PASSAGES).write_text("damaged", "utf-8")
    report = update_index(kettle)
    assert report.live
    assert report.not_compared == "the index from before cannot be opened"
    assert live(kettle) == tiny.report.build_id


def test_a_removed_guide_is_gone_at_once(kettle: Settings) -> None:
    (kettle.corpus / "bicycle.txt").unlink()
    report = update_index(kettle, [OIL])
    assert report.documents_changed == Changes(removed=("bicycle",))
    assert {name.partition(" ›")[0] for name in report.passages_changed.removed} == {"bicycle"}
    assert [(found.question, found.kind) for found in report.answers] == [(OIL, "lost")]
    folder = kettle.index / bundle.BUILDS / report.build_id
    assert all(b"cooking oil" not in path.read_bytes() for path in folder.glob("*.jsonl"))


def document(key: str, text: str, *questions: str) -> Document:
    curated = tuple(CuratedQuestion(headings=("A",), text=question) for question in questions)
    return Document(id=key, title=key, text=text, blocks=(), questions=curated)


def passage(key: str, heading: str) -> Passage:
    return Passage(
        id=key, document_id=key.partition("/")[0], headings=(heading,), text="", start=0, end=0, sentences=()
    )


def test_documents_are_added_changed_removed_or_renamed() -> None:
    old = [document("a", "one"), document("b", "two"), document("c", "three"), document("d", "four")]
    new = [document("a", "one"), document("b", "other"), document("e", "three"), document("f", "five")]
    assert document_changes(old, new) == Changes(added=("f",), changed=("b",), removed=("d",), renamed=(("c", "e"),))


def test_passages_of_one_section_that_come_and_go_are_changed() -> None:
    old = [passage("a/x/1", "X"), passage("a/x/2", "X"), passage("a/y/3", "Y"), passage("b/z/4", "Z")]
    new = [passage("a/x/5", "X"), passage("a/w/6", "W"), passage("a/y/3", "Y"), passage("c/z/4", "Z")]
    assert passage_changes(old, new, {"b": "c"}) == Changes(added=("a › W",), changed=("a › X",), removed=("a › X",))


def test_of_many_curated_questions_an_even_choice_is_asked_and_of_a_file_all() -> None:
    many = document("a", "text", *(f"question {number}?" for number in range(1000)))
    asked = questions_of([many, many], ["question 1?", "mine"])
    assert asked[:2] == ["question 1?", "mine"]
    assert len(asked) == len(set(asked)) <= MOST_QUESTIONS + 2
    assert asked[2:5] == ["question 0?", "question 4?", "question 8?"]


def test_a_file_of_questions_holds_text_or_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text('How long?\n\n{"question": "How often?"}\n{"id": "1", "turns": ["Why?", "And then?"]}\r\n', "utf-8")
    assert read_questions(path) == ("How long?", "How often?", "And then?")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no question"),
        (b"\xff\xfe", r"not UTF-8 text \(byte 0\)"),
        (b'one\n{"question": 1}', "line 2: the question is not text"),
        (b'{"turns": []}', 'line 1: no JSON object with "question" or "turns"'),
        (b"{", 'line 1: no JSON object with "question" or "turns"'),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_without_questions_is_told(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "questions"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EvaluationError, match=f"questions.*{told}"):
        read_questions(path)


def test_the_report_survives_a_round_trip_through_json(kettle: Settings) -> None:
    rewrite(kettle, "A wet kettle rusts", "A damp kettle rusts")
    report = update_index(kettle, dry_run=True)
    assert UpdateReport.model_validate_json(report.model_dump_json()) == report
