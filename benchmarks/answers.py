"""Answers beside nearest-chunk search: the measure of `wellcited evaluate` on questions that nobody tuned on.

    python benchmarks/answers.py             # the unseen questions of every guide under benchmarks/corpora
    python benchmarks/answers.py --tune      # the questions for looking at

The nearest-chunk search is benchmarks/baseline.py: same model, chunks of 300 characters, the turns of a conversation
joined. It has no way to decline, so it is compared by what it shows alone. wellcited has read each guide for the first
time: no curated questions, but for the last row.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import baseline
import faiss

from wellcited import Assistant, build_index
from wellcited.datatypes import Answer, Citation, Document, Message, Receipt
from wellcited.evaluation.questions import load_questions
from wellcited.evaluation.runner import run_questions

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "benchmarks" / "corpora"
OWN = ROOT / "corpus" / "iliopsoas-guide.md"
COLUMNS = ("shown_300", "shown_600", "shown_1200")


class NearestChunk:
    """Answers with the nearest chunks of one document, every one a citation."""

    def __init__(self, document: Document, model: object) -> None:
        self.documents: Mapping[str, Document] = {document.id: document}
        self._document = document
        self._model = model
        self._spans = baseline.chunks_of(document.text)
        vectors = self._encode([document.text[start:end] for start, end in self._spans])
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def _encode(self, texts: list[str]):  # type: ignore[no-untyped-def]
        return self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)  # type: ignore[attr-defined]

    def ask(self, question: str, history: Sequence[Message | Mapping[str, str]] = ()) -> Answer:
        earlier = [turn.content for turn in history if isinstance(turn, Message) and turn.role == "user"]
        scores, rows = self._index.search(self._encode([" ".join([*earlier, question])]), 5)
        document = self._document
        citations = tuple(
            Citation(
                number=number,
                passage_id="chunk",
                document_id=document.id,
                title=document.title,
                headings=(),
                quote=document.text[slice(*self._spans[row])],
                start=self._spans[row][0],
                end=self._spans[row][1],
                url="",
            )
            for number, row in enumerate(rows[0], start=1)
        )
        sure = float(min(1.0, max(0.0, scores[0][0])))
        return Answer(
            kind="answer",
            text="",
            citations=citations,
            confidence=sure,
            receipt=Receipt(bundle_id="-", rules_version="-"),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", action="store_true", help="the questions for looking at instead of the unseen ones")
    part = "tune" if parser.parse_args().tune else "held"
    guides = {path.parent.name: [path] for path in sorted(CORPORA.glob("*/guide.*"))}
    guides["iliopsoas"] = [OWN]
    guides["iliopsoas, curated"] = [OWN, OWN.with_name("iliopsoas-guide.questions.md")]
    model = baseline.model()
    print(f"{'':22}{'questions':>10}   {'nearest chunk':^22}   {'wellcited':^22}   wrongly   rightly")
    print(f"{'guide':22}{'':10}   {'@300   @600  @1200':^22}   {'@300   @600  @1200':^22}   declined  declined")
    with tempfile.TemporaryDirectory() as folder:
        for name, files in guides.items():
            corpus, index = Path(folder) / name / "corpus", Path(folder) / name / "index"
            corpus.mkdir(parents=True)
            for file in files:
                shutil.copy(file, corpus)
            build_index(corpus, index)
            assistant = Assistant.open(index)
            cases = load_questions(CORPORA / name.split(",")[0] / f"questions.{part}.jsonl")
            ours = run_questions(assistant, cases).overall
            (document,) = assistant.documents.values()
            theirs = run_questions(NearestChunk(document, model), cases).overall
            shown = ["   ".join(f"{scores[key].value:.2f}" for key in COLUMNS) for scores in (theirs, ours)]
            print(f"{name:22}{len(cases):10}   {shown[0]:^22}   {shown[1]:^22}"
                  f"   {ours['false_not_covered'].value:7.2f}   {ours['declined'].value:7.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
