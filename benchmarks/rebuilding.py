"""Rebuilding the index: what an edit costs, what readers notice of it, and what a killed or failing build leaves.

python benchmarks/rebuilding.py edit [--passages 10000]   # one changed passage against a full build
python benchmarks/rebuilding.py swap [--rebuilds 30]      # 20 clients ask a server while builds are swapped
python benchmarks/rebuilding.py kill [--times 200]        # kill -9 at random moments of a build
python benchmarks/rebuilding.py flips [--times 1000]      # one changed byte anywhere in a bundle
python benchmarks/rebuilding.py disk                      # a full disk, and a folder that cannot be written
python benchmarks/rebuilding.py all
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wellcited import bundle
from wellcited.assistant import Assistant
from wellcited.bundle import open_build
from wellcited.encoding import QueryEncoder
from wellcited.errors import BundleError
from wellcited.history import builds
from wellcited.indexing import build_index
from wellcited.layout import layout
from wellcited.models import PassageEncoder
from wellcited.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = 20
THINGS = (
    "kettle bicycle chain lamp garden fence oven window boiler bucket ladder carpet drawer hinge pump valve".split()
)
PARTS = "lid handle spout seam wick hinge rim base frame spring bolt washer cable switch filter gasket".split()
DEEDS = "rinse oil scrub tighten loosen replace dry warm cool polish wedge lift lower test label store".split()


def sentence(chance: random.Random) -> str:
    """Return a sentence of about a dozen words; two are seldom the same."""
    thing, part, other = chance.choice(THINGS), chance.choice(PARTS), chance.choice(PARTS)
    first, second = chance.choice(DEEDS), chance.choice(DEEDS)
    return (
        f"{first.capitalize()} the {part} of the {thing} number {chance.randrange(10_000)} before you {second} "
        f"its {other} for {chance.randrange(2, 90)} minutes."
    )


def write_corpus(folder: Path, passages: int, sentences: int = 1, seed: int = 1) -> Path:
    """Write guides of 200 sections, each section one passage."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, passages, 200):
        lines = [f"# Guide {first}"]
        for number in range(first, min(first + 200, passages)):
            text = " ".join(sentence(chance) for _ in range(sentences))
            lines.append(f"## The {chance.choice(PARTS)} of {chance.choice(THINGS)} {number}\n\n{text}")
        (folder / f"guide-{first:06d}.md").write_text("\n\n".join(lines) + "\n", "utf-8")
    return folder


def edit(arguments: argparse.Namespace, folder: Path) -> None:
    """Time a full build, a rebuild after one changed passage, and embedding by sentence-transformers itself."""
    settings = Settings(corpus=write_corpus(folder / "corpus", arguments.passages), index=folder / "index")
    build_index(write_corpus(folder / "little", 10), settings.index, settings)  # the model is loaded and exported
    full = build_index(settings=settings)
    path = sorted(settings.corpus.iterdir())[0]
    lines = path.read_text("utf-8").splitlines()
    lines[4] = "This passage was written anew and says something else."
    path.write_text("\n".join(lines) + "\n", "utf-8")
    again = build_index(settings=settings)
    print(f"{full.passages:,} passages, {full.embedded:,} texts: full build {full.seconds:.1f} s")
    print(
        f"one changed passage, {again.embedded} texts: {again.seconds:.1f} s, {full.seconds / again.seconds:.1f} times"
    )
    texts = layout(open_build(settings.index).documents(), open_build(settings.index).passages()).texts
    sample = random.Random(2).sample(texts, min(2000, len(texts)))
    model = PassageEncoder()
    exported = QueryEncoder(open_build(settings.index).folder / bundle.ENCODER, threads=0)
    times: dict[str, list[float]] = {"sentence-transformers": [], "wellcited": []}
    for _ in range(3):
        for name, encode in (("sentence-transformers", model.encode), ("wellcited", exported.encode_passages)):
            started = time.perf_counter()
            encode(sample)
            times[name].append(time.perf_counter() - started)
    plain, ours = (statistics.median(found) for found in times.values())
    print(
        f"embedding {len(sample):,} of these texts: {len(sample) / ours:.0f} a second, "
        f"SentenceTransformer.encode {len(sample) / plain:.0f} a second: {plain / ours:.2f} times"
    )


SWAPPED = """# Kettles

## Descaling

Descale the kettle every {days} days where the water is hard.

## Storing

Empty the kettle before you store it for {days} days.
"""


def swap(arguments: argparse.Namespace, folder: Path) -> None:
    """Ask a real server from 20 clients while builds are made live; every answer must be a slice of its own build."""
    corpus, index = folder / "corpus", folder / "index"
    corpus.mkdir()
    texts: dict[str, str] = {}

    def build(number: int) -> None:
        (corpus / "kettles.md").write_text(SWAPPED.format(days=number), "utf-8")
        report = build_index(corpus, index, Settings())
        texts[report.build_id] = open_build(index).documents()[0].text

    build(1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {**os.environ, **UNLIMITED}
    command = [str(Path(sys.executable).with_name("wellcited")), "serve", "--index", str(index), "--port", str(port)]
    with subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for(lambda: get(f"{url}/readyz"), 120)
            found: list[tuple[float, str]] = []  # when the answer came, and the build it came from
            timings: list[tuple[float, float]] = []
            faults: list[str] = []
            stop = threading.Event()
            threads = [
                threading.Thread(target=client, args=(f"{url}/api/ask", stop, found, timings, faults, number))
                for number in range(CLIENTS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(10)
            began, memory = time.monotonic(), resident(server.pid)
            lags = []
            for number in range(2, arguments.rebuilds + 2):
                build(number)
                made = time.monotonic()
                newest = list(texts)[-1]
                wait_for(lambda newest=newest: any(build_id == newest for _, build_id in found[-200:]), 20)
                lags.append(time.monotonic() - made)
            ended = time.monotonic()
            stop.set()
            for thread in threads:
                thread.join(30)
            time.sleep(2)
            after = resident(server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    foreign = [fault for fault in faults if fault.startswith("foreign")]
    quiet = [seconds for when, seconds in timings if when < began]
    busy = [seconds for when, seconds in timings if began <= when <= ended]
    seen = {build_id for _, build_id in found}
    print(f"{len(found):,} answers from {CLIENTS} clients over {arguments.rebuilds} rebuilds")
    print(f"errors {len(faults) - len(foreign)}, answers citing text of no build {len(foreign)}, {faults[:2]}")
    print(f"builds that answered: {len(seen & set(texts))} of {len(texts)}")
    print(f"a new build answered after {statistics.median(lags):.2f} s (median), {max(lags):.2f} s at most")
    print(f"p99 before {p99(quiet) * 1000:.0f} ms, while rebuilding and swapping {p99(busy) * 1000:.0f} ms")
    print(f"server's memory before {memory:.0f} MiB, after {after:.0f} MiB")


UNLIMITED = {
    "HF_HUB_OFFLINE": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "WELLCITED_RATE_PER_MINUTE": "0",
    "WELLCITED_RATE_PER_MINUTE_GLOBAL": "0",
}


def client(
    url: str,
    stop: threading.Event,
    found: list[tuple[float, str]],
    timings: list[tuple[float, float]],
    faults: list[str],
    number: int,
) -> None:
    question = json.dumps({"question": "How often should I descale the kettle?"}).encode()
    while not stop.is_set():
        started = time.monotonic()
        try:
            request = urllib.request.Request(url, question, {"Content-Type": "application/json"})  # noqa: S310
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                answer = json.load(response)
        except OSError as error:
            faults.append(f"error: {error}")
            continue
        now = time.monotonic()
        timings.append((now, now - started))
        found.append((now, answer["receipt"]["bundle_id"]))
        quotes = {citation["quote"] for citation in (*answer["citations"], *answer["further"])}
        days = {quote.split(" days")[0].rsplit(" ", 1)[-1] for quote in quotes}
        if not answer["citations"] or len(days) != 1:
            faults.append(f"foreign: {quotes}")
        time.sleep(0.2)


KILLED = """
import sys
from wellcited.indexing import build_index
from wellcited.settings import Settings
build_index(sys.argv[1], sys.argv[2], Settings())
"""


def kill(arguments: argparse.Namespace, folder: Path) -> None:
    """Kill a build at random moments; the index must open afterwards, and hold the old build or the new, whole."""
    index, chance = folder / "index", random.Random(3)
    corpus = write_corpus(folder / "corpus", 40)
    build_index(corpus, index, Settings())
    path = sorted(corpus.iterdir())[0]
    plain, outcomes = path.read_text("utf-8"), {"old": 0, "new": 0}
    before = bundle.current_id(index)
    command = [sys.executable, "-c", KILLED, str(corpus), str(index)]
    longest = 0.0
    for number in range(arguments.times):
        path.write_text(plain + f"\n## Number {number}\n\n{sentence(chance)}\n", "utf-8")
        started = time.monotonic()
        process = subprocess.Popen(command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stderr=subprocess.DEVNULL)
        if number < 3:  # how long it takes when nobody kills it
            process.wait()
            longest = max(longest, time.monotonic() - started)
        else:
            time.sleep(chance.uniform(0.3, 1.05) * longest)
            process.kill()
            process.wait()
        live = open_build(index)  # verifies every file
        assert live.manifest.counts.passages == len(live.passages())
        outcomes["old" if live.manifest.id == before else "new"] += 1
        before = live.manifest.id
    Assistant.open(index, Settings()).ask("How long?")
    left = [path.name for path in (index / bundle.BUILDS).iterdir() if path.name.startswith(".")]
    print(f"{arguments.times} builds, all but 3 killed within {longest:.1f} s: the index opened whole every time")
    print(f"live afterwards: the build from before {outcomes['old']} times, the new one {outcomes['new']} times")
    build_index(corpus, index, Settings())
    still = [path.name for path in (index / bundle.BUILDS).iterdir() if path.name.startswith(".")]
    print(f"left behind by killed builds: {len(left)} folders, after the next build {len(still)}")


def flips(arguments: argparse.Namespace, folder: Path) -> None:
    """Change one byte anywhere in the bundle, many times; each must be noticed when the bundle is opened."""
    index, chance = folder / "index", random.Random(4)
    build_index(write_corpus(folder / "corpus", 40), index, Settings())
    build = open_build(index)
    files = [
        index / bundle.CURRENT,
        build.folder / bundle.MANIFEST,
        *(build.folder / name for name in build.manifest.files),
    ]
    missed = []
    for number in range(arguments.times):
        path = files[number % len(files)]
        position, bit = chance.randrange(path.stat().st_size), 1 << chance.randrange(8)
        with flipped(path, position, bit):
            try:
                open_build(index)
                missed.append(f"{path.name} at {position}")
            except BundleError:
                pass
            listed = builds(index, verify=True)
            if path.name != bundle.CURRENT and not any(entry.problem for entry in listed):
                missed.append(f"{path.name} at {position}, by wellcited builds --verify")
    print(f"{arguments.times} changed bytes over {len(files)} files: {len(missed)} not noticed {missed[:3]}")


@contextlib.contextmanager
def flipped(path: Path, position: int, bit: int) -> Iterator[None]:
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        for value in (byte ^ bit, byte):
            file.seek(position)
            file.write(bytes([value]))
            file.flush()
            if value != byte:
                yield


def disk(arguments: argparse.Namespace, folder: Path) -> None:
    """Build on a file system that is full, and in a folder that cannot be written."""
    corpus = write_corpus(folder / "corpus", 40)
    small = folder / "small"
    small.mkdir()
    size = sum(path.stat().st_size for path in Path(str(sized(corpus, folder / "measured"))).rglob("*"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size + 1_500_000}", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        print("a full disk: needs to be root, to mount a small file system; tests/test_indexing.py has it by a limit")
    else:
        try:
            attempt(corpus, small / "index", "the disk is full")
        finally:
            subprocess.run(["umount", str(small)], check=True)
    index = folder / "readonly"
    build_index(corpus, index, Settings())
    for path in (index / bundle.BUILDS, index):
        path.chmod(0o555)
    if os.geteuid() == 0:
        drop = [sys.executable, __file__, "try", str(corpus), str(index)]
        if shutil.which("setpriv"):
            folder.chmod(0o755)
            for path in corpus.iterdir():
                path.chmod(0o666)
            subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *drop], check=False)
    else:
        attempt(corpus, index, "the folder cannot be written")


def sized(corpus: Path, index: Path) -> Path:
    build_index(corpus, index, Settings())
    return index


def attempt(corpus: Path, index: Path, what: str) -> None:
    """Build, then make the next build larger until it fails; print the error and what is live."""
    live = bundle.current_id(index)
    path = sorted(corpus.iterdir())[0]
    for number in range(40):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n## More {number}\n\n" + " ".join(sentence(random.Random(number)) for _ in range(200)) + "\n")
        try:
            live = build_index(corpus, index, Settings(keep_builds=1)).build_id
        except BundleError as error:
            still = open_build(index).manifest.id if live else None
            print(
                f"{what}: {error}\n  live before and after: {live} {still}, both {'alike' if live == still else 'NOT'}"
            )
            return
    print(f"{what}: never failed")


def get(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except OSError:
        return False


def wait_for(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.02)


def resident(process: int) -> float:
    """Return the resident memory of a process in MiB."""
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


def p99(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)] if times else float("nan")


MEASURES = {"edit": edit, "swap": swap, "kill": kill, "flips": flips, "disk": disk}


def main() -> None:
    match sys.argv[1:]:
        case ["try", corpus, index]:
            attempt(Path(corpus), Path(index), "the folder cannot be written")
            return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=[*MEASURES, "all"])
    parser.add_argument("--passages", type=int)
    parser.add_argument("--rebuilds", type=int, default=30)
    parser.add_argument("--times", type=int)
    arguments = parser.parse_args()
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    given = (arguments.passages, arguments.times)
    for name in MEASURES if arguments.measure == "all" else [arguments.measure]:
        arguments.passages = given[0] or 10_000
        arguments.times = given[1] or {"kill": 200}.get(name, 1000)
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            MEASURES[name](arguments, Path(folder))


if __name__ == "__main__":
    main()
