"""What must hold for every reader: exact slices, no word lost or told twice, and no failure but a named one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from functools import cache

import docx
import pytest
from conftest import FUZZ_TIMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellcited.corpus.decoding import decode_text
from wellcited.corpus.faq import parse_csv, parse_json
from wellcited.corpus.pageblocks import body_runs, write_runs
from wellcited.corpus.parsed import Parsed
from wellcited.corpus.pdf import parse_pdf
from wellcited.corpus.webpage import _tree, parse_webpage
from wellcited.corpus.word import parse_word
from wellcited.errors import CorpusError

from .exactness import check_blocks, check_split
from .makers import Printed, printed_guide, word_file, word_guide
from .test_webpage import MORE, PROSE, page

some = settings(max_examples=40 * FUZZ_TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
word = st.text(st.sampled_from("abcdefghiäöñ漢字אבгд"), min_size=1, max_size=8)
sentence = st.lists(word, min_size=1, max_size=12).map(" ".join)
nodes = st.recursive(
    sentence,
    lambda inner: st.tuples(
        st.sampled_from(
            "p div h1 h2 h3 ul ol li table tr td pre blockquote b i a span section dl dt dd center font".split()
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=14,
)
Node = str | tuple[str, list["Node"]]


def markup(node: Node) -> str:
    if isinstance(node, str):
        return node
    return f"<{node[0]}>{' '.join(map(markup, node[1]))}</{node[0]}>"


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def words_of(parsed: Parsed) -> list[str]:
    check_blocks(parsed.text, parsed.blocks)
    check_split(parsed.text, parsed.blocks, 200)
    told = [found for block in parsed.blocks for found in words(parsed.text[block.start : block.end])]
    assert told == words(parsed.text)
    return told


@some
@given(st.lists(nodes, min_size=1, max_size=5))
def test_the_runs_of_a_page_hold_each_of_its_words_once_and_in_order(tree: list[Node]) -> None:
    parsed = _tree(f"<html><body>{''.join(map(markup, tree))}</body></html>")
    text, blocks = write_runs(body_runs(parsed))
    shown = words(" ".join(parsed.find("body").itertext()))
    assert words("".join(words_of(Parsed(text=text, blocks=blocks)))) == words("".join(shown))


@some
@given(
    st.lists(
        st.tuples(st.sampled_from(["Heading 1", "Heading 3", "List Bullet", "List Number 2", "Normal"]), sentence),
        max_size=12,
    )
)
def test_a_word_file_keeps_each_word_once_and_in_order(paragraphs: list[tuple[str, str]]) -> None:
    document = docx.Document()
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    parsed = parse_word(io.BytesIO(word_file(document)))
    assert words_of(parsed) == words(" ".join(text for _, text in paragraphs))


@some
@given(
    st.lists(
        st.lists(st.sampled_from("stove pipe soot wood brush cloth ash".split()), min_size=2, max_size=60),
        min_size=1,
        max_size=8,
    )
)
def test_a_pdf_keeps_each_word_once_and_in_order(paragraphs: list[list[str]]) -> None:
    pdf = Printed()
    for number, paragraph in enumerate(paragraphs):
        pdf.lines(f"Paragraph{number} {' '.join(paragraph)}.")
        pdf.gap(12)
    parsed = parse_pdf(pdf.done())
    assert words_of(parsed) == words(" ".join(f"Paragraph{n} {' '.join(p)}" for n, p in enumerate(paragraphs)))


@some
@given(st.lists(st.tuples(sentence, sentence), min_size=1, max_size=8))
def test_a_faq_keeps_each_word_once_and_in_order(pairs: list[tuple[str, str]]) -> None:
    expected = words(" ".join(" ".join(pair) for pair in pairs))
    table = "question,answer\n" + "".join(f'"{question}","{answer}"\n' for question, answer in pairs)
    data = json.dumps([{"question": question, "answer": answer} for question, answer in pairs])
    for parsed in (parse_csv(table), parse_json(data)):
        assert words_of(parsed) == expected
        assert [question.text for question in parsed.questions] == [question for question, _ in pairs]


@cache
def whole() -> dict[str, bytes]:
    """One good file of each format."""
    rows = "".join(f"<tr><td>{number}</td><td>x</td></tr>" for number in range(4))
    return {
        "html": page(
            f"<h1>Stove</h1><p>{PROSE}</p><ul><li>one<li>two</ul><table>{rows}</table><pre>code</pre><p>{MORE}</p>"
        ),
        "word": word_file(word_guide()),
        "pdf": printed_guide(),
        "csv": b"question;answer\nWhat for?;For warmth.\n",
        "json": json.dumps({"faq": [{"question": "What for?", "answer": "For <b>warmth</b>."}]}).encode(),
    }


READERS: dict[str, Callable[[bytes], Parsed]] = {
    "html": parse_webpage,
    "word": lambda data: parse_word(io.BytesIO(data), 5),
    "pdf": lambda data: parse_pdf(data, 50),
    "csv": lambda data: parse_csv(decode_text(data)),
    "json": lambda data: parse_json(decode_text(data)),
}


def read_or_refuse(name: str, data: bytes) -> None:
    """Read `data`: what comes out is sound, or a CorpusError of one line."""
    refusal = None
    try:
        parsed = READERS[name](data)
    except CorpusError as error:
        refusal = str(error)
    if refusal is not None:
        assert "\n" not in refusal.strip()
        return
    check_blocks(parsed.text, parsed.blocks)
    check_split(parsed.text, parsed.blocks, 300)
    assert list(parsed.pages) == sorted(parsed.pages)
    assert all(0 <= start <= len(parsed.text) for start in parsed.pages)


@pytest.mark.parametrize("name", READERS)
@some
@given(st.binary(max_size=600))
def test_random_bytes_are_read_or_refused(name: str, data: bytes) -> None:
    read_or_refuse(name, data)


@pytest.mark.parametrize("name", READERS)
@some
@given(st.floats(0, 1))
def test_a_file_cut_short_is_read_or_refused(name: str, share: float) -> None:
    data = whole()[name]
    read_or_refuse(name, data[: int(len(data) * share)])


@pytest.mark.parametrize("name", READERS)
@some
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), min_size=1, max_size=12))
def test_a_file_with_flipped_bits_is_read_or_refused(name: str, flips: list[tuple[float, int]]) -> None:
    data = bytearray(whole()[name])
    for place, mask in flips:
        data[int(place * len(data))] ^= mask
    read_or_refuse(name, bytes(data))
