"""Questions find sentences: every candidate has its features, and the best one stands first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from conftest import Built, bags_of_words

from wellcited import bundle
from wellcited.contents import Contents
from wellcited.datatypes import Hit
from wellcited.ranking import FEATURES, weights
from wellcited.retrieval import Evidence, Retriever, blend
from wellcited.search.dense import DenseIndex
from wellcited.search.lexical import LexicalIndex
from wellcited.search.stored import Vectors


class WordQueries:
    """The bag of words at answer time."""

    dimension = 64

    def encode(self, texts: Sequence[str]) -> Vectors:
        return bags_of_words(texts, self.dimension)

    def is_word(self, word: str) -> bool:
        return True


@pytest.fixture
def retriever(built: Built) -> Retriever:
    """The small corpus behind an encoder of which every number can be counted by hand."""
    build = built.build
    return Retriever(
        Contents.of(build.documents(), build.passages()),
        DenseIndex.open(build.folder / bundle.DENSE),
        LexicalIndex.open(build.folder / bundle.LEXICAL),
        WordQueries(),
    )


def evidence(retriever: Retriever, question: str) -> Evidence:
    return retriever.evidence(question, retriever.encode([question])[0])


def hits(retriever: Retriever, question: str, k: int = 5) -> Sequence[Hit]:
    return retriever.hits(evidence(retriever, question), k)


def best(retriever: Retriever, question: str) -> str:
    return evidence(retriever, question).texts(retriever.layout)[0]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How often should I descale a kettle?", "Descale the kettle once a month where the water is hard."),
        (
            "Why does a kettle whistle?",
            "A kettle whistles because steam is forced through two small plates in the spout.",
        ),
        ("Can I use cooking oil?", "Cooking oil turns into glue on a bicycle chain, so do not use it."),
        ("Which oil suits the rain?", "Wet oil suits a bicycle that is ridden in the rain."),
    ],
)
def test_the_sentence_that_answers_stands_first(tiny_retriever: Retriever, question: str, answer: str) -> None:
    assert best(tiny_retriever, question) == answer


def test_cosines_are_those_of_the_stored_texts(retriever: Retriever) -> None:
    question = "Why does the kettle rust?"
    found, rows = evidence(retriever, question), retriever.layout
    vector = bags_of_words([question])[0]
    sentences = bags_of_words([rows.sentences[row] for row in found.rows]) @ vector
    headed = bags_of_words([rows.headed[row] for row in found.rows]) @ vector
    passages = bags_of_words([rows.passages[rows.sentence_passage[row]] for row in found.rows]) @ vector
    assert np.allclose(found.column("sentence"), sentences, atol=1e-5)
    assert np.allclose(found.column("headed"), headed, atol=1e-5)
    assert np.allclose(found.column("passage"), passages, atol=1e-5)


def test_a_small_guide_is_looked_at_whole(retriever: Retriever) -> None:
    assert evidence(retriever, "rust").rows.tolist() == list(range(len(retriever.layout.sentences)))


def test_coverage_is_one_for_a_sentence_that_holds_all_terms_of_the_question(retriever: Retriever) -> None:
    found = evidence(retriever, "wet kettle rusts seam?")
    (row,) = [at for at, text in enumerate(retriever.layout.sentences) if text.startswith("A wet kettle rusts")]
    coverage = found.column("coverage")
    assert coverage[row] == pytest.approx(1)
    assert coverage.max() <= 1 + 1e-6
    assert (found.column("window_coverage") >= coverage - 1e-6).all()


def test_scores_are_the_weighted_features(retriever: Retriever) -> None:
    found = evidence(retriever, "Why does the kettle rust?")
    assert found.features.shape == (len(found.rows), len(FEATURES))
    assert np.allclose(found.scores, found.features @ weights())


@pytest.mark.parametrize("question", ["", "the", "zzz qqq", "日本語", "?", "a" * 4000, "word " * 800])
def test_a_question_without_a_known_word_still_has_finite_scores(tiny_retriever: Retriever, question: str) -> None:
    found = evidence(tiny_retriever, question)
    assert len(found.rows) > 0
    assert np.isfinite(found.scores).all()


def test_hits_are_the_sentences_of_the_best_passages_best_first(tiny_retriever: Retriever) -> None:
    question = "How often should I descale a kettle?"
    found = hits(tiny_retriever, question, k=4)
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert len({hit.passage.id for hit in found}) == 4
    for passage in {hit.passage.id: hit.passage for hit in found}.values():
        spans = {(hit.start, hit.end) for hit in found if hit.passage.id == passage.id}
        assert spans == {(span.start, span.end) for span in passage.sentences}
    others = [hit for hit in hits(tiny_retriever, question, k=1000) if hit not in found]
    best = {hit.passage.id: hit.score for hit in reversed(found)}
    assert max(hit.score for hit in others) <= min(best.values())


def test_no_more_hits_than_asked_for_and_none_for_none(tiny_retriever: Retriever) -> None:
    def passages(k: int) -> set[str]:
        return {hit.passage.id for hit in hits(tiny_retriever, "kettle", k)}

    assert len(passages(1)) == 1
    assert list(hits(tiny_retriever, "kettle", k=0)) == []
    assert len(passages(1000)) == len(tiny_retriever.passages)


def test_the_terms_of_a_question_are_the_stems_of_its_topic_words_each_once(tiny_retriever: Retriever) -> None:
    assert tiny_retriever.question_terms("How do I descale the kettles, and the kettle?") == ["descal", "kettl"]


def test_the_nearest_labels_are_headings_or_curated_questions_of_different_sections(tiny_retriever: Retriever) -> None:
    found = tiny_retriever.nearest_labels(evidence(tiny_retriever, "How do I get rid of limescale?"), 3)
    assert len(found) == len(set(found)) == 3
    assert set(found) <= set(tiny_retriever.layout.labels)
    assert found[0] in {
        "Descaling the kettle",
        "How do I get rid of limescale?",
        "How often should I descale a kettle?",
    }


def test_a_blend_weighs_the_features_of_several_questions(retriever: Retriever) -> None:
    one, two = evidence(retriever, "kettle"), evidence(retriever, "bicycle")
    whole = blend([(0.25, one), (0.75, two)])
    assert np.allclose(whole.scores, 0.25 * one.scores + 0.75 * two.scores, atol=1e-4)


def test_a_blend_keeps_the_candidates_of_all(retriever: Retriever) -> None:
    whole = evidence(retriever, "kettle")
    first, last = Evidence(whole.rows[:3], whole.features[:3]), Evidence(whole.rows[2:5], whole.features[2:5])
    mixed = blend([(0.5, first), (0.5, last)])
    assert mixed.rows.tolist() == [0, 1, 2, 3, 4]
    assert np.allclose(mixed.features[2], whole.features[2])
    assert np.allclose(mixed.features[0], 0.5 * whole.features[0])


def test_asking_twice_gives_the_same_evidence(tiny_retriever: Retriever) -> None:
    one, two = (evidence(tiny_retriever, "How long do I wait?") for _ in range(2))
    assert np.array_equal(one.rows, two.rows)
    assert np.array_equal(one.features, two.features)
