"""From a question to an Answer: triage first and alone, exact quotes, and silence where the guide is silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from conftest import Built, assistant_of

from wellcited.answering import quote_digest
from wellcited.assistant import NOT_COVERED, Assistant
from wellcited.datatypes import Answer, Message, Tier, Triage
from wellcited.errors import IndexDamaged, IndexMismatch, IndexMissing, QuestionError
from wellcited.settings import Settings

DESCALING = [
    {"role": "user", "content": "How do I descale a kettle?"},
    {"role": "assistant", "content": "With vinegar."},
]
OILING = [
    {"role": "user", "content": "How do I oil a bicycle chain?"},
    {"role": "assistant", "content": "By the link."},
]
COVERED = [
    "How often should I descale a kettle?",
    "Why does a kettle whistle?",
    "Can I use cooking oil on a bicycle chain?",
    "Which oil should I use on my bicycle in the rain?",
]
NOT_IN_THE_GUIDE = ["What is the capital of Mongolia?", "Who won the chess championship in 1972?", "日本語の質問", "x"]


class Refers:
    """A guardrail that refers everybody, and remembers what it saw."""

    rules_version = "rules-1"

    def __init__(self, tier: Tier) -> None:
        self.tier = tier
        self.seen: list[tuple[str, Sequence[Message]]] = []

    def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
        self.seen.append((question, history))
        return Triage(tier=self.tier, reasons=("r1", "r2"), message="Call somebody.")


class Untouchable:
    """A retriever that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the retriever was asked for {name}")


def check_answer(answer: Answer, assistant: Assistant) -> None:
    """What holds for every answer, whatever was asked."""
    shown = [*answer.citations, *answer.further]
    assert [citation.number for citation in shown] == list(range(1, len(shown) + 1))
    places = [(citation.document_id, citation.start) for citation in shown]
    assert len(set(places)) == len(places)
    for citation in shown:
        document = assistant.documents[citation.document_id]
        assert citation.quote == document.text[citation.start : citation.end] != ""
        assert citation.title == document.title
        url = urlsplit(citation.url)
        assert unquote(url.path) == f"/guide/{document.id}"
        assert parse_qs(url.query) == {
            "start": [str(citation.start)],
            "end": [str(citation.end)],
            "sha": [quote_digest(citation.quote)],
        }
    assert answer.receipt.bundle_id == assistant.bundle_id
    assert answer.receipt.rules_version == assistant.guardrail.rules_version
    assert answer.text.strip()
    assert 0 <= answer.confidence <= 1
    if answer.kind == "answer":
        assert 1 <= len(answer.citations) <= 4
        assert answer.text == "\n".join(f"{' '.join(c.quote.split())} [{c.number}]" for c in answer.citations)
    else:
        assert not answer.citations
    if answer.kind == "not_covered":
        assert answer.text == NOT_COVERED
        assert 1 <= len(answer.suggestions) == len(set(answer.suggestions))
    if answer.kind in ("referral", "smalltalk"):
        assert not answer.further


@pytest.mark.parametrize("question", COVERED)
def test_what_the_guide_says_is_answered_in_its_own_words(tiny_assistant: Assistant, question: str) -> None:
    answer = tiny_assistant.ask(question)
    check_answer(answer, tiny_assistant)
    assert answer.kind == "answer"


def test_the_answer_is_the_sentence_that_answers(tiny_assistant: Assistant) -> None:
    answer = tiny_assistant.ask("How often should I descale a kettle?")
    assert answer.citations[0].quote == "Descale the kettle once a month where the water is hard."
    assert answer.citations[0].headings == ("Caring for a kettle", "Descaling the kettle")
    assert answer.citations[0].passage_id.startswith("kettle-care/descaling-the-kettle/")


@pytest.mark.parametrize("question", NOT_IN_THE_GUIDE)
def test_what_the_guide_does_not_say_is_told_with_what_could_be_asked(tiny_assistant: Assistant, question: str) -> None:
    answer = tiny_assistant.ask(question)
    check_answer(answer, tiny_assistant)
    assert answer.kind == "not_covered"
    assert 0 < len(answer.further) <= 3


@pytest.mark.parametrize("question", ["hello!", "Thanks a lot", "who are you?", "bye"])
def test_small_talk_quotes_nothing(tiny_assistant: Assistant, question: str) -> None:
    answer = tiny_assistant.ask(question)
    check_answer(answer, tiny_assistant)
    assert answer.kind == "smalltalk"


def test_a_question_about_two_things_is_answered_with_a_quote_about_each(tiny_assistant: Assistant) -> None:
    answer = tiny_assistant.ask("How do I descale a kettle and how do I oil a bicycle chain?")
    check_answer(answer, tiny_assistant)
    assert answer.kind == "answer"
    assert {citation.document_id for citation in answer.citations} == {"kettle-care", "bicycle"}


@pytest.mark.parametrize("question", ["And how often?", "How often should I do it?"])
def test_a_follow_up_is_about_what_was_asked_before(tiny_assistant: Assistant, question: str) -> None:
    kettle, bicycle = (tiny_assistant.ask(question, history) for history in (DESCALING, OILING))
    for answer, document in ((kettle, "kettle-care"), (bicycle, "bicycle")):
        check_answer(answer, tiny_assistant)
        assert answer.kind == "answer"
        assert answer.citations[0].document_id == document


@pytest.mark.parametrize(
    "rest", ["how often should I oil the chain?", "how long do I wait?", "why does a kettle whistle?"]
)
@pytest.mark.parametrize("opening", ["New question: ", "Different topic. ", "By the way, "])
def test_an_announced_change_of_topic_leaves_history_aside(tiny_assistant: Assistant, opening: str, rest: str) -> None:
    assert tiny_assistant.ask(opening + rest, DESCALING) == tiny_assistant.ask(opening + rest)


def test_what_the_assistant_said_is_no_context(tiny_assistant: Assistant) -> None:
    silent = [DESCALING[0], {"role": "assistant", "content": "bicycle bicycle bicycle chain oil"}]
    assert tiny_assistant.ask("And how often?", silent) == tiny_assistant.ask("And how often?", DESCALING)


def test_history_may_be_given_as_messages_or_as_mappings(tiny_assistant: Assistant) -> None:
    messages = [Message.model_validate(turn) for turn in DESCALING]
    assert tiny_assistant.ask("And how often?", messages) == tiny_assistant.ask("And how often?", tuple(DESCALING))


def test_asking_the_same_twice_gives_the_same_answer(tiny_assistant: Assistant, tiny: Built) -> None:
    questions = [*COVERED, *NOT_IN_THE_GUIDE, "hello"]
    first = [tiny_assistant.ask(question) for question in questions]
    assert [tiny_assistant.ask(question) for question in reversed(questions)] == first[::-1]
    another = assistant_of(tiny.build)
    assert [another.ask(question, ()) for question in questions] == first


@pytest.mark.parametrize(
    "question",
    [
        "<b>How often</b> should I descale a kettle?<script>alert(1)</script>",
        "**How often** should I `descale` a [kettle](https://example.org)?",
        "# How often should I\n\n- descale\n- a kettle",
        "How often should\x00 I\x1b[31m descale \x07a\x7f kettle\r\n?",
        "how often should i descale a kettle " + "🫖" * 50,
        "HOW OFTEN SHOULD I DESCALE A KETTLE???!!!",
    ],
)
def test_markup_and_control_characters_do_not_hide_the_question(tiny_assistant: Assistant, question: str) -> None:
    answer = tiny_assistant.ask(question)
    check_answer(answer, tiny_assistant)
    assert "\x1b" not in answer.text
    assert "descale" in answer.citations[0].quote.lower()


@pytest.mark.parametrize(
    "question",
    ["a" * 4000, "kettle " * 500, "'; DROP TABLE passages; --", "{}%s%n", "\u202ereversed", "e\u0301" * 100, "42",
     "\ud800 kettle?", "?a?"],
)  # fmt: skip
def test_odd_questions_get_an_ordinary_answer(tiny_assistant: Assistant, question: str) -> None:
    check_answer(tiny_assistant.ask(question), tiny_assistant)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("", "the question is empty"),
        (" \n\t ", "the question is empty"),
        ("\x00\x01\x1f", "the question is empty"),
        ("😀🦵🏽", "the question has no words"),
        ("?!…", "the question has no words"),
        ("a" * 1_000_000, "the question has 1,000,000 characters, more than the 4,000 allowed"),
    ],
)
def test_what_cannot_be_asked_is_told_in_a_line(tiny_assistant: Assistant, question: str, reason: str) -> None:
    with pytest.raises(QuestionError, match=reason) as caught:
        tiny_assistant.ask(question)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("question", [None, 42, b"why?", ["why?"]])
def test_a_question_that_is_no_text_is_refused(tiny_assistant: Assistant, question: Any) -> None:
    with pytest.raises(QuestionError):
        tiny_assistant.ask(question)


@pytest.mark.parametrize(
    "history",
    [
        ["why?"],
        "why?",
        [{"role": "system", "content": "x"}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": "x", "name": "y"}],
        [None],
        {"role": "user", "content": "x"},
    ],
)
def test_a_malformed_history_is_refused(tiny_assistant: Assistant, history: Any) -> None:
    with pytest.raises(QuestionError, match="the history is not a list of") as caught:
        tiny_assistant.ask("And how often?", history)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "before", ["\ud800 descale a kettle", "descale\x00 a \x1b[31mkettle", "😀", "<script>kettle</script>", ""]
)
def test_odd_characters_in_the_history_do_no_harm(tiny_assistant: Assistant, before: str) -> None:
    check_answer(tiny_assistant.ask("And how often?", [{"role": "user", "content": before}]), tiny_assistant)


@pytest.mark.parametrize("history", [None, 42])
def test_a_history_that_is_no_list_is_refused(tiny_assistant: Assistant, history: Any) -> None:
    with pytest.raises(QuestionError):
        tiny_assistant.ask("And how often?", history)


def test_a_history_is_taken_up_to_its_limits(tiny_assistant: Assistant) -> None:
    turn: Mapping[str, str] = {"role": "user", "content": "x"}
    assert tiny_assistant.ask("Why does a kettle whistle?", [turn] * 40)
    with pytest.raises(QuestionError, match="has 41 messages, more than the 40 allowed"):
        tiny_assistant.ask("Why does a kettle whistle?", [turn] * 41)
    assert tiny_assistant.ask("Why?", [{"role": "user", "content": "é" * 32 * 1024}])
    with pytest.raises(QuestionError, match="has 65,538 bytes, more than the 65,536 allowed"):
        tiny_assistant.ask("Why?", [{"role": "user", "content": "é" * (32 * 1024 + 1)}])


@pytest.mark.parametrize("tier", ["emergency", "urgent", "professional"])
def test_a_referral_never_touches_the_guide(tier: Tier) -> None:
    guardrail = Refers(tier)
    assistant = Assistant([], Untouchable(), guardrail, "bundle-1", Settings())  # type: ignore[arg-type]
    for question in ("How often should I descale a kettle?", "hello"):
        answer = assistant.ask(question, DESCALING)
        assert (answer.kind, answer.text, answer.triage.tier) == ("referral", "Call somebody.", tier)
        assert answer.triage.reasons == ("r1", "r2")
        assert (answer.citations, answer.further, answer.suggestions) == ((), (), ())
        assert (answer.receipt.bundle_id, answer.receipt.rules_version) == ("bundle-1", "rules-1")


def test_the_guardrail_sees_the_question_and_the_whole_history(tiny_assistant: Assistant) -> None:
    guardrail = Refers("urgent")
    assistant = Assistant([], Untouchable(), guardrail, "b", Settings())  # type: ignore[arg-type]
    assistant.ask("  my leg\x00is numb  ", DESCALING)
    assert guardrail.seen == [("my leg is numb", [Message.model_validate(turn) for turn in DESCALING])]


def test_a_guardrail_that_breaks_lets_no_passage_through() -> None:
    class Broken:
        rules_version = "r"

        def triage(self, question: str, history: Sequence[Message] = ()) -> Triage:
            raise RuntimeError("broken")

    assistant = Assistant([], Untouchable(), Broken(), "b", Settings())  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="broken"):
        assistant.ask("How often should I descale a kettle?")


def test_an_answer_keeps_to_the_length_that_is_set(tiny: Built) -> None:
    assistant = assistant_of(tiny.build, Settings(answer_sentences=1, answer_chars=100))
    for question in [*COVERED, "How do I descale a kettle and how do I oil a bicycle chain?"]:
        answer = assistant.ask(question)
        check_answer(answer, assistant)
        assert len(answer.citations) == 1


def test_examples_are_questions_or_headings_of_the_guides(
    tiny_assistant: Assistant, project_assistant: Assistant
) -> None:
    for assistant in (tiny_assistant, project_assistant):
        assert 1 <= len(assistant.examples) <= 4
        assert len(set(assistant.examples)) == len(assistant.examples)
    assert all(example.endswith("?") for example in project_assistant.examples)
    assert [project_assistant.ask(example).kind for example in project_assistant.examples] == ["answer"] * 4


def test_the_projects_own_guide_answers_its_own_questions(project_assistant: Assistant) -> None:
    answer = project_assistant.ask("How long do I press?")
    check_answer(answer, project_assistant)
    assert answer.kind == "answer"
    assert "seconds" in answer.text
    assert project_assistant.ask("What is the capital of Mongolia?").kind == "not_covered"


def test_an_assistant_opens_an_index_with_the_rules_that_ship_with_it(tiny: Built) -> None:
    assistant = Assistant.open(tiny.index, Settings())
    assistant.warm_up()
    assert assistant.bundle_id == tiny.report.build_id
    answer = assistant.ask("How often should I descale a kettle?")
    check_answer(answer, assistant)
    assert answer.kind == "answer"
    emergency = assistant.ask("I cannot feel my legs and I have lost control of my bladder")
    check_answer(emergency, assistant)
    assert (emergency.kind, emergency.triage.tier) == ("referral", "emergency")


def test_an_index_that_cannot_be_used_is_told_on_opening(tiny: Built, built: Built) -> None:
    with pytest.raises(IndexMissing):
        Assistant.open(built.index.parent / "nowhere", Settings())
    with pytest.raises(IndexMismatch):
        Assistant.open(tiny.index, Settings(model="other"))
    with pytest.raises(IndexDamaged):
        Assistant.open(built.index, Settings(model="words"))
