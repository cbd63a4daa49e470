"""What must hold for every document, however it was read."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st

from wellcited.corpus.splitting import split
from wellcited.datatypes import Block, Document

quick = settings(max_examples=150, deadline=None)

any_text = st.text(st.characters(codec="utf-8"), max_size=400)
lines = st.sampled_from(
    [
        "The Guide: what it is, and why",
        "Why does it leak?",
        "Part two",
        "Questions",
        "1. Rinse",
        "- Nib: The nib is the tip. It bends.",
        "* bare item",
        "• ",
        "12) numbered item that goes on",
        "A sentence stands here. Another one follows it! And a third?",
        "it goes on in lower case and has no end",
        "“Curly quotes,” she said. ‘Really?’ … Yes.",
        "!!! ...",
        "---",
        "😀 Smile. 日本語の文。 次の文。",
        "e.g. Dr. A. B. Smith walked 3.5 km. 1. He sat.",
        "",
        "   ",
        "\t",
        "\u2028",
        "\ufeff\u200b",
        "word " * 60,
        "Sentence after sentence. " * 12,
        "# Heading",
        "> quoted **strong *both* text** and `code`",
        "| a | b |\n|---|---|\n| c |  |",
        "```\n  code\n```",
        "    indented code",
        "<p>raw <b>html</b></p>",
        "[link](https://example.org) ![alt](x.png) <br> \\",
    ]
)
breaks = st.sampled_from(["\n", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\u2028", "  \n", " "])
assembled_text = st.lists(st.tuples(lines, breaks), max_size=14).map(lambda pairs: "".join(map("".join, pairs)))
texts = any_text | assembled_text
lengths = st.integers(min_value=20, max_value=800)


def check_blocks(text: str, blocks: Sequence[Block]) -> None:
    """Blocks are slices that are not empty, in order and apart; marks stand inside their block."""
    end = 0
    for block in blocks:
        assert end <= block.start < block.end <= len(text)
        assert text[block.start : block.end].strip()
        end = block.end
        for mark in block.marks:
            assert block.start <= mark.start < mark.end <= block.end
            assert (mark.href is not None) == (mark.kind == "link")


def check_split(text: str, blocks: tuple[Block, ...], max_chars: int) -> None:
    """Passages are exact slices that lose nothing, share nothing and hold no heading; so are their sentences."""
    document = Document(id="d", title="Title", text=text, blocks=blocks)
    passages = split(document, max_chars)
    held = [0] * len(text)
    end = 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert passage.text
        assert passage.start >= end
        end = passage.end
        for at in range(passage.start, passage.end):
            held[at] += 1
        previous = passage.start
        for sentence in passage.sentences:
            assert previous <= sentence.start < sentence.end <= passage.end
            previous = sentence.end
            quote = text[sentence.start : sentence.end]
            assert quote == quote.strip()
        assert len(passage.text) <= max_chars or len(passage.sentences) <= 1
    in_heading = [False] * len(text)
    for block in blocks:
        if block.kind == "heading":
            in_heading[block.start : block.end] = [True] * (block.end - block.start)
    for at, char in enumerate(text):
        assert held[at] == 0 if in_heading[at] else held[at] == 1 or char.isspace(), (at, char)
    ids = [passage.id for passage in passages]
    assert len(set(ids)) == len(ids)
    assert ids == [passage.id for passage in split(document, max_chars)]
