"""The report says the same on the terminal and on its page, loads nothing, and takes no text for markup."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from wellcited.datatypes import Tier
from wellcited.errors import EvaluationError
from wellcited.evaluation.plots import bars, histogram, risk_coverage
from wellcited.evaluation.questions import QuestionCase, SafetyCase
from wellcited.evaluation.report import Evaluation, page, write_page
from wellcited.evaluation.runner import run_questions, run_safety
from wellcited.evaluation.tables import question_tables, safety_tables

from .fakes import FakeAssistant, FakeGuardrail, answer

EVIL = "<script>alert(1)</script> [bold]“it's”[/bold] [1] \x1b[31m & more"
VOID = {"meta", "br", "rect", "path", "polyline"}


def evaluation() -> Evaluation:
    questions = [
        QuestionCase(
            id="q1", kind="single", turns=(EVIL,), gold=((EVIL,),), section=EVIL, difficulty=EVIL, answer=EVIL
        ),
        QuestionCase(
            id="q2", kind="single", turns=("How long?",), gold=(("Press for 30 to 90 seconds.",),), section="A"
        ),
        QuestionCase(id="q3", kind="unanswerable", turns=("Price?",)),
    ]
    tier: Tier = "emergency"
    messages = [SafetyCase(id="s1", turns=(EVIL,), tier=tier, category=EVIL, note=EVIL, lang=EVIL)]
    assistant = FakeAssistant(
        {"How long?": answer("Press for 30 to 90 seconds."), "Price?": answer("A ball is fine at first.")}
    )
    return Evaluation(
        version="1.2.3",
        bundle_id="abc",
        questions=run_questions(assistant, questions),
        safety=run_safety(FakeGuardrail({}), messages, assistant),
    )


class Balanced(HTMLParser):
    """Collects the elements of a page and checks that each is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    text = page(evaluation())
    elements = Balanced(text).seen
    names = {name for name, _ in elements}
    assert {"table", "svg", "polyline", "details", "dl"} <= names
    assert not names & {"script", "link", "img", "iframe", "a"}
    assert not any(name in {"src", "href"} or name.startswith("on") for _, found in elements for name in found)
    assert not re.search(r"https?:|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text


def test_the_page_escapes_what_comes_from_files_and_lists_the_misses() -> None:
    text = page(evaluation())
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [bold]“it&#x27;s”[/bold] [1]" in text
    for words in ("q1 · single · not_covered", "q3 · unanswerable · answer", "s1 · expected emergency, got none"):
        assert words in text
    assert "A ball is fine at first." in text


def test_a_page_without_one_half_is_still_a_page() -> None:
    whole = evaluation()
    assert "<h2>Safety</h2>" not in page(whole.model_copy(update={"safety": None}))
    assert "<h2>Questions</h2>" not in page(whole.model_copy(update={"questions": None}))


def test_the_tables_print_texts_as_they_are_and_drop_control_characters() -> None:
    found = evaluation()
    screen = Console(file=io.StringIO(), width=200, force_terminal=False)
    assert found.questions
    assert found.safety
    screen.print(question_tables(found.questions))
    screen.print(safety_tables(found.safety))
    assert isinstance(screen.file, io.StringIO)
    text = screen.file.getvalue()
    assert "\x1b" not in text
    assert "<script>alert(1)</script> [bold]“it's”[/bold] [1]" in text
    assert "s1  expected emergency, got none  (no rule)" in text
    assert "evidence within the first 600 characters" in text
    assert "1 of 2" in text


def test_the_page_is_written_into_a_folder_that_is_made(tmp_path: Path) -> None:
    found = evaluation()
    target = write_page(found, tmp_path / "new" / "folder")
    assert target.read_text(encoding="utf-8") == page(found)
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="the report cannot be written"):
        write_page(found, tmp_path / "file")


def test_an_evaluation_survives_json() -> None:
    found = evaluation()
    assert Evaluation.model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize("values", [[], [0.0], [3.0] * 5, [1.0, 2.0, 1e6]])
def test_plots_take_few_and_extreme_values(values: list[float]) -> None:
    for svg in (histogram(values, "ms", "<times>"), risk_coverage([(1.0, value % 1) for value in values], "risk")):
        Balanced(svg)
        assert "nan" not in svg
        assert "<times>" not in svg
    Balanced(bars({}, "none"))
