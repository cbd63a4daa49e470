"""Features of a sentence and a question, read off their words."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from wellcited.ranking import FEATURES, SentenceTraits, Wanted, content_words, trait_features, weights


def traits(*sentences: str) -> SentenceTraits:
    return SentenceTraits.of(sentences, [at == 0 for at in range(len(sentences))])


def test_words_without_a_topic_of_their_own_are_left_out() -> None:
    assert content_words("How long should I press on the Hip Flexors?") == ["long", "press", "hip", "flexors"]
    assert content_words("What is it, and why?") == []


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("How long do I press?", {"amount"}),
        ("how MANY minutes", {"amount"}),
        ("Why does it hurt?", {"reason"}),
        ("What is the psoas?", {"definition"}),
        ("Where’s the iliacus?", {"definition"}),
        ("Can I press daily?", set()),
        ("", set()),
    ],
)
def test_a_question_shows_what_kind_of_answer_it_asks_for(question: str, kinds: set[str]) -> None:
    asked = Wanted.of(question)
    assert {kind for kind in ("amount", "reason", "definition") if getattr(asked, kind)} == kinds


def test_a_sentence_shows_what_it_offers() -> None:
    found = traits(
        "The psoas joins the spine and the leg, deep in the body.",
        "“Does it hurt?”",
        "It lasts for 30 seconds because the muscle is slow to let go.",
        "",
    )
    assert found.flag("is_question", np.arange(4)).tolist() == [0, 1, 0, 0]
    assert found.flag("dangling", np.arange(4)).tolist() == [0, 0, 1, 0]
    assert found.flag("amount", np.arange(4)).tolist() == [0, 0, 1, 0]
    assert found.flag("reason", np.arange(4)).tolist() == [0, 0, 1, 0]
    assert found.opening(np.arange(4)).tolist() == [1, 0, 0, 0]
    short = found.short(np.arange(4))
    assert short[0] == 0
    assert short[3] == 1
    assert 0 < short[1] < 1


def test_amount_and_reason_count_only_where_they_are_asked_for() -> None:
    sentences = traits("Press for 30 seconds.", "It hurts because you sit.")
    assert trait_features(Wanted.of("How long?"), sentences, np.array([0, 1]))["amount"].tolist() == [1, 0]
    assert trait_features(Wanted.of("Why?"), sentences, np.array([0, 1]))["reason"].tolist() == [0, 1]
    assert not trait_features(Wanted.of("Can I?"), sentences, np.array([0, 1]))["amount"].any()
    assert not trait_features(Wanted.of("Can I?"), sentences, np.array([0, 1]))["reason"].any()


def test_a_definition_is_looked_for_where_a_sentence_opens_with_the_words_asked_about() -> None:
    sentences = traits("The psoas is a muscle.", "Muscles such as the psoas are deep.", "Sit still.")
    assert trait_features(Wanted.of("What is the psoas?"), sentences, np.arange(3))["named_first"].tolist() == [1, 1, 0]
    assert trait_features(Wanted.of("What is the psoas muscle?"), sentences, np.arange(3))["named_first"][0] == 1
    assert not trait_features(Wanted.of("What is it?"), sentences, np.arange(3))["named_first"].any()


def test_a_definition_says_what_the_very_thing_asked_about_is() -> None:
    sentences = traits("The psoas is a muscle.", "The task of the psoas is to lift.", "Stretch the psoas daily.")
    found = trait_features(Wanted.of("What is the psoas?"), sentences, np.arange(3))["definition"]
    assert found.tolist() == [1, 0.5, 0]
    assert not trait_features(Wanted.of("Why is the psoas tight?"), sentences, np.arange(3))["definition"].any()


def test_every_feature_has_one_finite_weight() -> None:
    table = json.loads(files("wellcited").joinpath("data/ranking.json").read_text("utf-8"))
    assert set(table["weights"]) == set(FEATURES)
    assert weights().shape == (len(FEATURES),)
    assert np.isfinite(weights()).all()
