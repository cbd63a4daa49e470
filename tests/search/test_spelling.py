"""Slips of the finger are mended to words of the guide; words are left as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellcited.search import spelling
from wellcited.search.spelling import Spelling, vocabulary

ENGLISH = {"pressure", "stretch", "price", "presses", "muscles", "groin"}
GUIDE = [
    "The iliopsoas is what two muscles make.",
    "Hold the pressure, then stretch the iliacus.",
    "Fascia has sensors.",
]


@pytest.fixture
def guide() -> Spelling:
    return Spelling(vocabulary(GUIDE), ENGLISH.__contains__)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("what is the ilipsoas?", "what is the iliopsoas?"),
        ("Is facia smart", "Is fascia smart"),
        ("how much presure", "how much pressure"),
        ("strecth it", "stretch it"),
        ("the illiopsoaas hurts", "the iliopsoas hurts"),
    ],
)
def test_a_slip_is_mended(guide: Spelling, written: str, meant: str) -> None:
    assert guide.mended(written) == meant


@pytest.mark.parametrize(
    "text",
    [
        "what price",
        "my groin",
        "two mucsl",
        "iliopsoas",
        "zebra crossing",
        "",
        "12345 ???",
        "pres it",
        "one sensor",
        "whats that",
    ],
)
def test_words_short_ones_and_what_is_near_to_nothing_stay(guide: Spelling, text: str) -> None:
    assert guide.mended(text) == text


def test_a_vocabulary_of_many_guides_mends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "LARGEST", 2)
    assert Spelling(vocabulary(GUIDE), ENGLISH.__contains__).mended("ilipsoas") == "ilipsoas"


@given(st.text())
def test_any_text_is_read_and_all_but_its_words_stays(text: str) -> None:
    mended = Spelling(vocabulary(GUIDE), ENGLISH.__contains__).mended(text)
    assert spelling._WORD.sub("", mended) == spelling._WORD.sub("", text)
