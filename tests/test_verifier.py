"""The verifier: what it reads, when it is asked, and what comes of its opinion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
from conftest import Built
from hypothesis import given
from hypothesis import strategies as st

from wellcited import bundle
from wellcited.assistant import Assistant
from wellcited.confidence import threshold
from wellcited.encoding import QueryEncoder
from wellcited.fitted import VERIFIER, Layer
from wellcited.settings import Settings
from wellcited.verifier import DOUBT, QUESTION_CHARS, READ, SENTENCE_CHARS, Verifier, reading

SENTENCES = ["Descaling: Descale the kettle every month.", "Descaling: Use vinegar."]
DIMENSION = 8


class Listening:
    """Gives one vector for everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        return np.zeros((len(texts), DIMENSION), dtype=np.float32)


def saying(logit: float, ear: Listening | None = None) -> Verifier:
    layer = Layer(np.zeros((DIMENSION, 1), dtype=np.float32), np.array([logit], dtype=np.float32), "test")
    return Verifier(ear or Listening(), layer)


def test_it_reads_the_question_and_the_best_sentences_under_their_headings() -> None:
    assert reading("How often?", [*SENTENCES, "never read"]) == " [SEP] ".join(["How often?", *SENTENCES])
    assert reading("alone", []) == "alone"


def test_of_what_is_long_it_reads_the_beginning() -> None:
    question, *sentences = reading("q" * 5000, ["a" * 5000, "b" * 5000]).split(" [SEP] ")
    assert (len(question), [len(sentence) for sentence in sentences]) == (QUESTION_CHARS, [SENTENCE_CHARS] * READ)


@given(st.lists(st.floats(*DOUBT), min_size=2, max_size=2), st.lists(st.floats(-8, 8), min_size=2, max_size=2))
def test_it_stays_a_probability_and_grows_with_both(confidences: list[float], logits: list[float]) -> None:
    pairs = zip(sorted(confidences), sorted(logits), strict=True)
    found = [saying(logit).sure(confidence, "How often?", SENTENCES) for confidence, logit in pairs]
    assert 0 <= found[0] <= found[1] <= 1
    assert saying(max(logits)).sure(min(confidences), "How often?", SENTENCES) <= found[1]


@pytest.mark.parametrize("confidence", [0.0, DOUBT[0], DOUBT[1], 1.0])
def test_where_the_signs_are_sure_it_is_not_asked(
    tiny_assistant: Assistant, monkeypatch: pytest.MonkeyPatch, confidence: float
) -> None:
    ear = Listening()
    monkeypatch.setattr("wellcited.confidence.confidence", lambda signs: confidence)
    monkeypatch.setattr(tiny_assistant, "_verifier", saying(-8, ear))
    assert tiny_assistant.ask("In which season does the kettle get its crust?").confidence == confidence
    assert not ear.read


def test_where_they_doubt_it_turns_the_decision_either_way() -> None:
    doubt, limit = threshold(), threshold()
    assert saying(-4).sure(doubt + 0.1, "How often?", SENTENCES) < limit < saying(4).sure(doubt, "How?", SENTENCES)


def test_a_bundle_of_the_default_model_holds_one_that_tells_an_answer_from_what_is_near(tiny: Built) -> None:
    folder = tiny.build.folder / bundle.ENCODER
    verifier = Verifier(partial(QueryEncoder(folder).fitted, VERIFIER), VERIFIER.open_layer(folder))
    question = "How often should I descale a kettle?"
    vinegar = "Descaling the kettle: Leave the vinegar in the kettle for 20 minutes before you rinse it."
    near = [vinegar, "Storing a kettle: Empty the kettle before you store it."]
    answered = ["Descaling the kettle: Descale the kettle once a month where the water is hard.", vinegar]
    assert verifier.sure(0.3, question, answered) > verifier.sure(0.3, question, near) + 0.05
    asked = "How long do I leave the vinegar in?"
    assert verifier.sure(0.3, asked, near) > verifier.sure(0.3, "Where do I buy a descaler?", near) + 0.1


def test_the_assistant_asks_it_in_doubt_and_declines_what_it_denies(
    tiny: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant = Assistant.of(tiny.build, Settings())
    ear = Listening()
    monkeypatch.setattr("wellcited.confidence.confidence", lambda signs: 0.3)
    question = "In which season does the kettle get its crust?"
    monkeypatch.setattr(assistant, "_verifier", saying(4, ear))
    assert assistant.ask(question).kind == "answer"
    monkeypatch.setattr(assistant, "_verifier", saying(-4, ear))
    assert assistant.ask(question).kind == "not_covered"
    assert len(ear.read) == 2
    assert ear.read[0].startswith(f"{question} [SEP] ")


def test_a_message_that_asks_several_things_is_left_to_the_signs(
    tiny_assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear = Listening()
    monkeypatch.setattr("wellcited.confidence.confidence", lambda signs: 0.3)
    monkeypatch.setattr(tiny_assistant, "_verifier", saying(-8, ear))
    assert (
        tiny_assistant.ask("How often do I descale a kettle, and how long does the vinegar stay in?").kind == "answer"
    )
    assert not ear.read
