"""Curated questions stand under the guide's own headings."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellcited.corpus.questions import is_questions_file, parse_questions, questions_path
from wellcited.corpus.reading import read_corpus
from wellcited.datatypes import CuratedQuestion, Document
from wellcited.errors import CorpusError

PENS = """\
# Pens

A pen writes.

## Nibs

A nib is a tip.

### Why it matters

It bends.

## Inks

Ink is wet.

### Why it matters

It dries.
"""


@pytest.fixture
def guide(tmp_path: Path) -> Document:
    (tmp_path / "pens.md").write_text(PENS, "utf-8")
    return read_corpus(tmp_path).documents[0]


def parse(source: str, guide: Document) -> list[tuple[str, str]]:
    """The path of headings, joined, and the question."""
    return [(" > ".join(q.headings), q.text) for q in parse_questions(source, guide)]


def test_each_question_belongs_to_the_section_under_whose_heading_it_stands(guide: Document) -> None:
    source = "# pens\n\n- What is a pen?\n- What for?\n\n## Inks\n\n* What is *ink*?\n\n## Nibs\n\n1. What is a nib?\n"
    assert parse(source, guide) == [
        ("Pens", "What is a pen?"),
        ("Pens", "What for?"),
        ("Pens > Inks", "What is ink?"),
        ("Pens > Nibs", "What is a nib?"),
    ]


def test_of_two_sections_of_one_name_the_next_in_order_is_meant(guide: Document) -> None:
    source = "## Why it matters\n\n- Does it bend?\n\n## Why it matters\n\n- Does it dry?\n"
    assert parse(source, guide) == [
        ("Pens > Nibs > Why it matters", "Does it bend?"),
        ("Pens > Inks > Why it matters", "Does it dry?"),
    ]
    assert parse("## Inks\n\n## Why it matters\n\n- Does it dry?\n", guide) == [
        ("Pens > Inks > Why it matters", "Does it dry?")
    ]


def test_an_unknown_heading_is_answered_with_the_nearest_one(guide: Document) -> None:
    with pytest.raises(CorpusError) as caught:
        parse("## Nips\n\n- What?\n", guide)
    assert str(caught.value) == ("the guide has no heading 'Nips'; the nearest is 'Nibs'; use the guide's own headings")


def test_a_heading_that_is_near_to_none_is_refused_all_the_same(guide: Document) -> None:
    with pytest.raises(CorpusError, match=r"^the guide has no heading 'ZZZ'; use the guide's own"):
        parse("## ZZZ\n\n- What?\n", guide)


def test_a_question_before_the_first_heading_is_refused(guide: Document) -> None:
    with pytest.raises(CorpusError, match=r"^'What\?' stands before the first heading; put it under"):
        parse("- What?\n\n## Nibs\n", guide)


def test_a_remark_between_the_questions_is_no_question(guide: Document) -> None:
    assert parse("A remark.\n\n## Nibs\n\nAnother remark.\n\n- What?\n", guide) == [("Pens > Nibs", "What?")]


def test_an_empty_file_of_questions_holds_none(guide: Document) -> None:
    assert parse("", guide) == []


@pytest.mark.parametrize("name", ["pens.md", "pens.txt"])
def test_the_questions_beside_a_guide_are_read_with_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(
        "Pens\n===\n\nA pen writes.\n" if name.endswith("md") else "Pens\nA pen writes.\n", "utf-8"
    )
    (tmp_path / "pens.questions.md").write_text("# Pens\n\n- What for?\n", "utf-8")
    (document,) = read_corpus(tmp_path).documents
    assert document.questions == (CuratedQuestion(headings=("Pens",), text="What for?"),)


def test_a_questions_file_is_refused_like_a_guide_when_it_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "pens.md").write_text(PENS, "utf-8")
    (tmp_path / "pens.questions.md").write_bytes(b"caf\xe9")
    corpus = read_corpus(tmp_path)
    assert corpus.documents[0].questions == ()
    assert [skipped.path for skipped in corpus.skipped] == ["pens.questions.md"]
    with pytest.raises(CorpusError, match=r"pens\.questions\.md: is not UTF-8"):
        read_corpus(tmp_path, strict=True)


def test_the_name_tells_questions_from_guides() -> None:
    assert is_questions_file(Path("a/pens.questions.md"))
    assert is_questions_file(Path("Pens.Questions.MD"))
    assert not is_questions_file(Path("questions.md"))
    assert questions_path(Path("a/pens.txt")) == Path("a/pens.questions.md")
