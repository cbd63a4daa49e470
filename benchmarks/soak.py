"""Hours of readers in minutes: a real server, asked everything at once, must never fail, hang or grow.

    python benchmarks/soak.py [--requests 20000] [--minutes 0] [--clients 8] [--rebuild-every 2500] [--idle 10000]

A copy of the guide is indexed and served with its rates off. Clients ask questions, follow-ups and what must be
referred, send garbage and bodies that are too large, break off half-way, and open pages, while the guide is rebuilt and
rolled back under them. Then idle keep-alive connections are opened: more than the server takes on, more than it takes
of one client, and as many as it was told to hold. Last, the server is stopped under load. The load stays on 127.0.0.1.
With a violation the exit code is 1: an answer with 5xx, a status that the kind may not have, a request that took over
30 seconds, an answer from no known build, a log with errors, memory that rises, descriptors or threads that stay.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from running import HANG_SECONDS, LOCAL, Figures, Server, running

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "benchmarks" / "corpora" / "iliopsoas" / "questions.tune.jsonl"
WARM_SHARE = 1 / 3
"""Memory is watched after this share of the requests: caches and pools fill first."""
WARM_UP = 200
"""So many of the longest questions come first: the encoder keeps the memory that its longest texts took."""
RISE_MIB = 2.0
"""So much may memory rise over 1,000 requests: half a percent of it, less than one build that is being swapped."""
LEFT_THREADS, LEFT_FILES = 45, 12
"""What may be there more than at the start: the pool of worker threads, and what a swap has just let go."""
JSON = {"Content-Type": "application/json"}
FLAGS = (
    "both my legs have gone numb since this morning, which stretch?",
    "I have crushing chest pain, where do I press?",
    "I can't feel myself wipe and my back hurts",
    "my leg is hot and swollen since the flight, can I massage it?",
    "ich habe Brustschmerzen und Atemnot",
)
SILENCE = (
    "what does the ball cost?",
    "who won the cup in 1974?",
    "write me a poem about spring",
    "is it open on Sunday?",
)
PAGES = (
    "/",
    "/guide",
    "/guide/iliopsoas-guide",
    "/openapi.json",
    "/docs",
    "/embed",
    "/widget.js",
    "/healthz",
    "/readyz",
)
SCRIPTS = "aé ü漢字אב🤒\u202e\x00\x1b'\"<>{}[]\\/%$-_.,:;!?0123456789 \n\t" + "numb pain leg"


@dataclass
class Sent:
    """One request: what to send, and which statuses its kind may have."""

    kind: str
    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    allowed: tuple[int, ...] = (200,)
    refers: bool = False


@dataclass
class Tally:
    """What came back, of all clients together."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    kinds: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    done: int = 0

    def note(self, kind: str, status: str, seconds: float) -> None:
        with self.lock:
            self.done += 1
            self.statuses[kind][status] += 1
            self.seconds[kind].append(seconds)

    def violated(self, what: str) -> None:
        with self.lock:
            self.violations.append(what)


def asked(kind: str, body: Any, allowed: tuple[int, ...] = (200,), **headers: str) -> Sent:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Sent(kind, "POST", "/api/ask", data, {**JSON, **headers}, allowed)


class Mix:
    """Draws the next request, a good third of them plain questions."""

    def __init__(self, turns: Sequence[Sequence[str]], component: int, seed: int) -> None:
        self.chance = random.Random(seed)
        self.turns, self.component = turns, component
        self.makers: list[tuple[int, Callable[[], Sent]]] = [
            (36, self.answer), (12, self.follow_up), (8, self.referral), (5, self.silence), (7, self.window),
            (6, self.garbage), (6, self.odd_json), (2, self.oversized), (2, self.long), (6, self.page), (3, self.head),
            (3, self.missing), (2, self.foreign),
        ]  # fmt: skip
        self.weights = [weight for weight, _ in self.makers]

    def next(self) -> Sent:
        return self.chance.choices(self.makers, self.weights)[0][1]()

    def answer(self) -> Sent:
        return asked("answer", {"question": self.chance.choice(self.turns)[-1]})

    def follow_up(self) -> Sent:
        before = self.chance.sample(self.turns, self.chance.randrange(1, 6))
        history = []
        for turns in before:
            history += [{"role": "user", "content": turns[-1]}, {"role": "assistant", "content": "As the guide says."}]
        return asked("follow-up", {"question": "and how often?", "history": history})

    def referral(self) -> Sent:
        sent = asked("referral", {"question": self.chance.choice(FLAGS)})
        sent.refers = True
        return sent

    def silence(self) -> Sent:
        return asked("silence", {"question": self.chance.choice(SILENCE)})

    def window(self) -> Sent:
        data = {"question": self.chance.choice(self.turns)[-1], "history": []}
        body = json.dumps({"data": data, "component_id": self.component, "fn_name": "ask"}).encode()
        return Sent("window", "POST", "/gradio_api/component_server", body, JSON)

    def garbage(self) -> Sent:
        if self.chance.random() < 0.5:
            return asked("garbage", self.chance.randbytes(self.chance.randrange(400)), (422,))
        whole = json.dumps({"question": self.noise(200)}).encode()
        return asked("garbage", whole[: self.chance.randrange(len(whole) - 1)], (422,))

    def odd_json(self) -> Sent:
        odd = [None, 1, 1e308, True, [], {}, "", " ", "?", self.noise(60), ["x"] * 9, {"role": "user"}, "\ud800"]
        history: Any = [
            {"role": self.chance.choice(["user", "assistant", "system", None]), "content": self.chance.choice(odd)}
            for _ in range(self.chance.randrange(45))
        ]
        question = self.chance.choice([*odd, self.noise(300), self.noise(3000)])
        body = {"question": question, "history": self.chance.choice([history, [], None, self.chance.choice(odd)])}
        if self.chance.random() < 0.1:
            return asked("odd JSON", b"[" * 30_000 + b"]" * 30_000, (422,))
        return asked("odd JSON", body, (200, 422))

    def oversized(self) -> Sent:
        return asked("oversized", b'{"question": "' + b"x" * self.chance.randrange(270_000, 600_000) + b'"}', (413,))

    def long(self) -> Sent:
        return asked("too long", {"question": "how long do I press the muscle? " * 160}, (422,))

    def page(self) -> Sent:
        return Sent("page", "GET", self.chance.choice(PAGES))

    def head(self) -> Sent:
        return Sent("HEAD", "HEAD", self.chance.choice(PAGES))

    def missing(self) -> Sent:
        name = self.chance.randbytes(6).hex()
        path = self.chance.choice(
            [f"/{name}", f"/guide/{name}", f"/ui/{name}.js", f"/api/{name}", "/gradio_api/upload"]
        )
        return Sent("404", self.chance.choice(["GET", "POST", "PUT", "DELETE"]), path, allowed=(404, 405))

    def foreign(self) -> Sent:
        return asked("foreign site", {"question": "How long do I press?"}, (403,), Origin="https://evil.example")

    def longest(self) -> Sent:
        """A question as long as may be: what an answer can take of memory, it takes for these."""
        text = "".join(self.chance.choices(SCRIPTS, k=3990))
        return asked("longest", {"question": f"knee {text}"}, (200, 422))

    def noise(self, most: int) -> str:
        return "".join(self.chance.choices(SCRIPTS, k=self.chance.randrange(1, most)))


class Client(threading.Thread):
    """Sends one request after the other over one connection, and now and then breaks off in the middle of one."""

    def __init__(self, port: int, mix: Mix, tally: Tally, more: Callable[[], bool], builds: set[str]) -> None:
        super().__init__(daemon=True)
        self.port, self.mix, self.tally, self.more, self.builds = port, mix, tally, more, builds
        self.connection = self.connect()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(LOCAL, self.port, timeout=HANG_SECONDS)

    def run(self) -> None:
        while self.more():
            if self.mix.chance.random() < 0.02:
                self.break_off()
            else:
                self.send(self.mix.next())
        self.connection.close()

    def break_off(self) -> None:
        """Send the half of a question and be gone: only what others notice of it counts."""
        begun = time.perf_counter()
        with socket.create_connection((LOCAL, self.port), timeout=HANG_SECONDS) as connection:
            connection.sendall(b'POST /api/ask HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n{"question": "How')
        self.tally.note("broken off", "-", time.perf_counter() - begun)

    def send(self, sent: Sent) -> None:
        begun = time.perf_counter()
        try:
            status, body = self.exchange(sent)
        except TimeoutError:
            self.tally.note(sent.kind, "hang", time.perf_counter() - begun)
            self.tally.violated(f"{sent.kind}: no answer within {HANG_SECONDS:.0f} s")
            self.again()
            return
        except (OSError, http.client.HTTPException) as error:
            self.tally.note(sent.kind, type(error).__name__, time.perf_counter() - begun)
            self.tally.violated(f"{sent.kind}: {type(error).__name__}")
            self.again()
            return
        self.tally.note(sent.kind, str(status), time.perf_counter() - begun)
        if status not in sent.allowed:
            self.tally.violated(f"{sent.kind}: {status} {body[:300]!r}")
        if sent.path == "/api/ask" and status == 200:
            self.check(sent, json.loads(body))
        if sent.method == "HEAD" and body:
            self.tally.violated("HEAD: came with a body")

    def exchange(self, sent: Sent) -> tuple[int, bytes]:
        fresh = self.connection.sock is None
        try:
            with_body = {"Connection": "close"} if sent.kind == "oversized" else {}  # it is not read to its end
            try:
                self.connection.request(sent.method, sent.path, sent.body, {**sent.headers, **with_body})
            except (BrokenPipeError, ConnectionResetError):
                if sent.kind != "oversized":
                    raise  # refused unread: the answer is there already
            response = self.connection.getresponse()
            return response.status, response.read()
        except (ConnectionError, http.client.RemoteDisconnected):
            self.again()
            if fresh and sent.kind != "oversized":
                raise
            if sent.kind == "oversized":
                return 413, b""  # the refusal was lost in the reset that a body under way brings
            return self.exchange(sent)  # the server closed it between two requests, as it may

    def again(self) -> None:
        self.connection.close()
        self.connection = self.connect()

    def check(self, sent: Sent, answer: dict[str, Any]) -> None:
        with self.tally.lock:
            self.tally.kinds[answer["kind"]] += 1
        if sent.refers and (answer["kind"] != "referral" or answer["citations"]):
            self.tally.violated(f"a red flag got {answer['kind']!r}")
        if answer["receipt"]["bundle_id"] not in self.builds:
            self.tally.violated(f"an answer from no known build: {answer['receipt']['bundle_id']}")


class Publisher(threading.Thread):
    """Edits the guide and rebuilds, or rolls back, each time so many requests are done."""

    def __init__(self, folder: Path, server: Server, tally: Tally, every: int, builds: set[str]) -> None:
        super().__init__(daemon=True)
        self.folder, self.server, self.tally, self.every, self.builds = folder, server, tally, every, builds
        self.over = threading.Event()
        self.lags: list[float] = []

    def run(self) -> None:
        guide = self.folder / "corpus" / "iliopsoas-guide.md"
        whole = guide.read_text("utf-8")
        due, number = self.every, 0
        while not self.over.wait(0.1):
            if self.tally.done < due:
                continue
            due, number = self.tally.done + self.every, number + 1
            if number % 3 == 0:
                told = wellcited(["rollback"], self.folder)
            else:
                guide.write_text(f"{whole}\n\nThis is edition number {number} of the guide.\n", "utf-8")
                told = wellcited(["index"], self.folder, lambda: self.builds.update(kept(self.folder)))
            if told:
                self.tally.violated(f"a rebuild failed: {told}")
            self.wait_for((self.folder / "index" / "CURRENT").read_text("utf-8").strip())

    def wait_for(self, build_id: str) -> None:
        begun = time.perf_counter()
        while json.loads(self.server.get("/readyz")[1] or b"{}").get("bundle_id") != build_id:
            if time.perf_counter() - begun > HANG_SECONDS:
                self.tally.violated(f"build {build_id} was not taken up within {HANG_SECONDS:.0f} s")
                return
            time.sleep(0.1)
        self.lags.append(time.perf_counter() - begun)


def kept(folder: Path) -> set[str]:
    """Return the ids of the builds that the index holds, the one being staged too."""
    found = (path.name for path in (folder / "index" / "builds").glob("*"))
    return {name.strip(".").partition(".")[0] for name in found}


def wellcited(arguments: Sequence[str], folder: Path, meanwhile: Callable[[], object] = lambda: None) -> str:
    """Run a command; return what it said if it failed. `meanwhile` is called while it runs, and once after."""
    variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "wellcited", *arguments]
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while process.poll() is None:
            meanwhile()
            time.sleep(0.02)
        meanwhile()
        told = process.stdout.read() if process.stdout else ""
    return told.strip()[-300:] if process.returncode else ""


def mixed(arguments: argparse.Namespace, folder: Path, server: Server, tally: Tally) -> list[Figures]:
    """Send the whole mix; return the figures of the server, from the start to after the last request."""
    turns = [json.loads(line)["turns"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    component, builds = server.component(), kept(folder)
    until = time.monotonic() + 60 * arguments.minutes if arguments.minutes else float("inf")

    def more() -> bool:
        return tally.done < arguments.requests and time.monotonic() < until and server.process.poll() is None

    warmed = Tally()
    warm = [
        Client(server.port, Mix(turns, component, 1000 + number), warmed, lambda: warmed.done < WARM_UP, builds)
        for number in range(arguments.clients)
    ]
    for client in warm:
        client.mix.next = client.mix.longest  # type: ignore[method-assign]
        client.start()
    for client in warm:
        client.join()
    tally.violations += warmed.violations
    figures = [server.figures()]
    publisher = Publisher(folder, server, tally, arguments.rebuild_every, builds)
    clients = [
        Client(server.port, Mix(turns, component, number), tally, more, builds) for number in range(arguments.clients)
    ]
    begun = time.monotonic()
    for thread in (publisher, *clients):
        thread.start()
    told = 0
    while any(client.is_alive() for client in clients):
        time.sleep(0.5)
        figures.append(server.figures(tally.done))
        if tally.done - told >= 2000:
            told = tally.done
            print(f"  {told:,} requests, {figures[-1].mib:.0f} MiB, {len(tally.violations)} violations", flush=True)
    seconds = time.monotonic() - begun
    publisher.over.set()
    publisher.join(90)
    time.sleep(3)  # connections are closed, and the last swap is over
    figures.append(server.figures(tally.done))
    print(
        f"\n{tally.done:,} requests in {seconds:.0f} s ({tally.done / seconds:.0f} a second) "
        f"of {arguments.clients} clients"
    )
    print(f"{'kind':14}{'count':>8}  {'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}  statuses")
    for kind in sorted(tally.statuses, key=lambda name: -sum(tally.statuses[name].values())):
        found = sorted(tally.seconds[kind])
        middle, high, most = statistics.median(found), found[int(0.99 * (len(found) - 1))], found[-1]
        statuses = ", ".join(f"{status}: {count:,}" for status, count in tally.statuses[kind].most_common())
        print(f"{kind:14}{len(found):8,}  {middle * 1e3:8.1f}{high * 1e3:8.1f}{most * 1e3:8.1f}  {statuses}")
    print(f"answers by kind: {dict(tally.kinds.most_common())}")
    lags = [f"{lag:.1f}" for lag in publisher.lags]
    print(f"rebuilds and rollbacks taken up: {len(lags)}, seconds each after it was live: {' '.join(lags) or '-'}")
    return figures


def judge(figures: Sequence[Figures], tally: Tally) -> None:
    """Print how the process grew, and note what stayed or rose too much."""
    first, last = figures[0], figures[-1]
    middle = figures[len(figures) // 2]
    late = [one for one in figures if one.done >= WARM_SHARE * last.done]
    rise = (
        float(np.polyfit([one.done / 1000 for one in late], [one.mib for one in late], 1)[0]) if len(late) > 2 else 0.0
    )
    for name, one in (("start", first), ("middle", middle), ("end", last)):
        print(f"{name:8}{one.done:8,} requests {one.mib:7.0f} MiB {one.files:5} descriptors {one.threads:5} threads")
    print(f"peak {max(one.mib for one in figures):.0f} MiB; rise of memory {rise:+.2f} MiB a 1,000 requests")
    if rise > RISE_MIB and last.done >= 5000:
        tally.violated(f"memory rises by {rise:.2f} MiB a 1,000 requests")
    if last.files > first.files + LEFT_FILES:
        tally.violated(f"{last.files - first.files} descriptors stay open")
    if last.threads > first.threads + LEFT_THREADS:
        tally.violated(f"{last.threads - first.threads} threads stay")


def idle(server: Server, wanted: int, tally: Tally, name: str) -> None:
    """Open keep-alive connections that ask once and stay; a reader beside them gets an answer or a clear refusal."""
    before = server.figures()
    held: list[socket.socket] = []
    for _ in range(wanted):
        connection = socket.create_connection((LOCAL, server.port), timeout=HANG_SECONDS)
        held.append(connection)
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        except OSError:
            continue  # refused and closed already: its answer is read below
    answers: Counter[str] = Counter()
    peak = before
    for number, connection in enumerate(held):
        try:
            answers[connection.recv(64)[9:12].decode() or "closed"] += 1
        except OSError as error:
            answers[type(error).__name__] += 1
        if number % 500 == 0:
            peak = max(peak, server.figures(), key=lambda one: one.mib)
    peak = max(peak, server.figures(), key=lambda one: one.files)
    status, _ = server.get("/healthz")
    for connection in held:
        connection.close()
    begun = time.perf_counter()
    while server.get("/healthz")[0] != 200 and time.perf_counter() - begun < HANG_SECONDS:
        time.sleep(0.1)
    back = time.perf_counter() - begun
    print(
        f"{wanted:,} idle connections, {name}: {dict(answers)}; a reader meanwhile: {status}; at most "
        f"{peak.files:,} descriptors, {before.mib:.0f} to {peak.mib:.0f} MiB; answering again after {back:.1f} s"
    )
    if set(answers) - {"200", "503", "ConnectionResetError"} or status not in (200, 503) or back > HANG_SECONDS - 1:
        tally.violated(f"idle connections, {name}: {dict(answers)}, a reader got {status}, back after {back:.0f} s")
    if peak.mib - before.mib > 40 + 0.06 * wanted:
        tally.violated(f"idle connections, {name}: {peak.mib - before.mib:.0f} MiB")


def stopped(server: Server, tally: Tally) -> None:
    """Stop the server while clients ask: each gets an answer, a 503, or finds nobody there; then read its log."""
    found: Counter[str] = Counter()

    def ask() -> None:
        while True:
            connection = http.client.HTTPConnection(LOCAL, server.port, timeout=HANG_SECONDS)
            try:
                connection.request("POST", "/api/ask", json.dumps({"question": "How long do I press?"}), JSON)
                found[str(connection.getresponse().status)] += 1
            except ConnectionRefusedError:
                return
            except (http.client.RemoteDisconnected, ConnectionResetError):
                found["not taken on"] += 1
            except (OSError, http.client.HTTPException) as error:
                found[type(error).__name__] += 1
                return
            finally:
                connection.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    code, seconds = server.stop()
    for thread in threads:
        thread.join(HANG_SECONDS)
    print(f"stopped under load: exit code {code} after {seconds:.1f} s; {dict(found)}")
    if code != 0 or set(found) - {"200", "503", "not taken on"} or any(thread.is_alive() for thread in threads):
        tally.violated(f"stopping: exit code {code}, {dict(found)}")
    lines = server.log.read_text("utf-8").splitlines()
    faults = [line for line in lines if '"level": "error"' in line or "Traceback" in line]
    print(f"log: {len(lines):,} lines, {len(faults)} errors")
    if faults:
        tally.violated(f"{len(faults)} errors in the log, the first: {faults[0][:400]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=0, help="stop after so many, whichever comes first")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rebuild-every", type=int, default=2500)
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections; 0 leaves them out")
    arguments = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
    held = min(arguments.idle, most - 500) if most != resource.RLIM_INFINITY else arguments.idle
    if held < arguments.idle:
        print(f"ulimit -n is {most:,}: {held:,} idle connections instead of {arguments.idle:,}")
    tally = Tally()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(ROOT / "corpus", folder / "corpus")
        if (ROOT / "index" / "CURRENT").is_file():
            shutil.copytree(ROOT / "index", folder / "index")
        if told := wellcited(["index"], folder):
            raise SystemExit(told)
        with running(folder / "index", folder) as server:
            print(f"ready after {server.started:.1f} s")
            judge(mixed(arguments, folder, server, tally), tally)
            if held:
                idle(server, held, tally, "max_connections 500")
            stopped(server, tally)
        if held:
            with running(
                folder / "index", folder, MAX_CONNECTIONS=held + 100, MAX_CONNECTIONS_PER_CLIENT=100
            ) as server:
                idle(server, held, tally, "max_connections_per_client 100")
            with running(folder / "index", folder, MAX_CONNECTIONS=held + 100) as server:
                idle(server, held, tally, f"max_connections {held + 100}")
    print(f"\n{len(tally.violations)} violations")
    for what, count in Counter(tally.violations).most_common(20):
        print(f"  {count} x {what}")
    sys.exit(1 if tally.violations else 0)


if __name__ == "__main__":
    main()
