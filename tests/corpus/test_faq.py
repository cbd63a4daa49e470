"""Questions with answers, from tables, data and Markdown: each pair is a section, and its question leads to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wellcited.answering import cite
from wellcited.corpus.faq import parse_csv, parse_json
from wellcited.corpus.parsed import Parsed
from wellcited.corpus.reading import read_corpus
from wellcited.corpus.splitting import sections, split
from wellcited.datatypes import Document, Hit
from wellcited.errors import CorpusError

ONE = ("How often is a stove swept?", "Every spring. Twice where it burns all winter.", "https://hearth.example/sweep")
TWO = ("Which wood is best?", "Beech; spruce spits, and so does larch.", "https://hearth.example/wood")


def pairs(parsed: Parsed) -> list[tuple[str, str, str | None]]:
    """The pairs as a reader finds them: every question is a section, and is curated for it."""
    document = Document(id="faq", title="FAQ", text=parsed.text, blocks=parsed.blocks)
    found = [section for section in sections(document) if section.blocks]
    assert [(question.headings, question.text) for question in parsed.questions] == [
        (section.headings, section.headings[-1]) for section in found
    ]
    urls = [block.url for block in parsed.blocks if block.kind == "heading" and block.level == 2]
    return [
        (section.headings[-1], parsed.text[section.blocks[0].start : section.blocks[-1].end], url)
        for section, url in zip(found, urls, strict=True)
    ]


def table(delimiter: str, header: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\r\n" for row in (header, *rows))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_table_is_read_whatever_stands_between_its_cells(delimiter: str) -> None:
    assert pairs(parse_csv(table(delimiter, ("question", "answer", "url"), ONE, TWO))) == [ONE, TWO]


@pytest.mark.parametrize(
    "header", [("Q", "A", "Link"), ("Frage", "Antwort", "URL"), ("QUESTION ", " Response", "href")]
)
def test_columns_may_be_called_by_other_names(header: tuple[str, ...]) -> None:
    assert pairs(parse_csv(table(",", header, ONE, TWO))) == [ONE, TWO]


def test_columns_may_stand_in_any_order_among_others() -> None:
    rows = [("7", url, answer, "x", question) for question, answer, url in (ONE, TWO)]
    assert pairs(parse_csv(table(",", ("no", "url", "answer", "note", "question"), *rows))) == [ONE, TWO]


def test_a_table_without_a_header_is_read_where_it_opens_with_a_question() -> None:
    assert pairs(parse_csv(table(",", ONE, TWO))) == [ONE, TWO]


def test_an_answer_may_have_several_lines_and_lists() -> None:
    parsed = parse_csv('question,answer\nWhat do I need?,"Two things:\n\n- a brush\n- a wet cloth"\n')
    assert [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks] == [
        ("heading", "What do I need?"),
        ("paragraph", "Two things:"),
        ("item", "a brush"),
        ("item", "a wet cloth"),
    ]


def test_a_category_is_a_heading_above_its_questions() -> None:
    rows = [(*ONE, "Sweeping"), (*TWO, "Wood")]
    parsed = parse_csv(table(",", ("question", "answer", "url", "category"), *rows))
    assert [question.headings for question in parsed.questions] == [("Sweeping", ONE[0]), ("Wood", TWO[0])]


def test_an_incomplete_pair_is_left_out_and_told() -> None:
    parsed = parse_csv(
        table(",", ("question", "answer", "url"), ONE, ("Does it smell?", "", ""), ("", "Yes.", ""), TWO)
    )
    assert pairs(parsed) == [ONE, TWO]
    assert parsed.left_out == (
        "row 3: has a question and no answer; complete it",
        "row 4: has no question; complete it",
    )


def test_an_address_that_is_not_on_the_web_is_none() -> None:
    parsed = parse_csv(table(",", ("question", "answer", "url"), (ONE[0], ONE[1], "javascript:alert(1)")))
    assert pairs(parsed) == [(ONE[0], ONE[1], None)]


LISTED = [{"question": question, "answer": answer, "url": url} for question, answer, url in (ONE, TWO)]
SCHEMA = {
    "@context": "https://schema.org",
    "@type": "FAQPage",
    "mainEntity": [
        {
            "@type": "Question",
            "name": question,
            "url": url,
            "acceptedAnswer": {"@type": "Answer", "text": f"<p>{answer}</p>"},
        }
        for question, answer, url in (ONE, TWO)
    ],
}


@pytest.mark.parametrize(
    "values",
    [
        LISTED,
        {"faq": LISTED},
        {"data": {"items": LISTED}},
        [{"Q": question, "A": answer, "link": url} for question, answer, url in (ONE, TWO)],
        SCHEMA,
        {"@graph": [{"@type": "WebSite", "name": "Hearth"}, SCHEMA]},
        [SCHEMA],
    ],
)
def test_data_is_read_in_the_shapes_that_people_export(values: object) -> None:
    assert pairs(parse_json(json.dumps(values))) == [ONE, TWO]


@pytest.mark.parametrize("source", ["{", "[1, 2", "", "[" * 100_000])
def test_data_that_does_not_parse_is_refused(source: str) -> None:
    with pytest.raises(CorpusError, match="is not JSON"):
        parse_json(source)


@pytest.mark.parametrize("source", ["a,b\n1,2\n", "", "question\nWhat?\n"])
def test_a_table_without_the_two_columns_is_refused_with_their_names(source: str) -> None:
    with pytest.raises(CorpusError, match="`question` and `answer`"):
        parse_csv(source)


def test_a_markdown_faq_is_told_by_its_name_or_its_front_matter(tmp_path: Path) -> None:
    source = f"# Stoves\n\n## {ONE[0]}\n\n{ONE[1]}\n\n## [{TWO[0]}]({TWO[2]})\n\n{TWO[1]}\n"
    (tmp_path / "stove.faq.md").write_text(source, "utf-8")
    (tmp_path / "wood.md").write_text(f"---\nkind: faq\ntitle: Wood\n---\n{source}", "utf-8")
    (tmp_path / "guide.md").write_text(source, "utf-8")
    guide, stove, wood = read_corpus(tmp_path).documents
    assert guide.questions == ()
    for document in (stove, wood):
        assert [(q.headings, q.text) for q in document.questions] == [
            (("Stoves", ONE[0]), ONE[0]),
            (("Stoves", TWO[0]), TWO[0]),
        ]
        assert [block.url for block in document.blocks if block.kind == "heading"] == [None, None, TWO[2]]
    assert (stove.title, wood.title) == ("Stoves", "Wood")


def test_a_citation_of_an_answer_leads_to_its_address(tmp_path: Path) -> None:
    rows = (ONE, ("Does it smell?", "A little, on the first day.", ""))
    (tmp_path / "faq.csv").write_text(table(",", ("question", "answer", "url"), *rows), "utf-8")
    (document,) = read_corpus(tmp_path).documents
    quotes = [Hit(one, one.start, one.end, 1.0) for one in split(document)]
    first, second = cite(quotes, {document.id: document})
    assert first.url == ONE[2]
    assert second.url.startswith("/guide/faq?start=")


def test_data_of_a_saved_site_is_no_faq_and_a_faq_without_pairs_is_told(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("# Stoves\n\nSweep them.\n", "utf-8")
    (tmp_path / "manifest.json").write_text('{"name": "Hearth"}', "utf-8")
    (tmp_path / "faq.json").write_text('{"entries": []}', "utf-8")
    corpus = read_corpus(tmp_path)
    assert [skipped.path for skipped in corpus.skipped] == ["faq.json"]
    assert corpus.ignored == 1
