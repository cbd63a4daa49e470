"""One place says which text stands in which row, for the build and for the retrieval."""

from __future__ import annotations

from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.splitting import split
from wellcited.datatypes import CuratedQuestion, Document
from wellcited.layout import Layout, layout


def guide(document_id: str, source: str, *questions: tuple[tuple[str, ...], str]) -> Document:
    text, blocks = parse_markdown(source)
    curated = tuple(CuratedQuestion(headings=headings, text=words) for headings, words in questions)
    return Document(id=document_id, title=document_id.title(), text=text, blocks=blocks, questions=curated)


def laid_out(*documents: Document, max_chars: int = 700) -> Layout:
    return layout(documents, [passage for document in documents for passage in split(document, max_chars)])


PENS = guide(
    "pens", "# Pens\n\nA pen writes. It leaks.\n\n## Nibs\n\nA nib\nbends.\n", (("Pens", "Nibs"), "Does it bend?")
)
INKS = guide("inks", "Ink is wet.\n\n# Nibs\n\nInk dries on them.\n", (("Nowhere",), "Lost?"))


def test_rows_are_sentences_then_headed_sentences_then_passages_then_labels() -> None:
    rows = laid_out(PENS, INKS)
    sentences = ["A pen writes.", "It leaks.", "A nib bends.", "Ink is wet.", "Ink dries on them."]
    headed = [
        "Pens: A pen writes.",
        "Pens: It leaks.",
        "Nibs: A nib bends.",
        "Inks: Ink is wet.",
        "Nibs: Ink dries on them.",
    ]
    passages = ["A pen writes. It leaks.", "A nib bends.", "Ink is wet.", "Ink dries on them."]
    assert rows.texts == [*sentences, *headed, *passages, "Pens", "Nibs", "Inks", "Nibs", "Does it bend?"]
    assert rows.texts[rows.headed_start] == headed[0]
    assert rows.texts[rows.passage_start] == passages[0]
    assert rows.texts[rows.label_start] == "Pens"


def test_every_sentence_knows_its_passage_and_every_passage_and_label_its_section() -> None:
    rows = laid_out(PENS, INKS)
    assert rows.sentence_passage.tolist() == [0, 0, 1, 2, 3]
    assert rows.passage_section.tolist() == [0, 1, 2, 3]
    assert rows.label_section.tolist() == [0, 1, 2, 3, 1]


def test_passages_of_one_section_share_it() -> None:
    rows = laid_out(guide("pens", "# Pens\n\n" + "A pen writes on paper. " * 9), max_chars=60)
    assert len(rows.passages) > 1
    assert set(rows.passage_section.tolist()) == {0}
    assert rows.labels == ("Pens",)


def test_nothing_is_laid_out_as_nothing() -> None:
    rows = layout([], [])
    assert rows.texts == []
    assert rows.label_start == rows.sentence_passage.size == 0
