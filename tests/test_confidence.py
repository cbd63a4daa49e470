"""How sure wellcited is: a probability of signs, each of which can be read off the question and what was found."""

from __future__ import annotations

import json
import math
from importlib.resources import files

import numpy as np
import pytest

from wellcited.confidence import SIGNS, confidence, signs, threshold
from wellcited.ranking import FEATURES, weights
from wellcited.retrieval import Evidence
from wellcited.search.lexical import LexicalIndex

TABLE = json.loads(files("wellcited").joinpath("data/confidence.json").read_text("utf-8"))
LEXICAL = LexicalIndex.build([["kettl", "rust"], ["pen"], ["ink", "pen"]])


def evidence(**columns: list[float]) -> Evidence:
    """Three candidates with these features, 0 for all others."""
    features = np.zeros((3, len(FEATURES)), dtype=np.float32)
    for name, values in columns.items():
        features[:, FEATURES.index(name)] = values
    return Evidence(np.arange(3), features)


def found(question: str, stems: list[str], sentences: list[str], leaning: float = 0.0) -> dict[str, float]:
    return signs(question, leaning, stems, evidence(sentence=[0.1, 0.9, 0.5]), sentences, LEXICAL)


def test_every_sign_has_one_weight_and_the_threshold_is_a_probability() -> None:
    assert set(TABLE["weights"]) == set(SIGNS)
    assert set(found("Pen?", ["pen"], ["A pen."] * 3)) == set(SIGNS)
    assert 0 < threshold() < 1


def test_confidence_is_the_logistic_of_the_weighted_signs() -> None:
    values = {name: 0.1 * at for at, name in enumerate(SIGNS)}
    logit = TABLE["bias"] + sum(TABLE["weights"][name] * values[name] for name in SIGNS)
    assert confidence(values) == pytest.approx(1 / (1 + math.exp(-logit)))


@pytest.mark.parametrize("size", [1e6, -1e6])
def test_confidence_stays_a_probability_for_any_signs(size: float) -> None:
    assert 0 <= confidence(dict.fromkeys(SIGNS, size)) <= 1


def test_the_best_candidates_give_the_scores() -> None:
    candidates = evidence(sentence=[0.1, 0.9, 0.5], coverage=[0.2, 0.4, 1.0], headed=[0.3, 0.2, 0.1])
    values = signs("pen?", 0.5, ["pen"], candidates, ["a", "b", "c"], LEXICAL)
    best = int(np.argmax(candidates.features @ weights()))
    assert values["top"] == pytest.approx(float(candidates.scores.max()))
    assert (values["sentence"], values["headed"]) == (pytest.approx(0.9), pytest.approx(0.3))
    assert values["best_coverage"] == pytest.approx([0.2, 0.4, 1.0][best])
    assert values["leaning"] == 0.5


def test_words_foreign_to_the_guide_are_a_sign_of_their_own() -> None:
    none, half, whole = (found("?", stems, ["a"] * 3) for stems in (["pen"], ["pen", "zebra"], ["zebra", "gnu"]))
    assert (none["foreign_share"], none["foreign_count"]) == (0, 0)
    assert 0 < half["foreign_share"] < 1
    assert (whole["foreign_share"], whole["foreign_count"]) == (1, 2)
    assert found("?", [], ["a"] * 3)["foreign_share"] == 0


@pytest.mark.parametrize(
    ("question", "lacks", "holds"),
    [
        ("How much does a pen cost?", "A pen writes.", "A pen is $5."),
        ("How long does ink dry?", "Ink dries.", "Ink dries for ten minutes."),
        ("How often do I rinse?", "Rinse the nib.", "Rinse the nib every month."),
        ("How hot should the water be?", "Use hot water.", "Use water of 40 degrees."),
        ("How heavy is it?", "It is heavy.", "It weighs 20 grams."),
    ],
)
def test_a_kind_of_amount_that_the_best_three_sentences_lack_is_a_sign(question: str, lacks: str, holds: str) -> None:
    assert found(question, [], [lacks, lacks, lacks, holds])["kind_missing"] == 1
    assert found(question, [], [lacks, lacks, holds])["kind_missing"] == 0
    assert found(question, [], [holds, lacks, lacks])["kind_missing"] == 0
    assert found("Does it write?", [], [lacks] * 3)["kind_missing"] == 0


def test_a_question_about_buying_is_a_sign_where_the_guide_sells_nothing() -> None:
    assert found("Where can I buy one?", [], ["It writes."] * 3)["shopping"] == 1
    assert found("Where can I buy one?", [], ["It writes.", "Buy it in a shop.", "Ink."])["shopping"] == 0
    assert found("How does it write?", [], ["It writes."] * 3)["shopping"] == 0
