"""Markdown becomes plain words with its structure and formatting as offsets into them."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.parsed import GAP
from wellcited.datatypes import Block

from .exactness import check_blocks, check_split, lengths, quick, texts


def found(source: str) -> list[tuple[str, str]]:
    text, blocks = parse_markdown(source)
    return [(block.kind, text[block.start : block.end]) for block in blocks]


def marks(source: str) -> list[tuple[str, str, str | None]]:
    text, blocks = parse_markdown(source)
    return [(mark.kind, text[mark.start : mark.end], mark.href) for block in blocks for mark in block.marks]


def words(source: str) -> str:
    return " ".join(parse_markdown(source)[0].split())


def test_headings_of_both_kinds_have_their_level() -> None:
    text, blocks = parse_markdown("# One #\n\nTwo\n---\n\n### *Three* words\n\n#nope\n")
    assert [(b.kind, b.level, text[b.start : b.end]) for b in blocks] == [
        ("heading", 1, "One"),
        ("heading", 2, "Two"),
        ("heading", 3, "Three words"),
        ("paragraph", 0, "#nope"),
    ]


def test_formatting_points_at_the_formatted_words() -> None:
    source = "First.\n\nA **bold**, an *italic*, a `code` and a [link](https://example.org/a?b=1)."
    assert words(source) == "First. A bold, an italic, a code and a link."
    assert marks(source) == [
        ("strong", "bold", None),
        ("emphasis", "italic", None),
        ("code", "code", None),
        ("link", "link", "https://example.org/a?b=1"),
    ]


def test_nested_formatting_is_nested() -> None:
    assert marks("[a **b *c* d**](/x)") == [
        ("link", "a b c d", "/x"),
        ("strong", "b c d", None),
        ("emphasis", "c", None),
    ]


def test_a_link_that_would_run_a_script_is_no_link() -> None:
    assert marks("[click](javascript:alert(1)) [me](data:text/html,x)") == []


def test_entities_and_escapes_are_read_as_words_and_struck_words_are_not() -> None:
    assert words(r"Fish &amp; chips \*cost\* 6 &euro;") == "Fish & chips *cost* 6 €"
    assert words("Hold for ~~90~~ 30 seconds.").split() == ["Hold", "for", "30", "seconds."]
    assert words("Hold for <del>90</del> 30 seconds.").split() == ["Hold", "for", "30", "seconds."]


def test_an_image_is_told_by_its_alternative_text() -> None:
    assert words("See ![a pen](pen.png) here.") == "See a pen here."


def test_a_soft_break_is_a_space_and_a_hard_one_a_line_break() -> None:
    assert parse_markdown("one\ntwo  \nthree\\\nfour")[0] == "one two\nthree\nfour"


def test_lists_keep_depth_and_order() -> None:
    text, blocks = parse_markdown("1. a\n2. b\n   - c\n     more c\n\n     second paragraph\n3. d\n\n- e\n")
    assert [(b.kind, b.level, b.ordered, text[b.start : b.end]) for b in blocks] == [
        ("item", 1, True, "a"),
        ("item", 1, True, "b"),
        ("item", 2, False, "c more c"),
        ("paragraph", 0, False, "second paragraph"),
        ("item", 1, True, "d"),
        ("item", 1, False, "e"),
    ]


def test_a_table_gives_a_row_a_line() -> None:
    assert found("| Nib | Ink |\n|---|:-:|\n| **gold** | a \\| b |\n") == [
        ("row", "Nib | Ink"),
        ("row", "gold | a | b"),
    ]


def test_code_is_kept_letter_by_letter() -> None:
    assert found("```python\nx = 1\n\n  y\n```\n\n    indented\n") == [("code", "x = 1\n\n  y"), ("code", "indented")]


def test_a_quoted_block_is_a_paragraph() -> None:
    assert found("> One\n> two.\n>\n> Three.") == [("paragraph", "One two."), ("paragraph", "Three.")]


def test_raw_html_keeps_its_words_and_loses_tags_comments_scripts_and_styles() -> None:
    source = (
        "<div class='x'>\nKept <b>words</b> &amp; more.\n</div>\n\n"
        "<script>\nalert('never')\n</script>\n\n<style>p { color: never }</style>\n\n<!-- never -->\n\n"
        "Inline <i>kept</i>."
    )
    assert words(source) == "Kept words & more. Inline kept."


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one<br>two", "one two"),
        ("<p>one</p><p>two</p>", "one two"),
        ("<ul><li>one</li><li>two</li></ul>", "one two"),
        ("a <script>never()</script> b", "a b"),
        ("a <style>never{}</style> b", "a b"),
        ("a <!-- never --> b", "a b"),
    ],
)
def test_html_within_a_line_neither_joins_words_nor_shows_code(source: str, expected: str) -> None:
    assert words(source) == expected


def test_nothing_readable_gives_no_blocks() -> None:
    for source in ("", "\n\n", "***", "# \n", "<!-- x -->", "[only]: https://example.org"):
        assert parse_markdown(source) == ("", ())


@quick
@example("| a |\n|---|\n|  |\n")
@given(texts)
def test_blocks_of_any_markdown_are_slices_a_gap_apart(source: str) -> None:
    text, blocks = parse_markdown(source)
    check_blocks(text, blocks)
    assert text == GAP.join(text[block.start : block.end] for block in blocks)


@quick
@example("***a** b*")
@example("[a *b](x) c*")
@given(texts)
def test_marks_of_any_markdown_lie_inside_each_other_or_apart(source: str) -> None:
    for block in parse_markdown(source)[1]:
        assert _nested(block)


def _nested(block: Block) -> bool:
    return all(
        outer.end <= inner.start or inner.end <= outer.end
        for at, outer in enumerate(block.marks)
        for inner in block.marks[at + 1 :]
    )


@quick
@example("| a | b |\n|---|---|\n|  | c |\n", 700)
@example("```\n   indented\n```\n", 700)
@given(texts, lengths)
def test_splitting_any_markdown_loses_nothing_and_repeats_nothing(source: str, max_chars: int) -> None:
    check_split(*parse_markdown(source), max_chars)
