"""A plain-text guide keeps its structure: headings, list items and paragraphs, found without any markup."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest
from conftest import GUIDE_VARIABLE
from hypothesis import example, given

from wellcited.corpus.plaintext import parse_plaintext
from wellcited.corpus.splitting import split
from wellcited.datatypes import Block, Document

from .exactness import check_blocks, check_split, lengths, quick, texts

# kind, level, text: a guide as people paste it from a web page, one paragraph a line and no blank lines.
PASTED = [
    ("heading", 1, "The Complete Guide to Fountain Pens: how they write, why they leak, and what to do about it"),
    ("paragraph", 0, "A fountain pen is a pen that feeds ink to its nib by gravity and by the pull of fine channels."),
    ("paragraph", 0, "You may never have looked inside your pen - you don’t need to, so it stays out of mind."),
    ("heading", 2, "The parts of a pen"),
    ("paragraph", 0, "Let’s begin with every part, like the drawing in a box of toy bricks."),
    ("heading", 2, "The parts that touch the ink"),
    ("item", 1, "Nib: The nib is the split metal tip, and it is often made of gold."),
    ("item", 1, "Feed: The feed brings ink to the nib, and air back to the reservoir."),
    ("item", 1, "Converter/Cartridge: This holds the ink."),
    ("heading", 2, "Why do fountain pens leak?"),
    ("paragraph", 0, "Warm air swells. That is why a pen that is half empty drips in a warm hand."),
    ("heading", 2, "“Dry” and “wet” nibs"),
    ("paragraph", 0, "A wet nib lays down much ink; a dry one, little. “It’s a matter of taste,” most writers say."),
    ("heading", 2, "How to clean a pen"),
    ("paragraph", 0, "Cleaning takes three steps:"),
    ("heading", 2, "Step 1: flush the nib"),
    ("paragraph", 0, "Hold it under the tap for 30 to 60 seconds."),
    ("heading", 2, "Next, dry the nib"),
    ("paragraph", 0, "Wrap it in a cloth overnight."),
    ("heading", 2, "Fountain Pen FAQ"),
    ("heading", 3, "Can I take a fountain pen on a plane?"),
    ("paragraph", 0, "Yes. Fill it to the brim, and keep its tip up."),
    ("heading", 3, "Which paper should I use?"),
    ("paragraph", 0, "A smooth one."),
    ("paragraph", 0, "Share this guide with a friend who writes"),
]


def pasted(separator: str = "\n") -> str:
    return separator.join(("- " if kind == "item" else "") + words for kind, _, words in PASTED) + "\n"


def found(text: str) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, text[block.start : block.end]) for block in parse_plaintext(text)]


def headings(text: str) -> list[str]:
    return [words for kind, _, words in found(text) if kind == "heading"]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "  \n", "\n \t\n"])
def test_a_pasted_guide_keeps_every_heading_item_and_paragraph(separator: str) -> None:
    assert found(pasted(separator)) == PASTED


def test_a_byte_order_of_blank_lines_before_the_title_changes_nothing() -> None:
    assert found("\n\n  " + pasted()) == PASTED


def test_a_hard_wrapped_guide_has_the_same_headings_and_whole_paragraphs() -> None:
    wrapped = "\n\n".join(
        textwrap.fill(("- " if kind == "item" else "") + words, 50, break_on_hyphens=False)
        if kind != "heading"
        else words
        for kind, _, words in PASTED
    )
    assert [(kind, level, " ".join(words.split())) for kind, level, words in found(wrapped)] == PASTED


def test_wrapped_list_items_without_blank_lines_between_them_stay_apart() -> None:
    text = (
        "Pens\n\nA pen has two parts that you\ncan see from outside:\n"
        "- the cap, which keeps\nthe ink from drying\n- the barrel\n"
    )
    assert [(kind, words) for kind, _, words in found(text)] == [
        ("heading", "Pens"),
        ("paragraph", "A pen has two parts that you\ncan see from outside:"),
        ("item", "the cap, which keeps\nthe ink from drying"),
        ("item", "the barrel"),
    ]


def test_of_a_long_run_of_lines_like_headings_only_the_first_and_the_last_are_headings() -> None:
    text = "Contents\nNibs\nInks\nPapers\nCaps\nNibs in depth\nA nib is a tip.\n"
    assert headings(text) == ["Contents", "Nibs in depth"]
    assert headings("Contents\nNibs\nInks\nCaps\nA cap is a lid.\n") == ["Contents", "Caps"]
    assert "Papers" in [words for kind, _, words in found(text) if kind == "paragraph"]


def test_up_to_three_headings_may_follow_each_other() -> None:
    assert headings("Pens\nNibs\nGold nibs\nA gold nib bends.\n") == ["Pens", "Nibs", "Gold nibs"]


def test_the_last_line_is_no_heading_even_without_a_full_stop() -> None:
    assert headings("Pens\nA pen writes.\nHappy writing\n") == ["Pens"]
    assert headings("Pens\nA pen writes.\nHappy writing\nThe Pen Team\n") == ["Pens"]


@pytest.mark.parametrize(
    "line",
    [
        "A pen writes.",
        "Three things matter:",
        "Cap, barrel, nib;",
        "Stop!",
        "He said “stop.”",
        "and it goes on",
        "- Nib",
        "1. Nib",
        "***",
        "2024",
        "Ink dries. It clogs the feed",
        "This line is far too long to be a heading " + "because it goes on and on " * 4,
    ],
)
def test_a_line_that_reads_like_text_is_no_heading(line: str) -> None:
    assert headings(f"Pens\nA pen writes.\n{line}\nMore text follows here.\n") == ["Pens"]


def test_numbered_items_are_ordered_items_and_bulleted_ones_are_not() -> None:
    text = "How to fill a pen\n1. Open it.\n2) Dip the nib.\n10. Wipe it.\n• Done.\n3.5 ml of ink go in.\n"
    blocks = parse_plaintext(text)
    assert [(block.kind, block.ordered, text[block.start : block.end]) for block in blocks[1:]] == [
        ("item", True, "Open it."),
        ("item", True, "Dip the nib."),
        ("item", True, "Wipe it."),
        ("item", False, "Done."),
        ("paragraph", False, "3.5 ml of ink go in."),
    ]


def test_questions_outside_a_faq_stay_on_the_level_of_other_headings() -> None:
    text = "Pens\nText one.\nWhy do pens leak?\nThey do.\nInks\nInk is wet.\nWhat is ink?\nA dye in water.\n"
    assert [(level, words) for kind, level, words in found(text) if kind == "heading"] == [
        (1, "Pens"),
        (2, "Why do pens leak?"),
        (2, "Inks"),
        (2, "What is ink?"),
    ]


def test_a_heading_after_a_faq_is_a_section_of_its_own() -> None:
    text = "Pens\nText.\nPen FAQ\nWhy?\nSo.\nHow?\nThus.\nAbout us\nWe write.\n"
    assert [(level, words) for kind, level, words in found(text) if kind == "heading"][1:] == [
        (2, "Pen FAQ"),
        (3, "Why?"),
        (3, "How?"),
        (2, "About us"),
    ]


@pytest.mark.parametrize("text", ["", " \n\t\n", "\u2028"])
def test_a_text_of_white_space_has_no_blocks(text: str) -> None:
    assert parse_plaintext(text) == ()


def test_a_passage_carries_the_headings_that_lead_to_it() -> None:
    text = pasted()
    document = Document(id="pens", title="Pens", text=text, blocks=parse_plaintext(text))
    by_text = {passage.text: passage.headings for passage in split(document)}
    title = PASTED[0][2]
    assert by_text["Wrap it in a cloth overnight."] == (title, "Next, dry the nib")
    assert by_text["Yes. Fill it to the brim, and keep its tip up."] == (
        title,
        "Fountain Pen FAQ",
        "Can I take a fountain pen on a plane?",
    )


@quick
@given(texts)
def test_blocks_of_any_text_are_slices_in_order(text: str) -> None:
    check_blocks(text, parse_plaintext(text))


@quick
@example("word " + "- " * 900 + "end", 100)  # no sentence claims the middle; a passage must
@given(texts, lengths)
def test_splitting_any_text_loses_nothing_and_repeats_nothing(text: str, max_chars: int) -> None:
    check_split(text, parse_plaintext(text), max_chars)


# A real guide to try beside the samples: its path in WELLCITED_TEST_GUIDE, its number of headings in
# WELLCITED_TEST_GUIDE_HEADINGS. Without them, these tests have the sample alone.
GUIDES = [path for path in [os.environ.get(GUIDE_VARIABLE)] if path]
SAMPLES = [pytest.param(pasted(), sum(kind == "heading" for kind, _, _ in PASTED), id="pasted")] + [
    pytest.param(Path(path).read_text("utf-8"), int(os.environ.get("WELLCITED_TEST_GUIDE_HEADINGS", "22")), id="given")
    for path in GUIDES
]


@pytest.mark.parametrize(("text", "count"), SAMPLES)
def test_a_whole_guide_has_its_headings_and_exact_slices(text: str, count: int) -> None:
    blocks: tuple[Block, ...] = parse_plaintext(text)
    assert sum(block.kind == "heading" for block in blocks) == count
    check_split(text, blocks, 700)
