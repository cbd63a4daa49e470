"""Ranked sentences become quotes, numbered and exact; and no answer can be built that is not honest."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from wellcited.answering import (
    FURTHER_CHARS,
    FURTHER_QUOTES,
    MARGIN,
    SEVERAL_MARGIN,
    answer_text,
    choose,
    cite,
    margin_for,
    passage_url,
    quote_digest,
)
from wellcited.datatypes import Answer, Block, Citation, Document, Hit, Passage, Receipt, Triage

TEXT = "".join(f"Sentence {number:02d} is here.\n" for number in range(40))
WIDTH = len("Sentence 00 is here.")
GUIDE = Document(id="pens", title="Pens", text=TEXT, blocks=())
PASSAGE = Passage(
    id="pens/a/1", document_id="pens", headings=("Pens", "A"), text=TEXT, start=0, end=len(TEXT), sentences=()
)
RECEIPT = Receipt(bundle_id="b", rules_version="r")


def sentence(number: int, score: float, length: int = WIDTH) -> Hit:
    start = number * (WIDTH + 1)
    return Hit(PASSAGE, start, start + length, score)


def numbers(hits: list[Hit]) -> list[int]:
    return [hit.start // (WIDTH + 1) for hit in hits]


def test_the_best_sentence_is_quoted_and_those_near_it_join() -> None:
    near, far = 5 - 0.9 * MARGIN, 5 - 1.1 * MARGIN
    answer, further = choose([[sentence(0, 5), sentence(1, near), sentence(2, far)]], 4, 600)
    assert numbers(answer) == [0, 1]
    assert numbers(further) == [2]


@pytest.mark.parametrize(
    "question",
    [
        "What causes tight hip flexors?",
        "what can cause it",
        "what are the main jobs of the psoas?",
        "Which other ways are there?",
        "what else is it in charge of?",
        "tell me the reasons for all that sitting",
    ],
)
def test_a_question_for_several_things_is_given_more_of_them(question: str) -> None:
    ranking = [sentence(0, 5), sentence(1, 5 - 0.9 * SEVERAL_MARGIN), sentence(2, 5 - 1.1 * SEVERAL_MARGIN)]
    assert numbers(choose([ranking], 4, 600, margin_for(question))[0]) == [0, 1]


@pytest.mark.parametrize(
    "question", ["What is the psoas?", "How long do I press?", "Which side first?", "does sitting cause it?"]
)
def test_a_question_for_one_thing_is_given_what_is_nearest(question: str) -> None:
    assert margin_for(question) == MARGIN


def test_an_answer_stays_within_its_sentences_and_characters() -> None:
    ranking = [sentence(number, 5) for number in range(9)]
    assert len(choose([ranking], 4, 600)[0]) == 4
    assert len(choose([ranking], 1, 600)[0]) == 1
    assert len(choose([ranking], 4, 2 * WIDTH + 1)[0]) == 2


def test_the_first_sentence_is_quoted_however_long_it_is() -> None:
    answer, _ = choose([[sentence(0, 5, length=500), sentence(25, 5)]], 4, 100)
    assert numbers(answer) == [0]


def test_every_part_of_a_question_gets_its_best_sentence_first() -> None:
    answer, _ = choose([[sentence(0, 9), sentence(1, 9), sentence(2, 9)], [sentence(5, 2), sentence(6, 2)]], 3, 600)
    assert numbers(answer)[:2] == [0, 5]
    assert len(answer) == 3


def test_a_sentence_that_answers_two_parts_is_quoted_once() -> None:
    answer, further = choose([[sentence(0, 5), sentence(1, 1)], [sentence(0, 5), sentence(2, 1)]], 4, 600)
    assert sorted(numbers(answer) + numbers(further)) == [0, 1, 2]
    assert numbers(answer)[0] == 0


def test_what_follows_is_bounded_too() -> None:
    _, further = choose([[sentence(number, 5 - number) for number in range(40)]], 4, 600)
    assert len(further) == FURTHER_QUOTES
    _, further = choose([[sentence(0, 5)] + [sentence(number, -number, length=600) for number in range(1, 9)]], 4, 600)
    assert 0 < sum(quote.length for quote in further) <= FURTHER_CHARS


def test_nothing_found_gives_nothing_to_quote() -> None:
    assert choose([], 4, 600) == choose([[]], 4, 600) == ([], [])


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 30), st.floats(-5, 5)), max_size=12), max_size=3),
    st.integers(1, 4),
    st.integers(100, 700),
)
def test_any_choice_is_within_bounds_and_repeats_nothing(
    scores: list[list[tuple[int, float]]], most: int, room: int
) -> None:
    rankings = [sorted((sentence(n, s) for n, s in ranking), key=lambda q: -q.score) for ranking in scores]
    answer, further = choose(rankings, most, room)
    shown = numbers(answer) + numbers(further)
    assert len(set(shown)) == len(shown)
    assert len(answer) <= most
    assert bool(answer) == any(rankings)
    assert sum(quote.length for quote in answer) <= max(room, len(rankings) * WIDTH)
    assert set(shown) <= {n for ranking in scores for n, _ in ranking}


def test_citations_are_exact_slices_numbered_from_the_number_given() -> None:
    found = cite([sentence(3, 1), sentence(1, 1)], {"pens": GUIDE}, first_number=4)
    assert [(c.number, c.quote) for c in found] == [(4, "Sentence 03 is here."), (5, "Sentence 01 is here.")]
    for citation in found:
        assert citation.quote == GUIDE.text[citation.start : citation.end]
        assert (citation.document_id, citation.title, citation.headings) == ("pens", "Pens", ("Pens", "A"))
        assert citation.passage_id == PASSAGE.id


def test_the_text_of_an_answer_is_its_quotes_on_one_line_each_with_their_numbers() -> None:
    wrapped = Document(id="pens", title="Pens", text=TEXT.replace(" 01 ", "\n01 "), blocks=())
    found = cite([sentence(0, 1), sentence(1, 1)], {"pens": wrapped})
    assert answer_text(found) == "Sentence 00 is here. [1]\nSentence 01 is here. [2]"


QUOTES = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip() != "")


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable()), st.integers(0, 10**6), QUOTES)
def test_a_url_decodes_to_the_document_the_offsets_and_the_words(document_id: str, start: int, quote: str) -> None:
    end = start + len(quote)
    parts = urlsplit(passage_url(document_id, start, end, quote))
    assert unquote(parts.path) == f"/guide/{document_id}"
    assert parts.path.count("/") == 2
    assert parse_qs(parts.query) == {"start": [str(start)], "end": [str(end)], "sha": [quote_digest(quote)]}
    anchor, directive = parts.fragment.split(":~:text=")
    assert anchor == "cite"
    assert not set("-&") & set(directive)
    words = " ".join(quote.split())
    first, _, last = directive.partition(",")
    assert words.startswith(unquote(first))
    assert words.endswith(unquote(last or first))


def test_a_long_quote_is_found_by_its_first_and_last_words() -> None:
    words = [f"w{number}" for number in range(30)]
    assert passage_url("d", 0, 9, " ".join(words)).endswith(
        "#cite:~:text=w0%20w1%20w2%20w3%20w4%20w5,w24%20w25%20w26%20w27%20w28%20w29"
    )


CITATIONS = cite([sentence(0, 1)], {"pens": GUIDE})
URGENT = Triage(tier="urgent", reasons=("r1",), message="See a doctor.")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kind": "answer"}, "an answer must cite the guide"),
        ({"kind": "answer", "further": CITATIONS}, "an answer must cite the guide"),
        ({"kind": "not_covered", "citations": CITATIONS}, "quotes nothing as its answer"),
        ({"kind": "smalltalk", "citations": CITATIONS}, "quotes nothing as its answer"),
        ({"kind": "referral", "triage": URGENT, "citations": CITATIONS}, "quotes nothing as its answer"),
        ({"kind": "referral", "triage": URGENT, "further": CITATIONS}, "shows no passage of the guide"),
        ({"kind": "referral"}, "a referral goes with a tier"),
        ({"kind": "answer", "citations": CITATIONS, "triage": URGENT}, "a referral goes with a tier"),
        ({"kind": "not_covered", "triage": URGENT}, "a referral goes with a tier"),
        ({"kind": "smalltalk", "triage": URGENT}, "a referral goes with a tier"),
        ({"kind": "not_covered", "confidence": 1.1}, "less than or equal to 1"),
        ({"kind": "not_covered", "confidence": -0.1}, "greater than or equal to 0"),
        ({"kind": "opinion"}, "Input should be"),
        ({"kind": "not_covered", "advice": "x"}, "Extra inputs"),
    ],
)
def test_a_dishonest_answer_cannot_be_built(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Answer(text="text", receipt=RECEIPT, **values)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "answer", "citations": CITATIONS, "further": CITATIONS, "confidence": 1},
        {"kind": "not_covered", "further": CITATIONS, "suggestions": ("Why?",)},
        {"kind": "referral", "triage": URGENT},
        {"kind": "smalltalk"},
    ],
)
def test_an_honest_answer_survives_the_way_to_json_and_back(values: dict[str, Any]) -> None:
    answer = Answer(text="text", receipt=RECEIPT, **values)
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


def test_values_do_not_change_once_built() -> None:
    with pytest.raises(ValidationError):
        CITATIONS[0].quote = "other words"  # type: ignore[misc]
    assert isinstance(CITATIONS[0], Citation)


def cited(at: int, **facts: Any) -> Citation:
    document = Document(id="pens", title="Pens", text=TEXT, **{"blocks": (), **facts})
    (citation,) = cite([sentence(at, 1.0)], {"pens": document})
    return citation


def test_a_citation_says_the_page_that_its_quote_starts_on() -> None:
    starts = (0, 5 * (WIDTH + 1), 5 * (WIDTH + 1), 9 * (WIDTH + 1))  # the second page is empty
    assert [cited(at, pages=starts).page for at in (0, 4, 5, 8, 9, 39)] == [1, 1, 3, 3, 4, 4]
    assert cited(0).page is None


def test_a_citation_links_to_the_address_of_its_section_and_of_no_other() -> None:
    blocks = []
    for at, url in ((0, None), (10, "https://x.example/faq#a"), (20, None)):
        start = at * (WIDTH + 1)
        blocks.append(Block(kind="heading", start=start, end=start + WIDTH, level=2, url=url))
        blocks.append(Block(kind="paragraph", start=start + WIDTH + 1, end=(at + 10) * (WIDTH + 1) - 1))
    urls = [cited(at, blocks=tuple(blocks)).url for at in (5, 11, 19, 21)]
    assert urls[1:3] == ["https://x.example/faq#a"] * 2
    assert urls[0].startswith("/guide/pens?start=")
    assert urls[3].startswith("/guide/pens?start=")


@pytest.mark.parametrize(
    ("source_url", "address"),
    [
        ("https://a.example/guide?x=1", "https://a.example/guide?x=1#:~:text=Sentence%2000%20is%20here."),
        ("http://a.example/guide#part", "http://a.example/guide#part:~:text=Sentence%2000%20is%20here."),
        ("javascript:alert(1)", None),
        ("a/local/page.html", None),
        (None, None),
    ],
)
def test_a_citation_leads_to_the_words_on_the_publishers_own_page_where_there_is_one(
    source_url: str | None, address: str | None
) -> None:
    published = GUIDE.model_copy(update={"source_url": source_url})
    (citation,) = cite([sentence(0, 1)], {"pens": published})
    assert citation.source_url == address
    assert citation.url.startswith("/guide/pens?")
