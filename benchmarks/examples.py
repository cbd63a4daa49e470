"""The guides and questions that wellcited learns from: one small file a guide, and the labelled corpora beside them.

A file of benchmarks/training holds a guide, a line "=", and the questions asked of it:

    # Title of the guide
    ## Heading of a section
    1 First sentence.
    - 2 A list item.
    =
    s | 2 | a question that sentence 2 answers          (several: 2;7 either, 2+7 both)
    f | 2 | first turn | last turn, which leans on the first
    w | 2 | first turn | last turn, which stands alone
    c | 1+2 | a question that asks two things
    u | | a question on the topic that the guide does not answer
    o | | a question that has nothing to do with the guide

The file of the same name in benchmarks/training/near holds more of them, most in pairs that share their words: one that
the guide answers, one that it does not. Only the verifier learns from these.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellcited import conversation, elsewhere
from wellcited.corpus.reading import read_document
from wellcited.corpus.splitting import split
from wellcited.datatypes import Document, Message
from wellcited.layout import layout
from wellcited.safety.head import LONGEST, RECENT

ROOT = Path(__file__).resolve().parent.parent
TRAINING = ROOT / "benchmarks" / "training"
NEAR = TRAINING / "near"
CORPORA = ROOT / "benchmarks" / "corpora"
SAFETY = ROOT / "benchmarks" / "safety"
OWN = ROOT / "corpus" / "iliopsoas-guide.md"

HEALTH = "health-"
"""How the files of guides on health begin: a reader may tell of symptoms there."""
PERSONAL = re.compile(
    r"\b(?:i|im|ive|i'?[mdv]e?|my|mine|me|myself|we|our|us|he|his|him|she|hers?|son|daughter|kid|mum|mom|dad|husband|wife)\b",
    re.IGNORECASE,
)
"""Who speaks of somebody may speak of a sign."""
ORDINARY_A_GUIDE = 12
ON_OUR_GUIDE = 1500

KINDS = {
    "s": "single",
    "f": "followup",
    "w": "switch",
    "c": "compound",
    "u": "unanswerable",
    "o": "offtopic",
}
SILENT = ("unanswerable", "offtopic")
_SENTENCE = re.compile(r"(- )?(\d+) (.+)")
_QUOTES = str.maketrans("’‘“”–—", "''\"\"--")


@dataclass(frozen=True)
class Question:
    """A question in its conversation; `gold` lists the sets of sentences that answer it, by their words."""

    kind: str
    turns: tuple[str, ...]
    gold: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Guide:
    """A guide as Markdown or plain text, and what is asked of it."""

    name: str
    text: str
    suffix: str
    questions: tuple[Question, ...]


def plain(text: str) -> str:
    """Return `text` on one line, with straight quotes and hyphens."""
    return " ".join(text.translate(_QUOTES).split())


def read_training(path: Path, *more: Path) -> Guide:
    """Read one file of benchmarks/training, and the files of more questions on it.

    Raises ValueError naming the line that cannot be read.
    """
    lines: list[str] = []
    sentences: dict[int, str] = {}
    questions: list[Question] = []
    in_list = asking = False
    for file, number, line in _lines(path, *more):
        try:
            if line == "=":
                asking = True
            elif asking:
                questions.append(_question(line, sentences))
            elif line.startswith("#"):
                lines += ["", line, ""]
                in_list = False
            else:
                found = _SENTENCE.fullmatch(line)
                if found is None or int(found[2]) != len(sentences) + 1:
                    raise ValueError("no sentence with the next number")
                sentences[int(found[2])] = found[3]
                item = bool(found[1])
                lines += [*([""] if item != in_list else []), f"{'- ' if item else ''}{found[3]}"]
                in_list = item
        except (ValueError, KeyError) as error:
            raise ValueError(f"{file}:{number}: {line[:60]!r}: {error}") from error
    return Guide(path.stem, "\n".join(lines).strip() + "\n", ".md", tuple(questions))


def _lines(*paths: Path) -> Iterator[tuple[Path, int, str]]:
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            if line.strip():
                yield path, number, line.strip()


def _question(line: str, sentences: dict[int, str]) -> Question:
    kind, gold, *turns = (field.strip() for field in line.split("|"))
    alternatives = [[int(number) for number in part.split("+")] for part in gold.split(";") if part.strip()]
    if not turns or not all(turns):
        raise ValueError("an empty turn")
    return Question(
        KINDS[kind],
        tuple(turns),
        tuple(tuple(sentences[number] for number in alternative) for alternative in alternatives),
    )


def read_corpus(name: str, *parts: str) -> Guide:
    """Read a guide of benchmarks/corpora with its questions.PART.jsonl (train, more, tune, held or newcomers)."""
    path = next((CORPORA / name).glob("guide.*"), OWN)
    questions = tuple(
        Question(case["kind"], tuple(case["turns"]), tuple(tuple(spans) for spans in case["gold"]))
        for part in parts
        for case in map(json.loads, (CORPORA / name / f"questions.{part}.jsonl").read_text("utf-8").splitlines())
    )
    return Guide(name, path.read_text("utf-8"), path.suffix, questions)


def training_guides(near: bool = False) -> Iterator[Guide]:
    """Yield every guide to learn from: those of benchmarks/training, with the questions of `near` too where it is set,
    and the corpora with training questions."""
    yield from _written_to_learn_from(near)
    for path in sorted(CORPORA.glob("*/questions.train.jsonl")):
        yield read_corpus(path.parent.name, "train")


def _written_to_learn_from(near: bool = False) -> Iterator[Guide]:
    for path in sorted(TRAINING.glob("*.txt")):
        yield read_training(path, *([NEAR / path.name] if near else []))


def part_guides(part: str) -> Iterator[Guide]:
    """Yield the corpora with the questions of one part: "tune" is to be looked at, "held" and "newcomers" not."""
    for path in sorted(CORPORA.glob(f"*/questions.{part}.jsonl")):
        yield read_corpus(path.parent.name, part)


def strangers(held: bool = False) -> list[str]:
    """Return messages that have nothing to do with any guide, other than those that ship (`elsewhere.questions`, which
    the encoder learns from); of those `held` nothing is learned."""
    return (TRAINING / ("offtopic.held.list" if held else "offtopic.list")).read_text("utf-8").splitlines()


def other_questions(chance: random.Random, each: int) -> Iterator[tuple[str, ...]]:
    """Yield `each` questions on every training guide, of those on health only such as are nobody's own."""
    for guide in _written_to_learn_from():
        asked = [question.turns for question in guide.questions]
        if guide.name.startswith(HEALTH):
            asked = [turns for turns in asked if not PERSONAL.search(" ".join(turns))]
        yield from chance.sample(asked, min(each, len(asked)))


def ordinary_questions() -> list[str]:
    """Return the harmless messages of the tests and the curated questions of our own guide."""
    ordinary = (ROOT / "tests" / "safety" / "ordinary.txt").read_text("utf-8").splitlines()
    curated = (ROOT / "corpus" / "iliopsoas-guide.questions.md").read_text("utf-8").splitlines()
    harmless = [line.strip() for line in ordinary if line.strip() and not line.startswith("#")]
    return harmless + [line[2:].strip() for line in curated if line.startswith("- ")]


def asked_of_ours(chance: random.Random) -> list[list[str]]:
    """Return ON_OUR_GUIDE of the further questions that our own guide answers, as conversations: nobody's sign."""
    asked = [list(question.turns) for question in read_corpus("iliopsoas", "more").questions if question.gold]
    return chance.sample(asked, ON_OUR_GUIDE)


def gather() -> dict[str, Any]:
    """Return everything that benchmarks/train_encoder.py learns from, as lists that JSON can hold."""
    return {
        "guides": [laid_out(guide) for guide in training_guides()],
        "tuning": [laid_out(guide) for guide in part_guides("tune")],
        "strangers": elsewhere.questions(),
        "messages": list(messages_to_learn()),
        "judged": list(read_messages("tune*.jsonl")),
    }


def document_of(guide: Guide) -> Document:
    """Return the guide as the corpus reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"guide{guide.suffix}"
        path.write_text(guide.text, "utf-8")
        return read_document(path, path.parent)


def questions_on(guide: Guide, sentences: Sequence[str]) -> Iterator[tuple[Question, conversation.Asked, list[int]]]:
    """Yield each question, how the conversation reads it, and the rows of the sentences that answer it.

    Small talk is left out, and so is a question whose evidence is not among `sentences`.
    """
    plainly = [plain(sentence) for sentence in sentences]
    for question in guide.questions:
        spans = [span for alternative in question.gold for span in alternative]
        rows = [row for row, sentence in enumerate(plainly) if any(same(span, sentence) for span in spans)]
        if question.kind == "smalltalk" or (question.gold and not rows):
            continue
        *earlier, last = question.turns
        yield question, conversation.read(last, [Message(role="user", content=turn) for turn in earlier]), rows


def laid_out(guide: Guide) -> dict[str, Any]:
    """Return a guide as the index lays it out, and its questions as the conversation reads them."""
    document = document_of(guide)
    rows = layout([document], split(document))
    section = [int(rows.passage_section[passage]) for passage in rows.sentence_passage]
    return {
        "name": guide.name,
        "sentences": list(rows.sentences),
        "headed": list(rows.headed),
        "labels": list(rows.labels[: max(section) + 1]),
        "section": section,
        "questions": [
            {"kind": question.kind, "alone": asked.alone, "joined": asked.joined, "rows": answers}
            for question, asked, answers in questions_on(guide, rows.sentences)
        ],
    }


def retold(guide: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a guide, laid out, as each teller of its retold.jsonl has it, with the same questions and rows.

    Raises KeyError for a sentence or heading that nobody retold.
    """
    lines = (CORPORA / guide["name"] / "retold.jsonl").read_text("utf-8").splitlines()
    told = {line["text"]: line["retold"] for line in map(json.loads, lines)}
    for teller in range(len(told[guide["labels"][0]])):
        sentences = [told[sentence][teller] for sentence in guide["sentences"]]
        labels = [told[label][teller] for label in guide["labels"]]
        headed = [
            f"{labels[section]}: {sentence}" for section, sentence in zip(guide["section"], sentences, strict=True)
        ]
        yield {**guide, "name": f"{guide['name']} {teller}", "sentences": sentences, "labels": labels, "headed": headed}


def tellings(name: str) -> Iterator[dict[str, Any]]:
    """Yield a guide with all that is asked of it, laid out; then the same in other words, where somebody retold it."""
    own = laid_out(read_corpus(name, "train", "more"))
    yield own
    yield from retold(own)


def same(span: str, sentence: str) -> bool:
    """Whether a gold span and a sentence of the index are the same, or one is part of the other."""
    span = plain(span)
    return span in sentence or (len(sentence) > 20 and sentence in span)


def messages_to_learn() -> Iterator[dict[str, Any]]:
    """Yield the labelled messages, and as harmless ones some off topic and questions on other guides."""
    yield from read_messages("train*.jsonl")
    for text in elsewhere.questions():
        yield message("none", ["none"], [text])
    draw = random.Random(0)
    for guide in _written_to_learn_from():
        if not guide.name.startswith(HEALTH):
            questions = [question.turns for question in guide.questions]
            for turns in draw.sample(questions, ORDINARY_A_GUIDE):
                yield message("none", ["none"], list(turns))


def message(tier: str, accept: list[str], turns: list[str]) -> dict[str, Any]:
    """Return a message as the guardrail's head reads it: the last turn, and the latest ones together."""
    whole = " ".join(turns[-RECENT:])[-LONGEST:]
    return {"tier": tier, "accept": accept, "turns": turns, "last": turns[-1][-LONGEST:], "whole": whole}


def read_messages(pattern: str) -> Iterator[dict[str, Any]]:
    """Yield the labelled safety messages of the files that match `pattern`, read as the guardrail's head reads them."""
    for case in read_cases(pattern):
        yield message(case["tier"], case["accept"], case["turns"])


def read_cases(pattern: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of the labelled safety messages of the files that match `pattern`, file by file."""
    for path in sorted(SAFETY.glob(pattern)):
        yield from map(json.loads, path.read_text("utf-8").splitlines())
