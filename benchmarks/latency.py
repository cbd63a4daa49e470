"""The time of an answer inside a warm process, beside plain encode + search with sentence-transformers and FAISS.

    python benchmarks/latency.py [--index index]

Asks the tuning questions of the iliopsoas guide, triage and follow-up logic included. Build the index first.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import baseline
import faiss
from rows import row

from wellcited import Assistant
from wellcited.datatypes import Message

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "benchmarks" / "corpora" / "iliopsoas" / "questions.tune.jsonl"
GUIDE = ROOT / "corpus" / "iliopsoas-guide.md"


def summary(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    return f"  {name:32}{statistics.median(ordered) * 1000:6.1f} ms median   {p95 * 1000:6.1f} ms p95"


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

    ours, theirs = [], []
    for *earlier, question in conversations:
        history = [Message(role="user", content=turn) for turn in earlier]
        started = time.perf_counter()
        assistant.ask(question, history)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        plain.search(model.encode([question], normalize_embeddings=True, show_progress_bar=False), 5)
        theirs.append(time.perf_counter() - started)
    print(f"one answer in a warm process, {len(ours)} questions, taking turns")
    print(summary("wellcited, whole answer", ours))
    print(summary("encode + search alone", theirs))
    ratio, high = statistics.median(theirs) / statistics.median(ours), sorted(ours)[int(0.99 * (len(ours) - 1))]
    tail = high / statistics.median(ours)
    row("answer inside the process, median", "1.5x faster than the baseline's bare encode + search, p99 at most 4x the "
        "median", f"{ratio:.2f}x faster, p99 {tail:.1f}x the median", ratio >= 1.5 and tail <= 4)  # fmt: skip
    print(f"  {'ratio of medians':32}{statistics.median(theirs) / statistics.median(ours):6.2f} x")


if __name__ == "__main__":
    main()
