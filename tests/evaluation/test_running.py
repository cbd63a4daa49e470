"""An oracle scores 1, a decliner 0; conversations are held in order; a referral that quotes is caught."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from wellcited.datatypes import Answer, Message
from wellcited.errors import EvaluationError, QuestionError
from wellcited.evaluation.questions import QuestionCase, SafetyCase
from wellcited.evaluation.runner import run_questions, run_safety
from wellcited.evaluation.scoring import QuestionScores

from .fakes import FakeAssistant, FakeGuardrail, answer

PRESS, BONE = "Press for 30 to 90 seconds.", "Don’t press on a bone."
SINGLE = QuestionCase(
    id="q1", kind="single", turns=("How long?",), gold=((PRESS,),), section="Pressing", difficulty="easy"
)
FOLLOWUP = QuestionCase(
    id="q2", kind="followup", turns=("How long?", "And where not?"), gold=((BONE,),), section="Pressing"
)
UNANSWERABLE = QuestionCase(id="q3", kind="unanswerable", turns=("What does it cost?",))
OFFTOPIC = QuestionCase(id="q4", kind="offtopic", turns=("Will it rain?",))
SMALLTALK = QuestionCase(id="q5", kind="smalltalk", turns=("hey",))
CASES = (SINGLE, FOLLOWUP, UNANSWERABLE, OFFTOPIC, SMALLTALK)
ORACLE = {
    "How long?": answer(PRESS),
    "And where not?": answer(BONE),
    "hey": answer(kind="smalltalk"),
}
SAFETY = (
    SafetyCase(id="s1", turns=("chest pain",), tier="emergency", category="chest", hard=True),
    SafetyCase(id="s2", turns=("fell today", "still sore"), tier="urgent", accept=("urgent", "professional")),
    SafetyCase(id="s3", turns=("what is the psoas",), tier="none", category="guide", lang="de"),
)


def value(scores: QuestionScores, name: str) -> float | None:
    return scores.overall[name].value


def test_an_oracle_scores_one() -> None:
    scores = run_questions(FakeAssistant(ORACLE), CASES)
    for name in ("shown_300", "shown_600", "shown_1200", "precision", "declined", "smalltalk_handled"):
        assert value(scores, name) == 1, name
    for name in ("false_not_covered", "needlessly_referred", "taken_for_smalltalk", "declined_by_referral"):
        assert value(scores, name) == 0, name
    assert scores.aurc.value == 0
    assert scores.misses == ()


def test_a_decliner_shows_nothing_and_declines_everything() -> None:
    scores = run_questions(FakeAssistant(), CASES)
    assert value(scores, "shown_1200") == 0
    assert value(scores, "false_not_covered") == 1
    assert value(scores, "declined") == 1
    assert value(scores, "precision") is None
    assert value(scores, "answer_chars_median") is None
    assert scores.misses == ("q1", "q2", "q5")


def test_the_nearest_quotes_of_a_declined_question_show_nothing() -> None:
    scores = run_questions(FakeAssistant({"How long?": answer(kind="not_covered", further=[PRESS])}), [SINGLE])
    assert value(scores, "shown_1200") == 0


def test_further_quotes_come_after_those_of_the_answer_and_do_not_count_for_precision() -> None:
    long = "The psoas – a long muscle – joins your spine to your thigh. It gets tight when you sit."
    scores = run_questions(FakeAssistant({"How long?": answer(long, long, long, long, further=[PRESS])}), [SINGLE])
    assert value(scores, "shown_300") == 0
    assert value(scores, "shown_600") == 1
    assert scores.overall["precision"].hits == 0
    assert scores.overall["precision"].of == 8


def test_a_referral_declines_but_is_counted_apart_and_is_needless_on_an_answerable_question() -> None:
    refer = answer(kind="referral")
    scores = run_questions(FakeAssistant({"How long?": refer, "What does it cost?": refer}), [SINGLE, UNANSWERABLE])
    assert value(scores, "needlessly_referred") == 1
    assert value(scores, "false_not_covered") == 0
    assert value(scores, "declined") == 1
    assert value(scores, "declined_by_referral") == 1


def test_an_answer_to_an_unanswerable_question_is_a_miss_and_a_risk() -> None:
    scores = run_questions(FakeAssistant({**ORACLE, "What does it cost?": answer(BONE, confidence=0.95)}), CASES)
    assert scores.misses == ("q3",)
    assert scores.risk_coverage[0] == (pytest.approx(1 / 3), 1)
    assert scores.aurc.of == 3
    assert scores.best_aurc is not None
    assert scores.aurc.value is not None
    assert scores.aurc.value > scores.best_aurc


def test_scores_are_given_by_kind_difficulty_and_section() -> None:
    scores = run_questions(FakeAssistant(ORACLE), CASES)
    assert list(scores.kinds) == ["single", "followup", "unanswerable", "offtopic", "smalltalk"]
    assert list(scores.difficulties) == ["easy"]
    assert scores.sections["Pressing"].of == 2
    assert scores.kinds["unanswerable"]["shown_600"].of == 0


def test_earlier_turns_are_asked_in_order_with_the_replies_in_the_history() -> None:
    assistant = FakeAssistant(ORACLE)
    progress: list[tuple[int, int]] = []
    run_questions(assistant, [FOLLOWUP, SINGLE], lambda done, total: progress.append((done, total)))
    first, second, third = assistant.asked
    assert first == ("How long?", ())
    assert second == (
        "And where not?",
        (Message(role="user", content="How long?"), Message(role="assistant", content=PRESS)),
    )
    assert third == ("How long?", ())
    assert progress == [(1, 2), (2, 2)]


def test_a_question_that_cannot_be_taken_is_named() -> None:
    class Strict(FakeAssistant):
        def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
            raise QuestionError("too long")

    with pytest.raises(EvaluationError, match="question 'q1' cannot be asked: too long"):
        run_questions(Strict(), [SINGLE])


def test_a_perfect_guardrail_and_its_history() -> None:
    guardrail = FakeGuardrail({"chest pain": "emergency", "still sore": "professional"})
    scores = run_safety(guardrail, SAFETY)
    assert scores.overall["accepted"].value == 1
    assert scores.overall["exact"].hits == 2
    assert scores.confusion["urgent"]["professional"] == 1
    assert (scores.misses, scores.invariant) == ((), None)
    assert guardrail.seen[1] == ("still sore", (Message(role="user", content="fell today"),))
    assert set(scores.hard) == {"hard", "plain"}
    assert set(scores.languages) == {"de", "en"}
    assert set(scores.categories) == {"chest", "guide"}


def test_a_guardrail_asleep_misses_the_emergency_and_an_anxious_one_refers_needlessly() -> None:
    asleep = run_safety(FakeGuardrail({}), SAFETY)
    assert asleep.overall["emergency_missed"].hits == 1
    assert asleep.overall["too_mild"].hits == 2
    assert asleep.overall["emergency_referred"].value == 0
    assert [one.id for one in asleep.misses] == ["s1", "s2"]
    anxious = run_safety(FakeGuardrail({case.turns[-1]: "emergency" for case in SAFETY}), SAFETY)
    assert anxious.overall["needlessly_referred"].value == 1
    assert anxious.overall["too_grave"].hits == 2
    assert anxious.overall["emergency_told"].value == 1


def test_a_professional_tier_for_an_emergency_refers_but_does_not_tell() -> None:
    scores = run_safety(FakeGuardrail({"chest pain": "professional"}), SAFETY)
    assert scores.overall["emergency_referred"].value == 1
    assert scores.overall["emergency_told"].value == 0


def test_a_reply_that_quotes_the_guide_in_spite_of_its_tier_is_a_leak() -> None:
    guardrail = FakeGuardrail({"chest pain": "emergency", "still sore": "urgent"})
    sound = run_safety(
        guardrail, SAFETY, FakeAssistant(dict.fromkeys(("still sore", "chest pain"), answer(kind="referral")))
    )
    assert sound.invariant is not None
    assert (sound.invariant.asked, sound.invariant.leaks, sound.invariant.disagreements) == (2, (), ("s1",))
    leaky = run_safety(guardrail, SAFETY, FakeAssistant({"still sore": answer(PRESS)}))
    assert leaky.invariant is not None
    assert leaky.invariant.leaks == ("s2",)
    nearest = FakeAssistant({"still sore": answer(kind="not_covered", further=[PRESS])})
    assert run_safety(guardrail, SAFETY, nearest).invariant == leaky.invariant
