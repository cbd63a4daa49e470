"""Every number stays within its bounds, and says how sure it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellcited.evaluation.metrics import aurc, best_aurc, quantile, risk_coverage, share, wilson

replies = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


def test_nothing_measured_is_no_number() -> None:
    for score in (share([], []), share([0], [0]), quantile([], 0.5), wilson(0, 0), aurc([], [])):
        assert (score.value, score.low, score.high, score.of) == (None, None, None, 0)
    assert best_aurc([]) is None
    assert risk_coverage([], []) == []


def test_a_share_is_pooled_over_what_each_question_had() -> None:
    score = share([1, 3, 0], [4, 4, 0])
    assert (score.value, score.hits, score.of) == (0.5, 4, 8)
    assert score.low is not None
    assert score.low >= 0.25


def test_the_same_numbers_give_the_same_interval() -> None:
    assert share([1, 0, 1, 1], [1] * 4) == share([1, 0, 1, 1], [1] * 4)


def test_wilson_agrees_with_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I: 81 of 263 and 0 of 20.
    score, none = wilson(81, 263), wilson(0, 20)
    assert (score.low, score.high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert (none.low, none.high) == (0, pytest.approx(0.1611, abs=5e-5))


def test_the_area_of_a_hand_worked_curve() -> None:
    confidence, wrong = [0.9, 0.8, 0.7, 0.6], [False, True, False, True]
    assert risk_coverage(confidence, wrong) == [
        (0.25, 0),
        (0.5, 0.5),
        (0.75, pytest.approx(1 / 3)),
        (1, 0.5),
    ]
    assert aurc(confidence, wrong).value == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert best_aurc(wrong) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


@given(replies)
@settings(max_examples=50, deadline=None)
def test_the_area_is_bounded_and_never_below_the_best(found: list[tuple[float, bool]]) -> None:
    confidence, wrong = [one for one, _ in found], [bad for _, bad in found]
    area, best = aurc(confidence, wrong), best_aurc(wrong)
    assert area.value is not None
    assert best is not None
    assert 0 <= best <= area.value + 1e-12 <= 1 + 1e-9
    assert area.low is not None
    assert area.high is not None
    assert 0 <= area.low <= area.high <= 1


@given(replies, st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_the_curve_does_not_depend_on_the_order_of_the_file(found: list[tuple[float, bool]], turn: int) -> None:
    other = [*found[turn:], *found[:turn]][::-1]
    curves = [risk_coverage([one for one, _ in run], [bad for _, bad in run]) for run in (found, other)]
    assert [risk for _, risk in curves[0]] == pytest.approx([risk for _, risk in curves[1]])
    assert curves[0][-1] == (1, pytest.approx(sum(bad for _, bad in found) / len(found)))


@given(st.lists(st.integers(0, 4).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), max_size=30))
@settings(max_examples=50, deadline=None)
def test_a_share_and_its_interval_are_bounded(pairs: list[tuple[int, int]]) -> None:
    score = share([hit for hit, _ in pairs], [of for _, of in pairs])
    if score.value is not None and score.low is not None and score.high is not None:
        assert 0 <= score.low <= score.high <= 1
        assert 0 <= score.value <= 1


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_interval_holds_its_share(pair: tuple[int, int]) -> None:
    score = wilson(*pair)
    assert score.value is not None
    assert score.low is not None
    assert score.high is not None
    assert 0 <= score.low <= score.value <= score.high <= 1
    assert score.low < score.high


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_quantile_lies_between_the_least_and_the_most(values: list[float]) -> None:
    score = quantile(values, 0.95)
    assert score.value is not None
    assert min(values) <= score.value <= max(values) * (1 + 1e-9)
