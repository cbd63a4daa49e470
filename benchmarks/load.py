"""`/api/ask` under load: a real server, and 32 readers who ask again as soon as they are answered.

    python benchmarks/load.py [--answers 3000] [--clients 32] [--mix distinct,repeats] [--workers 1] [--set NAME=VALUE]
    python benchmarks/load.py --answers 50000 --mix distinct     # does memory stay flat?

Two mixes. `distinct`: no question comes twice, so that nothing can be remembered. `repeats`: as readers ask, a few
questions often and most of them seldom (Zipf, exponent 1); the share that came before is printed. Questions are those
of the corpora, in frames such as "Hello, ... Thank you!". The clients keep their connections and share the machine's
cores with the server: what they take themselves is printed too. `--set` gives the server a setting, e.g.
CACHE_ANSWERS=0.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rows import row
from running import LOCAL, Server, running

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "benchmarks" / "corpora"
OPENERS = (
    "", "Hello, ", "Hi there, ", "Please tell me: ", "I wonder: ", "Quick question: ", "One more thing, ",
    "Good morning, ", "Just curious, ", "Sorry to ask, ", "My friend wants to know: ", "Since you ask, ", "Well, ",
    "To be sure: ", "Honestly, ", "Before I begin, ", "After reading the guide, ", "Another one: ", "So, ",
    "Out of interest, ",
)  # fmt: skip
CLOSERS = (
    "",
    " Thank you!",
    " Thanks.",
    " I sit at a desk all day.",
    " I am 43.",
    " I run twice a week.",
    " Please be brief.",
)
WARM = 200
"""So many answers come before the clock starts."""
SLOW_START = 0.1
"""The share of the answers after which memory is compared: caches and pools fill first."""
FLAT_MIB = 20.0
"""What memory may have grown by at the end, and be called flat."""


def questions_of(seed: int = 1) -> list[str]:
    """Return the last turn of every conversation of the corpora, each once, shuffled."""
    files = sorted(CORPORA.glob("*/questions.t*.jsonl"))
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    found = list(dict.fromkeys(json.loads(line)["turns"][-1] for line in lines))
    random.Random(seed).shuffle(found)
    return found


def distinct(questions: list[str]) -> Iterator[str]:
    """Give questions of which no two are the same: about 200,000, then it ends."""
    for closer, opener in itertools.product(CLOSERS, OPENERS):
        for question in questions:
            yield f"{opener}{question}{closer}"


def repeats(questions: list[str], seed: int = 2) -> Iterator[str]:
    """Give questions as readers do: the n-th most popular is asked 1/n as often as the first."""
    chance = random.Random(seed)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(questions) + 1)))
    while True:
        yield from chance.choices(questions, cum_weights=weights, k=1000)


@dataclass
class Tally:
    """What came back: seconds of each answer, statuses, how many were asked before."""

    wanted: int
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    again: int = 0
    sent: int = 0


class Reader(asyncio.Protocol):
    """One reader on one kept connection; HTTP/1.1 by hand, because a client's library would take half of a core."""

    def __init__(self, tally: Tally, questions: Iterator[str], done: asyncio.Event) -> None:
        self.tally, self.questions, self.done = tally, questions, done
        self.held = b""
        self.asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        if self.tally.sent >= self.tally.wanted:
            self.transport.close()
            return
        self.tally.sent += 1
        question = next(self.questions)
        self.tally.again += question in self.tally.seen
        self.tally.seen.add(question)
        body = json.dumps({"question": question}).encode()
        self.begun, self.asking = time.perf_counter(), True
        self.transport.write(
            b"POST /api/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Accept-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )

    def data_received(self, data: bytes) -> None:
        self.held += data
        head, gap, body = self.held.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            return
        self.held = b""
        self.note(head[9:12].decode())
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if self.asking:
            self.note("broken off")
        self.done.set()

    def note(self, status: str) -> None:
        self.asking = False
        self.tally.seconds.append(time.perf_counter() - self.begun)
        self.tally.statuses[status] += 1


def _length(head: bytes) -> int:
    """Return the length of the body that a head announces; none is a body that never ends, and a fault of this file."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise SystemExit(f"an answer without a length: {head[:200]!r}")


async def asked(port: int, clients: int, tally: Tally, questions: Iterator[str], every: int, server: Server) -> None:
    """Ask until the tally is full; tell the server's memory each `every` answers."""
    loop = asyncio.get_running_loop()
    ends = [asyncio.Event() for _ in range(clients)]
    for end in ends:
        await loop.create_connection(lambda end=end: Reader(tally, questions, end), LOCAL, port)  # type: ignore[misc]
    told = 0
    waits = asyncio.gather(*(end.wait() for end in ends))
    while not waits.done():
        await asyncio.wait([waits], timeout=0.2)
        if every and len(tally.seconds) - told >= every:
            told = len(tally.seconds) // every * every
            print(f"    {told:7,} answers   {server.memory():6.0f} MiB", flush=True)


def percentile(seconds: list[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[int(share * (len(ordered) - 1))]


def measure(server: Server, mix: str, questions: list[str], arguments: argparse.Namespace) -> None:
    """Load the server with one mix; print the figures and the rows of the results."""
    source = distinct(questions) if mix == "distinct" else repeats(questions)
    if mix == "distinct" and arguments.answers + 2 * WARM > len(questions) * len(OPENERS) * len(CLOSERS):
        raise SystemExit(f"there are no {arguments.answers:,} distinct questions; lower --answers")
    warm, tally = Tally(WARM), Tally(arguments.answers)
    asyncio.run(asked(server.port, arguments.clients, warm, source, 0, server))
    before, own = server.memory(), time.process_time()
    begun = time.perf_counter()
    every = 5000 if arguments.answers >= 10_000 else 0
    early = int(SLOW_START * arguments.answers)
    first = Tally(early) if every else None
    if first:
        asyncio.run(asked(server.port, arguments.clients, first, source, 0, server))
        before = server.memory()
        tally.wanted -= early
    asyncio.run(asked(server.port, arguments.clients, tally, source, every, server))
    if first:
        tally.seconds += first.seconds
        tally.statuses += first.statuses
        tally.again += first.again
    taken, own = time.perf_counter() - begun, time.process_time() - own
    after = server.memory()
    count = len(tally.seconds)
    errors = count - tally.statuses["200"]
    rate, p99 = count / taken, percentile(tally.seconds, 0.99)
    print(
        f"{mix}: {count:,} answers of {arguments.clients} clients, {tally.again / count:.0%} asked before\n"
        f"  {rate:6.1f} answers a second, {errors} errors, statuses {dict(tally.statuses)}\n"
        f"  {statistics.median(tally.seconds) * 1e3:6.0f} ms median"
        f"   {percentile(tally.seconds, 0.95) * 1e3:6.0f} ms p95"
        f"   {p99 * 1e3:6.0f} ms p99   {max(tally.seconds) * 1e3:6.0f} ms max\n"
        f"  {before:6.0f} MiB before, {after:.0f} after; the clients took {own / taken:.2f} of a core"
    )
    repeated = f", {tally.again / count:.0%} asked before" if tally.again else ", no question twice"
    row(
        f"`/api/ask`, {arguments.clients} clients{repeated}",
        "120 a second or more, no error, p99 under 600 ms",
        f"{rate:.0f} a second, {errors} errors, p99 {p99 * 1e3:.0f} ms",
        rate >= 120 and not errors and p99 < 0.6,
    )
    if every:
        row(
            f"memory over {count:,} answers{repeated}",
            f"flat: at most {FLAT_MIB:.0f} MiB more after the first tenth",
            f"{before:.0f} to {after:.0f} MiB",
            after - before <= FLAT_MIB,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", default=ROOT / "index", type=Path)
    parser.add_argument("--answers", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--mix", default="distinct,repeats", help="distinct, repeats or both, by a comma")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    arguments = parser.parse_args()
    settings = dict(one.split("=", 1) for one in arguments.set)
    if arguments.workers > 1:
        settings["WORKERS"] = str(arguments.workers)
    questions = questions_of()
    with tempfile.TemporaryDirectory() as place:
        for mix in arguments.mix.split(","):  # each with a server of its own: what the first left must not help
            with running(arguments.index.resolve(), Path(place), **settings) as server:
                measure(server, mix, questions, arguments)
                code, _ = server.stop()
                if code:
                    sys.exit(f"the server ended with {code}:\n{server.log.read_text('utf-8')[-2000:]}")


if __name__ == "__main__":
    main()
