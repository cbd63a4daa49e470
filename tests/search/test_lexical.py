"""The term search is BM25: it agrees with the formula, and knows no word that the guide does not."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellcited.errors import IndexDamaged
from wellcited.search.lexical import LexicalIndex, terms, words

ENTRIES = [
    ["kettl", "whistl", "steam"],
    ["kettl", "kettl", "kettl", "limescal"],
    ["pen", "ink"],
    [],
    ["ink", "ink", "nib", "pen", "feed", "cap", "barrel", "steam"],
]


def bm25(query: list[str], entries: list[list[str]], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """Lucene's BM25, straight from its formula; an entry without terms counts as one term long."""
    lengths = [max(1, len(entry)) for entry in entries]
    average = sum(lengths) / len(lengths)
    scores = []
    for entry, length in zip(entries, lengths, strict=True):
        score = 0.0
        for term in query:
            holding = sum(term in other for other in entries)
            idf = math.log(1 + (len(entries) - holding + 0.5) / (holding + 0.5))
            frequency = entry.count(term)
            score += idf * frequency / (frequency + k1 * (1 - b + b * length / average))
        scores.append(score)
    return scores


@pytest.mark.parametrize(
    "query", [["kettl"], ["ink", "steam"], ["ink", "ink"], ["limescal", "nib", "pen"], ["steam", "unknown", "pen"]]
)
def test_scores_are_those_of_the_formula(query: list[str]) -> None:
    found = LexicalIndex.build(ENTRIES).scores(query)
    assert found.shape == (5,)
    assert np.allclose(found, bm25(query, ENTRIES), atol=1e-5)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8), min_size=1, max_size=8).filter(any),
    st.lists(st.sampled_from("abcdefgxyz"), max_size=5),
)
def test_scores_of_any_entries_are_those_of_the_formula(entries: list[list[str]], query: list[str]) -> None:
    assert np.allclose(LexicalIndex.build(entries).scores(query), bm25(query, entries), atol=1e-5)


@pytest.mark.parametrize("query", [[], [""], ["unknown"], ["un", "known", ""]])
def test_a_query_without_a_known_term_scores_nothing(query: list[str]) -> None:
    found = LexicalIndex.build(ENTRIES).scores(query)
    assert found.tolist() == [0, 0, 0, 0, 0]


def test_the_index_knows_its_terms_and_how_rare_they_are() -> None:
    index = LexicalIndex.build(ENTRIES)
    assert len(index) == 5
    assert all(index.knows(term) for entry in ENTRIES for term in entry)
    assert index.knows("nib")
    assert not index.knows("")
    assert not index.knows("unknown")
    assert index.idf("nib") == pytest.approx(math.log(1 + 4.5 / 1.5))
    assert index.idf("unknown") > index.idf("nib") > index.idf("pen") > 0


def test_what_was_saved_is_opened(tmp_path: Path) -> None:
    built = LexicalIndex.build([*ENTRIES, ["日本語", "été", "ß"]])
    built.save(tmp_path / "lexical")
    opened = LexicalIndex.open(tmp_path / "lexical")
    assert len(opened) == len(built)
    assert [opened.knows(term) for term in ("kettl", "été", "unknown")] == [True, True, False]
    for query in (["kettl", "steam"], ["日本語"], [], ["unknown"]):
        assert opened.scores(query).tolist() == built.scores(query).tolist()
    assert opened.idf("ink") == built.idf("ink")


def test_saving_the_same_entries_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        LexicalIndex.build(ENTRIES).save(tmp_path / name)
    files = {path.name for path in (tmp_path / "one").iterdir()}
    assert files == {path.name for path in (tmp_path / "two").iterdir()}
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


def test_every_damaged_or_missing_file_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    folder = tmp_path / "lexical"
    LexicalIndex.build(ENTRIES).save(folder)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) >= 4
    for name in names:
        whole = (folder / name).read_bytes()
        for content in (None, b"", b"\xff\xfe nonsense"):
            (folder / name).unlink(missing_ok=True)
            if content is not None:
                (folder / name).write_bytes(content)
            with pytest.raises(IndexDamaged, match=r"lexical: cannot be opened: .*run: wellcited index"):
                LexicalIndex.open(folder)
        (folder / name).write_bytes(whole)
    assert len(LexicalIndex.open(folder)) == 5
    with pytest.raises(IndexDamaged):
        LexicalIndex.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't press, ever!", ["dont", "press", "ever"]),
        ("Don’t", ["dont"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("hip-flexor/psoas_iliacus", ["hip", "flexor", "psoas", "iliacus"]),
        ("30–90 seconds", ["30", "90", "seconds"]),
        ("日本語 и 😀", ["日本語", "и"]),
        ("… !?", []),
        ("", []),
    ],
)
def test_words_are_lower_case_and_without_accents_and_apostrophes(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_terms_of_a_language_are_its_stems() -> None:
    assert terms("Stretching stretches the stretched muscles") == ["stretch", "stretch", "the", "stretch", "muscl"]
    assert terms("muscles", "en-GB") == terms("muscles", "EN") == terms("muscles", "tlh") == ["muscl"]
    assert terms("Häuser", "de") == terms("hauses", "de")


def test_which_entries_hold_a_term_is_told_for_each_term() -> None:
    held = LexicalIndex.build(ENTRIES).holding(["steam", "unheard", "ink"], np.arange(5))
    assert held.T.tolist() == [
        [True, False, False, False, True],
        [False] * 5,
        [False, False, True, False, True],
    ]


def test_which_of_some_entries_hold_a_term_agrees_with_asking_of_all() -> None:
    index = LexicalIndex.build([[f"a{number % 3}", f"b{number % 7}"] for number in range(100)])
    rows = np.array([3, 99, 0, 42, 3])
    assert np.array_equal(index.holding(["a0", "b0"], rows), index.holding(["a0", "b0"], np.arange(100))[rows])
    assert index.holding(["a0", "b0"], rows).tolist() == [[row % 3 == 0, row % 7 == 0] for row in rows.tolist()]


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0]), max_size=30), st.integers(1, 10))
def test_the_best_entries_are_those_that_sorting_all_would_put_first(scores: list[float], k: int) -> None:
    array = np.array(scores, dtype=np.float32)
    first = np.argsort(-array, kind="stable")[:k]
    assert LexicalIndex.best(array, k).tolist() == sorted(first[array[first] > 0].tolist())
