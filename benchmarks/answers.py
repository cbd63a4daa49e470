"""Answers beside what one would otherwise install: the measure of `wellcited evaluate` on questions nobody tuned on.

    python benchmarks/answers.py                  # the unseen questions of every guide under benchmarks/corpora
    python benchmarks/answers.py --part newcomers # those alone by the authors who came last
    python benchmarks/answers.py --part tune      # the questions for looking at
    python benchmarks/answers.py --guide FILE --questions FILE    # another guide and its questions

Nearest chunk is benchmarks/baseline.py: the published model, chunks of 300 characters, FAISS. LangChain, Haystack and
txtai stand beside it where `benchmarks/peers.sh` has made their environment. All get the turns of a conversation
joined. They have no way to decline, so they are compared by what they show; wellcited pays for what it declines
wrongly. It reads each guide for the first time: no curated questions, but for the last row.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import baseline
import faiss

from wellcited import Assistant, build_index
from wellcited.datatypes import Answer, Citation, Document, Message, Receipt
from wellcited.evaluation.questions import QuestionCase, load_questions
from wellcited.evaluation.runner import run_questions
from wellcited.evaluation.scoring import Judged, QuestionScores, score

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "benchmarks" / "corpora"
OWN = ROOT / "corpus" / "iliopsoas-guide.md"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
NEAREST = 8
Spans = Sequence[Sequence[int]]


class Ranked:
    """Answers with the ranked spans of one document that are given for each question, every one a citation."""

    def __init__(self, document: Document, found: Mapping[str, Spans]) -> None:
        self.documents: Mapping[str, Document] = {document.id: document}
        self._document = document
        self._found = found

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        spans = self._found.get(
            joined(
                [*(turn.content for turn in history if isinstance(turn, Message) and turn.role == "user"), question]
            ),
            (),
        )
        document = self._document
        citations = tuple(
            Citation(
                number=number,
                passage_id="chunk",
                document_id=document.id,
                title=document.title,
                headings=(),
                quote=document.text[start:end],
                start=start,
                end=end,
                url="",
            )
            for number, (start, end) in enumerate(spans, start=1)
        )
        kind = "answer" if citations else "smalltalk"
        receipt = Receipt(bundle_id="-", rules_version="-")
        return Answer(kind=kind, text="", citations=citations, receipt=receipt)  # type: ignore[arg-type]


def joined(turns: Sequence[str]) -> str:
    return " ".join(turns)


def nearest_chunk(model, text: str, questions: Sequence[str]) -> list[Spans]:  # type: ignore[no-untyped-def]
    spans = baseline.chunks_of(text)

    def encode(texts: Sequence[str]):  # type: ignore[no-untyped-def]
        return model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)

    vectors = encode([text[start:end] for start, end in spans])
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    _, rows = index.search(encode(questions), min(NEAREST, len(spans)))
    return [[spans[row] for row in found] for found in rows]


def ask_peers(guides: Sequence[tuple[Document, Sequence[str]]], folder: Path) -> dict[str, list[list[Spans]]]:
    """Return for each system, guide and question what it ranks."""
    model = baseline.model()
    found = {"nearest chunk": [nearest_chunk(model, document.text, asked) for document, asked in guides]}
    if PEERS.exists():
        given, got = folder / "asked.json", folder / "found.json"
        table = [{"text": document.text, "questions": list(asked)} for document, asked in guides]
        given.write_text(json.dumps(table), "utf-8")
        subprocess.run([PEERS, ROOT / "benchmarks" / "peers.py", given, got], check=True)
        found |= json.loads(got.read_text("utf-8"))
    else:
        print("LangChain, Haystack and txtai are not installed: benchmarks/peers.sh makes their environment\n")
    return found


def two(value: float | None) -> str:
    """A share with two digits, without the zero in front."""
    return "-" if value is None else f"{value:.2f}".removeprefix("0")


def row(name: str, scores: QuestionScores) -> str:
    """One line of a table; a share that was not measured is a dash."""

    def shown(kind: str, *windows: int) -> str:
        if kind not in scores.kinds:
            return " / ".join(["  -"] * len(windows))
        return " / ".join(two(scores.kinds[kind][f"shown_{window}"].value) for window in windows)

    def share(kind: str) -> str:
        return two(scores.kinds[kind]["declined"].value) if kind in scores.kinds else "-"

    false, precision = scores.overall["false_not_covered"].value, scores.overall["precision"].value
    return (
        f"| {name:20} | {shown('single', 300, 600, 1200)} | {shown('followup', 300, 600, 1200)} "
        f"| {shown('compound', 600, 1200)} | {precision:.2f} | {false:.2f} | {share('unanswerable')} "
        f"| {share('offtopic')} |"
    )


HEAD = (
    "|                      | single 300/600/1200 | followup 300/600/1200 | compound 600/1200 | precision "
    "| wrongly declined | unanswerable declined | offtopic declined |\n|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--part", choices=("held", "newcomers", "tune"), help="which questions (default: held and newcomers)"
    )
    parser.add_argument("--guide", type=Path, help="another guide")
    parser.add_argument("--questions", type=Path, help="the questions on it")
    arguments = parser.parse_args()
    parts = [arguments.part] if arguments.part else ["held", "newcomers"]
    if arguments.guide:
        asked = {arguments.guide.stem: ([arguments.guide], [arguments.questions])}
    else:
        names = sorted(path.parent.name for path in CORPORA.glob(f"*/questions.{parts[0]}.jsonl"))
        questions_on = {name: [CORPORA / name / f"questions.{part}.jsonl" for part in parts] for name in names}
        asked = {name: (sorted(CORPORA.glob(f"{name}/guide.*")) or [OWN], questions_on[name]) for name in names}
        curated = OWN.with_name("iliopsoas-guide.questions.md")
        asked["iliopsoas, curated"] = ([OWN, curated], questions_on["iliopsoas"])

    with tempfile.TemporaryDirectory() as folder:
        assistants: dict[str, Assistant] = {}
        cases: dict[str, Sequence[QuestionCase]] = {}
        for name, (files, lists) in asked.items():
            corpus, index = Path(folder) / name / "corpus", Path(folder) / name / "index"
            corpus.mkdir(parents=True)
            for file in files:
                shutil.copy(file, corpus)
            build_index(corpus, index)
            assistants[name] = Assistant.open(index)
            cases[name] = [case for questions in lists for case in load_questions(questions)]
        read = [name for name in asked if "," not in name]
        given = [
            (next(iter(assistants[name].documents.values())), [joined(case.turns) for case in cases[name]])
            for name in read
        ]
        found = ask_peers(given, Path(folder))
        judged: dict[str, dict[str, Sequence[Judged]]] = {name: {} for name in asked}
        for number, name in enumerate(read):
            document, questions = given[number]
            for system, ranked in found.items():
                other = Ranked(document, dict(zip(questions, ranked[number], strict=True)))
                judged[name][system] = run_questions(other, cases[name]).results
        for name, assistant in assistants.items():
            judged[name]["wellcited"] = run_questions(assistant, cases[name]).results

    others = [name for name in read if name != "iliopsoas"]
    groups = {"iliopsoas": ["iliopsoas"], "iliopsoas, curated questions": ["iliopsoas, curated"]}
    groups = {**groups, f"other guides ({', '.join(others)})": others} if not arguments.guide else {read[0]: read}
    for title, members in groups.items():
        print(f"\n{title}: {sum(len(cases[name]) for name in members)} questions\n{HEAD}")
        for system in judged[members[0]]:
            print(row(system, score([one for name in members for one in judged[name][system]])))


if __name__ == "__main__":
    main()
