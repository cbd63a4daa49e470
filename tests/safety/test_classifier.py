"""The classifier: what it reads, when it is asked, and how its opinion and the head's become one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import Built
from hypothesis import given
from hypothesis import strategies as st
from test_head import DIMENSION, blank, broken, guarded_by, shares, sure_of

from wellcited import bundle
from wellcited.datatypes import Message
from wellcited.encoding import QueryEncoder
from wellcited.errors import IndexDamaged
from wellcited.fitted import CLASSIFIER, Layer, digest_of_tasks
from wellcited.manifest import ModelInfo
from wellcited.safety import Guardrail
from wellcited.safety.classifier import LONGEST, Classifier, reading
from wellcited.safety.head import Head
from wellcited.safety.opinion import ASKED_AGAIN, together
from wellcited.safety.rules import TIERS

ORDINARY = "What does the psoas do?"
FALSE_ALARM = "I pulled my groin yesterday"


class Listening:
    """Counts what a classifier is asked."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        return blank(texts)


def leaning_to(tier: str, strength: float = 20.0, encode: Listening | None = None) -> Classifier:
    bias = np.array([strength if name == tier else 0.0 for name in TIERS], dtype=np.float32)
    return Classifier(encode or blank, Layer(np.zeros((DIMENSION, 4), dtype=np.float32), bias, "test"))


def unsure() -> Head:
    """A head that finds every tier as likely as the next."""
    return Head(blank, np.zeros((2 * DIMENSION + 16, 4), np.float32), np.zeros(4, np.float32), "test", {}, {})


def guarded(head: Head, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Guardrail:
    monkeypatch.setattr("wellcited.safety.guardrail.open_head", lambda encode, digest, kept: head)
    return Guardrail.open().with_head(blank, "any", classifier=classifier)


def test_it_reads_the_latest_messages_and_of_long_ones_the_end() -> None:
    assert reading(["one", "two", "three", "four"]) == "two [SEP] three [SEP] four"
    assert reading(["it is " + "very " * 400 + "sore"]).endswith("very sore")
    assert reading(["numb since 10:30 <b>today</b> javascript:x=1 see http://a.b/c"]) == "numb since 10:30     see  "
    varied = " ".join(map(str, range(1000)))
    assert reading([varied]) == varied[-LONGEST:]


@given(shares, shares)
def test_two_opinions_become_one_that_is_graver_than_neither_and_milder_than_neither(
    head: list[float], classifier: list[float]
) -> None:
    both = [tuple(value / sum(row) for value in row) for row in (head, classifier)]
    found = together(*both)  # type: ignore[arg-type]
    assert sum(found) == pytest.approx(1)
    calmer = (*(both[1][0] + (1 - both[1][0]) / 2, *(value / 2 for value in both[1][1:])),)
    assert together(both[0], calmer)[0] >= found[0] - 1e-9  # type: ignore[arg-type]


def test_where_the_rules_are_silent_and_the_head_is_sure_it_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Listening()
    seen = guarded(sure_of("none"), leaning_to("emergency", encode=ear), monkeypatch).examine(ORDINARY)
    assert (seen.tier, seen.classifier, ear.read) == ("none", None, [])


def test_where_a_rule_matched_it_is_asked_however_sure_the_head_is(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Listening()
    seen = guarded(sure_of("none"), leaning_to("none", encode=ear), monkeypatch).examine(FALSE_ALARM)
    assert seen.tier == "none"
    assert seen.classifier is not None
    assert ear.read == [FALSE_ALARM]


def test_a_rule_that_was_switched_off_is_no_reason_to_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Listening()
    seen = guarded(sure_of("none"), leaning_to("none", encode=ear), monkeypatch).examine("no fever, no numb leg")
    assert seen.findings
    assert (seen.tier, ear.read) == ("none", [])


@pytest.mark.parametrize("tier", TIERS)
def test_where_the_head_is_in_doubt_it_decides(tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = guarded(unsure(), leaning_to(tier), monkeypatch).examine(ORDINARY)
    assert seen.tier == tier
    assert seen.head == pytest.approx((0.25,) * 4)


def test_a_long_talk_of_false_alarms_is_asked_of_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Listening()
    guardrail = guarded(unsure(), leaning_to("none", encode=ear), monkeypatch)
    guardrail.examine(FALSE_ALARM, [Message(role="user", content=FALSE_ALARM)] * 40)
    assert len(ear.read) <= ASKED_AGAIN + 1


def test_it_never_overrules_self_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    guardrail = guarded(sure_of("none"), leaning_to("none"), monkeypatch)
    assert guardrail.triage("I want to kill myself").tier == "emergency"


def test_a_lasting_state_is_lowered_only_where_head_and_classifier_are_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    ruled_out = "We can rule out pregnancy, I'm pregnant with ideas. Why do hips stiffen?"
    both = guarded(sure_of("none"), leaning_to("none"), monkeypatch).examine(ruled_out)
    assert (both.tier_by_rules, both.tier) == ("professional", "none")
    in_doubt = guarded(sure_of("none"), leaning_to("professional"), monkeypatch).examine(ruled_out)
    assert in_doubt.tier == "professional"
    assert guarded_by(sure_of("none"), monkeypatch).triage(ruled_out).tier == "professional", "the head alone"


@pytest.mark.parametrize("bad", [broken, lambda texts: np.full((len(texts), DIMENSION), np.nan, np.float32)])
def test_if_it_fails_the_reader_is_referred(bad: object, monkeypatch: pytest.MonkeyPatch) -> None:
    weighty = Layer(np.ones((DIMENSION, 4), dtype=np.float32), leaning_to("none").layer.bias, "test")
    sick = Classifier(bad, weighty)  # type: ignore[arg-type]
    found = guarded(unsure(), sick, monkeypatch).triage(ORDINARY)
    assert (found.tier, found.reasons) == ("urgent", ("guardrail.failed",))


def test_a_bundle_of_the_default_model_holds_it_and_loads_it_when_it_is_first_asked(tiny: Built) -> None:
    assert tiny.build.manifest.model.fitted == digest_of_tasks()
    folder = tiny.build.folder / bundle.ENCODER
    encoder = QueryEncoder(folder)
    assert not encoder._fitted
    classifier = Classifier(partial(encoder.fitted, CLASSIFIER), CLASSIFIER.open_layer(folder))
    grave = classifier.judge(["I can't feel my legs and I have wet myself since I fell off the ladder an hour ago"])
    calm = classifier.judge(["Which muscle is the psoas?"])
    assert grave[3] > 0.5 > 0.1 > calm[3]
    assert calm[0] > 0.8


def test_a_classifier_that_is_gone_is_told(tiny: Built, tmp_path: Path) -> None:
    bundle.link_or_copy(tiny.build.folder / bundle.ENCODER, tmp_path)
    (tmp_path / CLASSIFIER.model_file).unlink()
    with pytest.raises(IndexDamaged, match="wellcited index"):
        QueryEncoder(tmp_path).fitted(CLASSIFIER, ["one"])


def test_its_digest_is_part_of_what_tells_an_export_from_another() -> None:
    model = ModelInfo(name="m", digest="d", fitted="one")
    assert model.vectors_key != model.model_copy(update={"fitted": "two"}).vectors_key
    assert model.key == model.model_copy(update={"fitted": "two"}).key


@given(st.text(max_size=3000))
def test_whatever_is_written_is_read_within_the_limit(text: str) -> None:
    assert len(reading([text, text])) <= LONGEST
