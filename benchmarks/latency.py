"""The time of an answer inside a warm process, beside plain encode + search with sentence-transformers and FAISS.

    python benchmarks/latency.py [--index index]

Asks the tuning questions of the iliopsoas guide, triage and follow-up logic included. Build the index first. The two
take turns of one question, where each finds the caches and the second core as the other left them, then of ten, where
each works warm, as in a process of its own: the row tells the latter.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import baseline
import faiss
from rows import row

from wellcited import Assistant
from wellcited.datatypes import Message

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "benchmarks" / "corpora" / "iliopsoas" / "questions.tune.jsonl"
GUIDE = ROOT / "corpus" / "iliopsoas-guide.md"
ROUNDS = 3


def summary(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    return f"  {name:32}{statistics.median(ordered) * 1000:6.1f} ms median   {p95 * 1000:6.1f} ms p95"


def timed(work: Callable[[list[str]], object], conversations: Sequence[list[str]]) -> list[float]:
    """Return the seconds that the work took with each conversation."""
    seconds = []
    for conversation in conversations:
        started = time.perf_counter()
        work(conversation)
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", default=ROOT / "index", type=Path)
    assistant = Assistant.open(parser.parse_args().index)
    assistant.warm_up()
    conversations = [json.loads(line)["turns"] for line in QUESTIONS.read_text("utf-8").splitlines()]

    text = GUIDE.read_text("utf-8")
    model = baseline.model()
    vectors = model.encode([text[start:end] for start, end in baseline.chunks_of(text)], normalize_embeddings=True)
    plain = faiss.IndexFlatIP(vectors.shape[1])
    plain.add(vectors)
    model.encode(["warm up"], normalize_embeddings=True)

    def answer(conversation: list[str]) -> object:
        *earlier, question = conversation
        return assistant.ask(question, [Message(role="user", content=turn) for turn in earlier])

    def search(conversation: list[str]) -> object:
        vectors = model.encode(conversation[-1:], normalize_embeddings=True, show_progress_bar=False)
        return plain.search(vectors, 5)

    print(f"one answer in a warm process, {len(conversations)} questions, {ROUNDS} rounds")
    for turn in (1, 10):
        ours, theirs = [], []
        for start in list(range(0, len(conversations), turn)) * ROUNDS:
            asked = conversations[start : start + turn]
            ours += timed(answer, asked)
            theirs += timed(search, asked)
        ratio = statistics.median(theirs) / statistics.median(ours)
        print(f"taking turns of {turn}")
        print(summary("wellcited, whole answer", ours))
        print(summary("encode + search alone", theirs))
        print(f"  {'ratio of medians':32}{ratio:6.2f} x")
    tail = sorted(ours)[int(0.99 * (len(ours) - 1))] / statistics.median(ours)
    row("answer inside the process, median", "1.5x faster than the baseline's bare encode + search, p99 at most 4x the "
        "median", f"{ratio:.2f}x faster, p99 {tail:.1f}x the median", ratio >= 1.5 and tail <= 4)  # fmt: skip


if __name__ == "__main__":
    main()
