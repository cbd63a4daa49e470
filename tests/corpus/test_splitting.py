"""Passages: whole blocks under one heading, with ids that survive a rebuild."""

from __future__ import annotations

import hashlib

import pytest

from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.plaintext import parse_plaintext
from wellcited.corpus.sentences import MAX_SENTENCE, sentence_spans
from wellcited.corpus.slugs import MAX_SLUG, Slugs, slugify
from wellcited.corpus.splitting import section_slug, split
from wellcited.datatypes import Document, Passage


def passages(source: str, max_chars: int = 700) -> list[Passage]:
    text, blocks = parse_markdown(source)
    return split(Document(id="pens", title="Pens", text=text, blocks=blocks), max_chars)


def section_of(passage: Passage) -> str:
    return passage.id.rpartition("/")[0]


def sentences(text: str, language: str = "en") -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text, 0, len(text), language)]


def test_a_passage_never_crosses_a_heading() -> None:
    found = passages("# Pens\n\nOne.\n\n## Nibs\n\nTwo.\n\n## Inks\n\nThree.")
    assert [(passage.headings, passage.text) for passage in found] == [
        (("Pens",), "One."),
        (("Pens", "Nibs"), "Two."),
        (("Pens", "Inks"), "Three."),
    ]


def test_text_before_the_first_heading_stands_under_the_title() -> None:
    found = passages("Before.\n\n# Nibs\n\nAfter.")
    assert [(section_of(passage), passage.headings) for passage in found] == [
        ("pens/start", ("Pens",)),
        ("pens/nibs", ("Nibs",)),
    ]


def test_an_id_is_document_section_and_a_digest_of_the_text() -> None:
    found = passages("# Nibs\n\nOne.\n\nTwo.\n\nOne.\n\n# Inks\n\nOne.", max_chars=5)
    one, two = (hashlib.sha256(text).hexdigest()[:10] for text in (b"One.", b"Two."))
    wanted = [f"pens/nibs/{one}", f"pens/nibs/{two}", f"pens/nibs/{one}-2", f"pens/inks/{one}"]
    assert [passage.id for passage in found] == wanted
    assert [section_slug(passage) for passage in found] == ["nibs", "nibs", "nibs", "inks"]


def test_a_passage_keeps_its_id_when_others_come_before_it_and_no_id_gets_another_text() -> None:
    before = passages("# Nibs\n\nOne.\n\nTwo.", max_chars=5)
    after = passages("# Nibs\n\nNew.\n\nTwo.\n\nOne, reworded.", max_chars=5)
    texts = {passage.id: passage.text for passage in before}
    assert [passage.id for passage in after if passage.id in texts] == [before[1].id]
    assert all(texts.get(passage.id, passage.text) == passage.text for passage in after)


def test_editing_one_section_leaves_the_ids_of_the_others() -> None:
    before = passages("# Pens\n\nOne.\n\n## Nibs\n\nTwo.\n\n## Inks\n\nThree.\n\nFour.", max_chars=20)
    after = passages(
        "# Pens\n\nOne.\n\n## Nibs\n\n" + "Two, at length. " * 9 + "\n\n## Inks\n\nThree.\n\nFour.", max_chars=20
    )
    assert len(after) > len(before)
    assert {p.id: p.text for p in before if "/inks/" in p.id} == {p.id: p.text for p in after if "/inks/" in p.id}


def test_sections_of_the_same_name_get_ids_of_their_own() -> None:
    found = passages("# Why?\n\nOne.\n\n# Why?\n\nTwo.\n\n# Why 2\n\nThree.\n\n# ???\n\nFour.\n\n# !!!\n\nFive.")
    assert [section_of(passage) for passage in found] == [
        "pens/why",
        "pens/why-2",
        "pens/why-2-2",
        "pens/section",
        "pens/section-2",
    ]


def test_short_blocks_are_packed_up_to_the_limit_and_long_ones_cut_between_sentences() -> None:
    packed = passages("One is here.\n\nTwo is here.\n\nThree is here.", max_chars=30)
    assert [passage.text for passage in packed] == ["One is here.\n\nTwo is here.", "Three is here."]
    cut = passages("The first one is here. The second one is here. The third.", max_chars=50)
    assert [passage.text for passage in cut] == ["The first one is here. The second one is here.", "The third."]


def test_the_marker_of_a_list_item_goes_with_its_passage() -> None:
    text = "Pens\n- Nib: the tip.\n1. Dip it.\n"
    (passage,) = split(Document(id="d", title="t", text=text, blocks=parse_plaintext(text)))
    assert passage.text == "- Nib: the tip.\n1. Dip it."
    assert [text[s.start : s.end] for s in passage.sentences] == ["Nib: the tip.", "Dip it."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Ask Dr. Smith, e.g. at 3.5 km. He knows.", ["Ask Dr. Smith, e.g. at 3.5 km.", "He knows."]),
        ("1. Dip the nib. 2. Wipe it.", ["1. Dip the nib.", "2. Wipe it."]),
        ("Really?! ... Yes.", ["Really?! ...", "Yes."]),
        ("  \n Padded.  ", ["Padded."]),
        ("!!! …", []),
        ("", []),
        ("😀😀 First. 🎉 Second.", ["😀😀 First.", "🎉 Second."]),
    ],
)
def test_sentences_are_what_a_reader_would_call_one(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_run_without_punctuation_is_cut_at_a_space() -> None:
    found = sentences("word " * 1000)
    assert len(found) > 1
    assert all(len(sentence) <= MAX_SENTENCE and set(sentence.split()) == {"word"} for sentence in found)
    assert sum(len(sentence.split()) for sentence in found) == 1000


def test_a_language_without_rules_of_its_own_is_cut_like_any_other() -> None:
    assert sentences("One here. Two here.", "tlh") == ["One here.", "Two here."]


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("How long do I press?", "how-long-do-i-press"),
        ("Don’t press — ever!", "dont-press-ever"),
        ("Crème brûlée", "creme-brulee"),
        ("日本語 ガイド", "日本語-カイト"),
        ("../../etc/passwd", "etc-passwd"),
        ("???", "section"),
        ("", "section"),
    ],
)
def test_a_slug_is_safe_in_a_url_a_file_name_and_an_id(text: str, slug: str) -> None:
    assert slugify(text) == slug


def test_a_slug_is_short() -> None:
    assert len(slugify("word " * 100)) <= MAX_SLUG
    assert len(slugify("x" * 500)) == MAX_SLUG


def test_no_slug_is_handed_out_twice() -> None:
    slugs = Slugs()
    found = [slugs.unique(text) for text in ("a", "a 2", "a", "a", "a-3")]
    assert len(set(found)) == 5
