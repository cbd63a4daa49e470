"""The server from process start to ready, chat included, beside a plain chat; and its memory once it has answered.

    python benchmarks/serving.py [--runs 5] [--answers 200]

The plain one is what one would write first: sentence-transformers and FAISS (baseline.py) behind a ChatInterface of
Gradio; it counts as ready with its first page. Ours is ready when /readyz says so, which it does once a first answer
was given, and the chat's page has come too. The runs alternate; the ratio of the medians is the figure. Both answer
from an index built beforehand. Memory is what the processes take after so many questions, what they share counted once.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from load import distinct, questions_of
from rows import row
from running import LOCAL, Server, proportional, running

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "corpus" / "iliopsoas-guide.md"
BASELINE = ROOT / "benchmarks" / "baseline.py"
MOST_MIB = 450
PAUSE = 0.02


def plain(folder: Path) -> tuple[float, float]:
    """Start the plain chat; return the seconds to its first page, and its MiB then."""
    with socket.create_server((LOCAL, 0)) as free:
        port = free.getsockname()[1]
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(BASELINE), "serve", str(folder), str(port)],
        env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not answers(port, "/"):
            if process.poll() is not None or time.perf_counter() - begun > 180:
                raise SystemExit("the plain chat did not start")
            time.sleep(PAUSE)
        return time.perf_counter() - begun, proportional(process.pid)
    finally:
        process.kill()
        process.wait(10)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOCAL, port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status == 200 and bool(response.read())
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ours(index: Path, folder: Path, count: int) -> tuple[float, float, float]:
    """Start the server; return the seconds to ready, its MiB then, its MiB after `count` answers."""
    begun = time.perf_counter()
    with running(index, folder) as server:
        if not answers(server.port, "/"):
            raise SystemExit("the chat's page did not come")
        seconds, fresh = time.perf_counter() - begun, server.memory()
        if count:
            ask(server, count)
        return seconds, fresh, server.memory()


def ask(server: Server, count: int) -> None:
    component = server.component()
    connection = http.client.HTTPConnection(LOCAL, server.port, timeout=30)
    for number, question in zip(range(count), distinct(questions_of()), strict=False):
        turn = {"question": question, "history": []}
        window = {"data": turn, "component_id": component, "fn_name": "ask"}
        path, body = ("/api/ask", turn) if number % 2 else ("/gradio_api/component_server", window)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        told = response.read()
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {told[:200]!r}")
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", default=ROOT / "index", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--answers", type=int, default=200)
    arguments = parser.parse_args()
    mine: list[tuple[float, float, float]] = []
    theirs: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        subprocess.run([sys.executable, str(BASELINE), "build", str(GUIDE), str(folder / "plain")], check=True)
        for number in range(arguments.runs):
            last = number == arguments.runs - 1
            mine.append(ours(arguments.index.resolve(), folder, arguments.answers if last else 0))
            theirs.append(plain(folder / "plain"))
    fast, slow = statistics.median(one[0] for one in mine), statistics.median(one[0] for one in theirs)
    after = mine[-1][2]
    print(f"server start to ready, chat included, {arguments.runs} alternating runs, {os.cpu_count()} cores")
    for name, seconds, one in (
        ("wellcited serve", fast, mine),
        ("sentence-transformers + FAISS + Gradio", slow, theirs),
    ):
        print(f"  {name:44}{seconds:6.2f} s median   {max(found[1] for found in one):6.0f} MiB")
    print(f"  {'ratio':44}{fast / slow:6.2f}")
    print(f"  {f'wellcited serve after {arguments.answers} answers':44}{'':20}{after:6.0f} MiB")
    row("server start to ready, chat included", "at most a third of the baseline with its Gradio",
        f"{fast:.1f} s, {fast / slow:.2f} of {slow:.1f} s", fast / slow <= 1 / 3)  # fmt: skip
    row(f"serving memory with chat, after {arguments.answers} answers", f"at most {MOST_MIB} MiB",
        f"{after:.0f} MiB", after <= MOST_MIB)  # fmt: skip


if __name__ == "__main__":
    main()
