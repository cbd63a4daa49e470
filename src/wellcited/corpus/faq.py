"""Questions with their answers, from CSV, JSON or Markdown: each pair a section that its own question leads to."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from wellcited.corpus.addresses import is_web_address
from wellcited.corpus.markdown import parse_markdown
from wellcited.corpus.parsed import BlockWriter, Facts, Parsed
from wellcited.datatypes import Block, CuratedQuestion
from wellcited.errors import CorpusError

COLUMNS = {
    "question": (
        "question",
        "questions",
        "q",
        "query",
        "prompt",
        "name",
        "title",
        "frage",
        "pregunta",
        "domanda",
        "vraag",
    ),
    "answer": (
        "answer",
        "answers",
        "a",
        "response",
        "reply",
        "text",
        "body",
        "antwort",
        "respuesta",
        "réponse",
        "risposta",
        "antwoord",
    ),
    "url": ("url", "link", "href", "source_url", "source", "page", "address"),
    "category": ("category", "section", "topic", "group", "kategorie"),
}
"""The names that a column or key may have, the first the best."""
DELIMITERS = ",;\t|"
MAX_FIELD = 1_000_000
_BREAK = re.compile(r"\s*\n\s*")


@dataclass(frozen=True)
class Pair:
    """One question with its answer, and the place in its file."""

    question: str
    answer: str
    url: str | None = None
    category: str | None = None
    place: str = ""


class NotAFaq(CorpusError):
    """A file that parses and holds no questions with answers."""


def parse_csv(source: str) -> Parsed:
    """Return the pairs of a CSV file with a header of question, answer and perhaps url. Raises CorpusError."""
    csv.field_size_limit(MAX_FIELD)
    best: list[list[str]] = []
    first_row = 1
    columns: dict[str, int] = {}
    for delimiter in DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO(source, newline=""), delimiter=delimiter, skipinitialspace=True))
        except csv.Error:
            continue
        header = next((row for row in rows if any(cell.strip() for cell in row)), [])
        found = _columns([cell.strip().casefold() for cell in header])
        if {"question", "answer"} <= found.keys():
            best, columns, first_row = rows[rows.index(header) + 1 :], found, rows.index(header) + 2
            break
        if len(header) >= 2 and header[0].strip().endswith("?"):
            best, columns, first_row = rows, {"question": 0, "answer": 1, "url": 2}, 1
    if not columns:
        raise NotAFaq(
            "has no columns `question` and `answer`; name them so in its first line, "
            "or put the file into .wellcitedignore"
        )
    return _parsed(
        Pair(
            **{name: row[at].strip() for name, at in columns.items() if at < len(row)} | _missing(row, columns),
            place=f"row {number}",
        )
        for number, row in enumerate(best, start=first_row)
        if any(cell.strip() for cell in row)
    )


def parse_json(source: str) -> Parsed:
    """Return the pairs of a JSON list of objects, of {"faq": [...]}, or of a schema.org FAQPage. Raises CorpusError."""
    try:
        values = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"is not JSON: {error}; mend it, or put it into .wellcitedignore") from error
    try:
        pairs = list(_pairs(values))
        facts = _page_facts(values)
    except RecursionError as error:
        raise NotAFaq("is nested too deep for questions with answers") from error
    if not pairs:
        raise NotAFaq(
            'holds no objects with "question" and "answer"; name their keys so, or put it into .wellcitedignore'
        )
    return _parsed(pairs, facts)


def markdown_faq(text: str, blocks: tuple[Block, ...], facts: Facts) -> Parsed:
    """Return a Markdown FAQ: a heading with text right below it is a question; its link leads to the answer."""
    marked: list[Block] = []
    questions: list[CuratedQuestion] = []
    path: list[tuple[int, str]] = []
    title = facts.title
    for index, block in enumerate(blocks):
        if block.kind == "heading":
            words = " ".join(text[block.start : block.end].split())
            if block.level == 1 and not words.endswith("?"):
                title = title or words
            path = [entry for entry in path if entry[0] < block.level] + [(block.level, words)]
            if (
                index + 1 < len(blocks)
                and blocks[index + 1].kind != "heading"
                and (block.level > 1 or words.endswith("?"))
            ):
                questions.append(CuratedQuestion(headings=tuple(name for _, name in path), text=words))
            link = next((mark.href for mark in block.marks if mark.kind == "link" and mark.start == block.start), None)
            if link and is_web_address(link):
                block = block.model_copy(update={"url": link})
        marked.append(block)
    facts = facts.model_copy(update={"title": title})
    return Parsed(text=text, blocks=tuple(marked), facts=facts, questions=tuple(questions))


def _columns(names: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for wanted, synonyms in COLUMNS.items():
        place = next(
            (names.index(name) for name in synonyms if name in names and names.index(name) not in found.values()), None
        )
        if place is not None:
            found[wanted] = place
    return found


def _missing(row: list[str], columns: dict[str, int]) -> dict[str, str]:
    return {name: "" for name in ("question", "answer") if columns[name] >= len(row)}


def _pairs(values: Any) -> Iterator[Pair]:
    """Yield the pairs anywhere in `values`: objects that hold a question and an answer under one of their names."""
    if isinstance(values, list):
        for number, value in enumerate(values, start=1):
            for found in _pairs(value):
                yield found if found.place else replace(found, place=f"entry {number}")
    elif isinstance(values, dict):
        pair = _pair({str(key).casefold(): value for key, value in values.items()})
        if pair is not None:
            yield pair
        else:
            for value in values.values():
                if isinstance(value, list | dict):
                    yield from _pairs(value)


def _pair(values: dict[str, Any]) -> Pair | None:
    if str(values.get("@type", "")).casefold() == "question":
        answer = values.get("acceptedanswer") or values.get("suggestedanswer")
        answer = answer[0] if isinstance(answer, list) and answer else answer
        text = answer.get("text") if isinstance(answer, dict) else answer
        address = values.get("url") or values.get("@id")
        return Pair(str(values.get("name") or values.get("text") or ""), str(text or ""), _address(address))
    if "@type" in values:
        return None
    words = {
        name: next((values[key] for key in synonyms if isinstance(values.get(key), str)), "")
        for name, synonyms in COLUMNS.items()
    }
    if not any(isinstance(values.get(key), str) for key in COLUMNS["question"]) or not any(
        key in values and (isinstance(values[key], str) or values[key] is None) for key in COLUMNS["answer"]
    ):
        return None
    return Pair(words["question"], words["answer"], _address(words["url"]), words["category"].strip() or None)


def _page_facts(values: Any) -> Facts:
    if not isinstance(values, dict):
        return Facts()
    title, address = values.get("title") or values.get("name"), values.get("url") or values.get("@id")
    language = values.get("language") or values.get("inLanguage")
    return Facts(
        title=title if isinstance(title, str) and "answer" not in values else None,
        source_url=_address(address),
        language=language[:2].lower() if isinstance(language, str) and language[:2].isalpha() else None,
    )


def _address(value: Any) -> str | None:
    return value.strip() if isinstance(value, str) and is_web_address(value.strip()) else None


def _parsed(pairs: Iterable[Pair], facts: Facts | None = None) -> Parsed:
    writer = BlockWriter()
    questions: list[CuratedQuestion] = []
    left_out: list[str] = []
    category: str | None = None
    for pair in pairs:
        question = _BREAK.sub(" ", pair.question.strip())
        text, blocks = parse_markdown(pair.answer.strip())
        if not question or not any(char.isalnum() for char in text):
            left_out.append(
                f"{pair.place}: has {'a question and no answer' if question else 'no question'}; complete it"
            )
            continue
        if pair.category and pair.category != category:
            writer.add("heading", _BREAK.sub(" ", pair.category), level=1)
        category = pair.category or category
        writer.add("heading", question, level=2, url=_address(pair.url))
        path = (category, question) if category else (question,)
        questions.append(
            CuratedQuestion(headings=tuple(" ".join(name.split()) for name in path), text=" ".join(question.split()))
        )
        for block in blocks:
            marks = [
                mark.model_copy(update={"start": mark.start - block.start, "end": mark.end - block.start})
                for mark in block.marks
            ]
            kind = "paragraph" if block.kind == "heading" else block.kind
            level = 0 if block.kind == "heading" else block.level
            writer.add(kind, text[block.start : block.end], marks, level, block.ordered)
    if not questions:
        raise CorpusError("has no question with an answer; write some, or remove the file")
    written, placed = writer.finish()
    return Parsed(
        text=written, blocks=placed, facts=facts or Facts(), questions=tuple(questions), left_out=tuple(left_out)
    )
