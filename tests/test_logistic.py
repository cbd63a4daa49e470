"""Probabilities and their logits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.logistic import logistic, logit


@given(st.floats(1e-9, 1 - 1e-9))
def test_a_probability_comes_back_from_its_logit(probability: float) -> None:
    assert logistic(logit(probability)) == pytest.approx(probability)


@given(st.floats(allow_nan=False))
def test_any_number_gives_a_probability(number: float) -> None:
    assert 0 < logistic(number) <= 1
    assert logistic(number) + logistic(-number) == pytest.approx(1)
