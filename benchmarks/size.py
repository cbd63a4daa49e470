"""Large corpora: recall, search time, memory and opening, of the vector search alone and of a whole bundle.

python benchmarks/size.py vectors [--passages 1000000]   # one vector each, in the dense index alone
python benchmarks/size.py bundle [--passages 200000]     # texts, terms and four vectors a passage; questions answered
python benchmarks/size.py all [--folder /tmp]            # where the space is: some 2.5 GB for each million of vectors

The vectors are made from those that the default encoder gives some 26,000 sentences of the guides in training/ and
corpora/: each lies at random between the vector of a sentence and that of one of its 20 nearest, with noise of 0.4
times its length. So they cluster as texts do; vectors of chance would not. The questions are those of the guides'
readers (corpora/*/questions.tune.jsonl and .train.jsonl), encoded, and none of them is in the index. Opening is timed
in a fresh process with the files in the page cache. In `bundle` the texts are made up (benchmarks/rebuilding.py), one
sentence a passage and a section, and the vectors have nothing to do with them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rebuilding import write_corpus
from rows import row

from wellcited import bundle
from wellcited.assistant import Assistant
from wellcited.bundle import open_build, publish, seal, staging
from wellcited.corpus.reading import read_corpus
from wellcited.corpus.splitting import split
from wellcited.digests import samples_of, sha256_of
from wellcited.encoding import QueryEncoder, Vectors
from wellcited.indexing import build_index, write
from wellcited.layout import layout
from wellcited.search.dense import DenseIndex
from wellcited.search.stored import STORED
from wellcited.settings import Settings

BENCHMARKS = Path(__file__).resolve().parent
NEIGHBOURS = 20
NOISE = 0.4
QUESTIONS = 400
ASKED = 200
BLOCK = 50_000


def encoder_of(folder: Path) -> Path:
    """Return the folder of the default model's export, made once."""
    index = folder / "little-index"
    build_index(write_corpus(folder / "little", 10), index, Settings())
    return open_build(index).folder / bundle.ENCODER


def real_vectors(folder: Path, kept: Path | None) -> tuple[Vectors, Vectors]:
    """Return the vectors of the sentences and of the questions of the guides; `kept` spares encoding them again."""
    if kept is not None and kept.exists():
        with np.load(kept) as found:
            return found["sentences"], found["questions"]
    sentences: set[str] = set()
    for guides in (BENCHMARKS / "training", *sorted((BENCHMARKS / "corpora").iterdir())):
        if any(path.suffix in (".md", ".txt") and "." not in path.stem for path in guides.iterdir()):
            documents = list(read_corpus(guides).documents)
            sentences.update(layout(documents, [part for document in documents for part in split(document)]).sentences)
    questions: set[str] = set()
    for kind in ("tune", "train"):
        for path in sorted((BENCHMARKS / "corpora").glob(f"*/questions.{kind}.jsonl")):
            for line in path.read_text("utf-8").splitlines():
                entry = json.loads(line)
                questions.add(entry["question"] if "question" in entry else entry["turns"][-1])
    chosen = np.random.default_rng(1).permutation(sorted(questions - sentences))[:QUESTIONS]
    encoder = QueryEncoder(encoder_of(folder), threads=0)
    vectors = encoder.encode_passages(sorted(sentences)), encoder.encode(list(chosen))
    if kept is not None:
        np.savez(kept, sentences=vectors[0], questions=vectors[1])
    return vectors


def extended(real: Vectors, rows: int) -> Vectors:
    """Return `rows` unit vectors: the real ones first, then ones between two that are near, with noise."""
    near = DenseIndex.build(real).search(real, NEIGHBOURS + 1)[1][:, 1:]
    chance = np.random.default_rng(2)
    vectors = np.empty((rows, real.shape[1]), dtype=np.float32)
    vectors[: len(real)] = real[:rows]
    for start in range(len(real), rows, BLOCK):
        block = vectors[start : start + BLOCK]
        one = chance.integers(0, len(real), len(block))
        other = near[one, chance.integers(0, NEIGHBOURS, len(block))]
        share = chance.random((len(block), 1), dtype=np.float32)
        noise = chance.standard_normal(block.shape, dtype=np.float32)
        noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        block[:] = (1 - share) * real[one] + share * real[other] + noise
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def nearest(vectors: Vectors, questions: Vectors, k: int = 10) -> list[set[int]]:
    """Return the rows of the `k` true nearest to each question."""
    best = np.zeros((len(questions), 0), dtype=np.float32)
    rows = np.zeros((len(questions), 0), dtype=np.int64)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        numbers = np.broadcast_to(np.arange(start, start + len(block)), (len(questions), len(block)))
        best, rows = np.hstack([best, questions @ block.T]), np.hstack([rows, numbers])
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        best, rows = np.take_along_axis(best, order, axis=1), np.take_along_axis(rows, order, axis=1)
    return [set(found) for found in rows.tolist()]


def vectors_alone(arguments: argparse.Namespace, folder: Path) -> None:
    """Build the dense index of so many vectors, and measure it in a fresh process."""
    real, questions = real_vectors(folder, arguments.kept)
    vectors = extended(real, arguments.passages or 1_000_000)
    true = nearest(vectors, questions)
    print(f"{len(vectors):,} vectors of {vectors.shape[1]} numbers, made from {len(real):,} real ones")
    started = time.perf_counter()
    index = DenseIndex.build(vectors)
    index.save(folder / bundle.DENSE)
    print(f"built in {time.perf_counter() - started:.0f} s; {index.how}")
    show_files(folder, [bundle.DENSE, STORED])
    np.savez(folder / "asked.npz", questions=questions, true=np.array([sorted(found) for found in true]))
    del vectors, index
    again("opened-vectors", folder)


def opened_vectors(folder: Path) -> None:
    with np.load(folder / "asked.npz") as asked:
        questions, true = asked["questions"], asked["true"]
    before = memory()
    started = time.perf_counter()
    import faiss

    faiss.omp_set_num_threads(1)
    imported = time.perf_counter() - started
    started = time.perf_counter()
    paths = [path for path in (folder / bundle.DENSE, folder / STORED) if path.exists()]
    for path in paths:  # as Build.verify does
        (samples_of if path.stat().st_size > bundle.SAMPLED_FROM else sha256_of)(path)
    verified = time.perf_counter() - started
    index = DenseIndex.open(folder / bundle.DENSE)
    opened = time.perf_counter() - started
    print(f"opened in {opened:.2f} s, {verified:.2f} s of it verifying (faiss imported in {imported:.2f} s before)")
    print(f"  memory after opening: {shown(memory())}, before: {shown(before)}")
    found, times = [], []
    for question in questions[:ASKED]:
        began = time.perf_counter()
        found.append(index.search(question[None, :], 10)[1][0])
        times.append(time.perf_counter() - began)
    print(f"searching for 10, one thread: {milliseconds(times)}; recall@10 {recall(found, true):.4f}")
    print(f"  memory after {ASKED} questions: {shown(memory())}")
    median, near, held = statistics.median(times) * 1000, recall(found, true), sum(memory())
    row(f"{len(index):,} vectors: recall@10, median search, memory, opening", "0.98, 15 ms, 1,200 MiB, 3 s",
        f"{near:.3f}, {median:.1f} ms, {held:,.0f} MiB, {opened:.1f} s",
        near >= 0.98 and median <= 15 and held <= 1200 and opened <= 3)  # fmt: skip
    found, times = [], []
    for question in questions:
        began = time.perf_counter()
        found.append(index.search(question[None, :], 600)[1][0][:10])
        times.append(time.perf_counter() - began)
    print(f"searching for 600, as the retrieval does: {milliseconds(times)}; recall@10 {recall(found, true):.4f}")


def whole_bundle(arguments: argparse.Namespace, folder: Path) -> None:
    """Build a bundle of so many passages, texts and all, and measure opening it and asking it in a fresh process."""
    real, _ = real_vectors(folder, arguments.kept)
    corpus = write_corpus(folder / "corpus", arguments.passages or 200_000)
    started = time.perf_counter()
    documents = list(read_corpus(corpus).documents)
    passages = [passage for document in documents for passage in split(document)]
    rows = layout(documents, passages)
    count = len(rows.texts)
    print(f"{len(passages):,} passages, {count:,} vectors, read in {time.perf_counter() - started:.0f} s", flush=True)
    vectors = extended(real, count).astype(np.float16)
    index, build_id = folder / "index", "0" * 16
    encoder = encoder_of(folder)
    little = open_build(folder / "little-index").manifest
    started = time.perf_counter()
    with staging(index, build_id) as staged:
        counts, search = write(staged, documents, passages, rows, vectors)
        print(f"written in {time.perf_counter() - started:.0f} s; {search}", flush=True)
        bundle.link_or_copy(encoder, staged / bundle.ENCODER)
        made = publish(index, seal(staged, build_id, "size", little.model, counts, search))
    print(f"sealed after {time.perf_counter() - started:.0f} s")
    show_files(made.folder, list(made.manifest.files))
    del vectors, documents, passages, rows
    again("opened-bundle", index)


def opened_bundle(index: Path) -> None:
    before = memory()
    started = time.perf_counter()
    assistant = Assistant.open(index, Settings())
    opened = time.perf_counter() - started
    after = memory()
    started = time.perf_counter()
    open_build(index)
    print(f"opened in {opened:.2f} s (verifying alone takes {time.perf_counter() - started:.2f} s)")
    print(f"  memory after opening: {shown(after)}, before: {shown(before)}")
    times, kinds = [], set()
    for number in range(ASKED):
        began = time.perf_counter()
        kinds.add(assistant.ask(f"How do I rinse the lid of kettle number {number}?").kind)
        times.append(time.perf_counter() - began)
    print(f"a question, from text to answer ({', '.join(sorted(kinds))}): {milliseconds(times)}")
    print(f"  memory after {ASKED} questions: {shown(memory())}")


def recall(found: list[np.ndarray], true: np.ndarray) -> float:
    pairs = zip(found, true.tolist(), strict=False)
    return sum(len(set(ours.tolist()) & set(theirs)) for ours, theirs in pairs) / (10 * len(found))


def memory() -> tuple[float, float]:
    """Return the resident memory of this process in MiB: its own, and pages of files, which processes share."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    values = {name: int(rest.split()[0]) / 1024 for name, rest in (line.split(":") for line in lines if "Rss" in line)}
    return values["RssAnon"], values["RssFile"] + values["RssShmem"]


def shown(found: tuple[float, float]) -> str:
    return f"{sum(found):,.0f} MiB ({found[0]:,.0f} its own, {found[1]:,.0f} of files)"


def milliseconds(times: list[float]) -> str:
    last = sorted(times)[int(len(times) * 0.99)]
    return f"{statistics.median(times) * 1000:.1f} ms median, {last * 1000:.1f} ms p99"


def show_files(folder: Path, names: list[str]) -> None:
    sizes = {name: (folder / name).stat().st_size for name in names if (folder / name).exists()}
    large = ", ".join(f"{name} {size / 1e6:,.0f}" for name, size in sizes.items() if size > 1e6)
    print(f"  {sum(sizes.values()) / 1e6:,.0f} MB: {large}")


def again(measure: str, folder: Path) -> None:
    """Go on in a fresh process."""
    sys.stdout.flush()
    subprocess.run([sys.executable, __file__, measure, str(folder)], check=True)


MEASURES: dict[str, Callable[[argparse.Namespace, Path], None]] = {"vectors": vectors_alone, "bundle": whole_bundle}
OPENED: dict[str, Callable[[Path], None]] = {"opened-vectors": opened_vectors, "opened-bundle": opened_bundle}


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[1] in OPENED:
        OPENED[sys.argv[1]](Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--passages", type=int)
    parser.add_argument("--folder", type=Path, help="where to write; emptied afterwards")
    parser.add_argument("--kept", type=Path, help="an .npz file that keeps the real vectors from run to run")
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    for name in MEASURES if arguments.measure == "all" else [arguments.measure]:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            MEASURES[name](arguments, Path(folder))


if __name__ == "__main__":
    main()
