"""Evidence counts as shown when the reader saw most of it, whatever its white space and typography."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.evaluation.evidence import Atlas, pieces, sentences, squeeze

from .fakes import GUIDE, cite

ATLAS = Atlas({GUIDE.id: GUIDE})
PRESS = "Press for 30 to 90 seconds."
words = st.text(alphabet=st.sampled_from("ab –’“\n.½ﬁ\u00ad\u0301"), max_size=30)


def test_white_space_quotes_and_dashes_do_not_matter() -> None:
    for span in ("Don't press on  a bone.", '"Slow breathing" helps', "psoas - a long\nmuscle"):
        assert len(ATLAS.locate(span)) == 1
        assert ATLAS.coverage(span, pieces([cite(GUIDE.text)])) == 1


def test_coverage_is_the_share_of_the_span_that_was_quoted() -> None:
    assert ATLAS.coverage(PRESS, pieces([cite("Press for 30 to")])) == pytest.approx(12 / 22)
    assert ATLAS.coverage(PRESS, pieces([cite("A ball is fine at first.")])) == 0
    assert ATLAS.coverage(PRESS, []) == 0


def test_parts_shown_by_different_quotes_add_up_but_overlaps_do_not_count_twice() -> None:
    halves = pieces([cite("Press for 30 to"), cite("90 seconds.")])
    assert ATLAS.coverage(PRESS, halves) == 1
    assert ATLAS.coverage(PRESS, pieces([cite("Press for 30 to")] * 2)) == pytest.approx(12 / 22)


def test_words_alike_elsewhere_do_not_count_for_a_span_that_stands_in_the_guide() -> None:
    assert ATLAS.coverage("Don’t press on a bone.", pieces([cite("Press for")])) == 0


def test_a_span_of_another_edition_is_compared_by_its_longest_common_run() -> None:
    span = "Press for 30 to 90 seconds, then rest"
    assert not ATLAS.locate(span)
    assert ATLAS.coverage(span, pieces([cite(PRESS)])) == pytest.approx(21 / 30)
    assert ATLAS.shows([[span]], pieces([cite(PRESS)]))


def test_one_alternative_is_enough_but_all_its_spans_are_needed() -> None:
    shown = pieces([cite(PRESS)])
    assert ATLAS.shows([["A ball is fine at first."], [PRESS]], shown)
    assert not ATLAS.shows([[PRESS, "A ball is fine at first."]], shown)
    assert not ATLAS.shows([], shown)


def test_quotes_are_cut_at_the_window_with_a_line_break_between_them() -> None:
    first, second = cite("A ball is fine"), cite(PRESS)
    cut = pieces([first, second], len(first.quote) + 1 + 5)
    assert [piece.text for piece in cut] == ["A ball is fine", "Press"]
    assert all(GUIDE.text[piece.start : piece.end] == piece.text for piece in cut)
    assert len(pieces([first, second], len(first.quote) + 1)) == 1


def test_a_quote_is_divided_into_its_sentences() -> None:
    quote = cite(
        "Press for 30 to 90 seconds. Don’t press on a bone. “Slow breathing” helps.\n\nA ball is fine at first."
    )
    assert [piece.text.strip() for piece in sentences(quote)] == [
        PRESS,
        "Don’t press on a bone.",
        "“Slow breathing” helps.",
        "A ball is fine at first.",
    ]


def test_a_sentence_touches_the_evidence_that_it_shares_words_with() -> None:
    (press,) = sentences(cite(PRESS))
    assert ATLAS.touches([["A ball is fine"], ["90 seconds. Don’t"]], press)
    assert not ATLAS.touches([["Don’t press on a bone."]], press)
    assert ATLAS.touches([["Press for 30 to 90 seconds!!"]], press)


@given(words)
def test_squeezing_twice_is_squeezing_once_and_offsets_rise(text: str) -> None:
    squeezed = squeeze(text)
    assert squeeze(squeezed.text).text == squeezed.text
    assert list(squeezed.offsets) == sorted(squeezed.offsets)
    assert len(squeezed.offsets) == len(squeezed.text)


@given(words, st.integers(0, len(GUIDE.text) - 1), st.integers(1, 60), st.integers(0, 80), st.integers(0, 80))
def test_coverage_is_bounded_and_grows_with_the_window(words: str, start: int, size: int, some: int, more: int) -> None:
    quotes = [cite(PRESS), cite(GUIDE.text[start : start + size])]
    for span in (words or "a", GUIDE.text[start : start + size]):
        less = ATLAS.coverage(span, pieces(quotes, some))
        assert 0 <= less <= ATLAS.coverage(span, pieces(quotes, some + more)) <= 1


@given(st.integers(0, len(GUIDE.text) - 2), st.integers(1, 90))
def test_what_was_quoted_whole_is_covered_whole(start: int, size: int) -> None:
    span = GUIDE.text[start : start + size]
    if squeeze(span).text:
        assert ATLAS.coverage(span, pieces([cite(span)])) >= (1 if GUIDE.text.count(span) == 1 else 0)
