"""A real `wellcited serve` for the benchmarks: started, watched and stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HANG_SECONDS = 30.0
LOCAL = "127.0.0.1"


@dataclass(frozen=True)
class Figures:
    """A process at one moment: MiB resident, open descriptors, threads."""

    done: int
    mib: float
    files: int
    threads: int


class Server:
    """A real `wellcited serve`, its log in a file."""

    def __init__(self, index: Path, folder: Path, **settings: object) -> None:
        with socket.create_server((LOCAL, 0)) as free:
            self.port = free.getsockname()[1]
        self.log = folder / f"server-{self.port}.log"
        names = {
            "RATE_PER_MINUTE": 0, "RATE_PER_MINUTE_GLOBAL": 0, "MAX_CONNECTIONS_PER_CLIENT": 0,
            "INDEX": index, "CORPUS": folder / "corpus", **settings,
        }  # fmt: skip
        kept = {name: value for name, value in os.environ.items() if not name.startswith("WELLCITED_")}
        variables = {**kept, "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False"}
        variables |= {f"WELLCITED_{name}": str(value) for name, value in names.items()}
        begun = time.perf_counter()
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wellcited", "serve", "--port", str(self.port)],
                env=variables, stdout=out, stderr=out, cwd=folder,
            )  # fmt: skip
        while self.get("/readyz")[0] != 200:
            if self.process.poll() is not None or time.perf_counter() - begun > 120:
                raise SystemExit(f"the server did not start:\n{self.log.read_text('utf-8')[-2000:]}")
            time.sleep(0.02)
        self.started = time.perf_counter() - begun

    def get(self, path: str, timeout: float = HANG_SECONDS) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(LOCAL, self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def figures(self, done: int = 0) -> Figures:
        place = Path(f"/proc/{self.process.pid}")
        told = dict(line.split(":", 1) for line in (place / "status").read_text("utf-8").splitlines())
        files = len(list((place / "fd").iterdir()))
        return Figures(done, int(told["VmRSS"].split()[0]) / 1024, files, int(told["Threads"]))

    def workers(self) -> list[int]:
        """Return the processes below it, those that answer where there are several."""
        return children_of(self.process.pid)

    def memory(self) -> float:
        """Return the MiB of it and all processes below it; what they share counts once (PSS)."""
        return sum(proportional(number) for number in (self.process.pid, *self.workers()))

    def component(self) -> int:
        """Return the number of the chat window's component, as its page learns it."""
        config = json.loads(self.get("/config")[1])
        return next(entry["id"] for entry in config["components"] if entry["type"] == "html")

    def stop(self) -> tuple[int, float]:
        begun = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(60), time.perf_counter() - begun
        except subprocess.TimeoutExpired:
            self.process.kill()
            return -9, time.perf_counter() - begun


@contextmanager
def running(index: Path, folder: Path, **settings: object) -> Iterator[Server]:
    server = Server(index, folder, **settings)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)


def children_of(number: int) -> list[int]:
    """Return the processes below another, the nearest first."""
    try:
        told = Path(f"/proc/{number}/task/{number}/children").read_text("ascii").split()
    except OSError:
        return []
    mine = [int(one) for one in told]
    return mine + [below for one in mine for below in children_of(one)]


def proportional(number: int) -> float:
    """Return the MiB of a process, its part of what it shares (PSS)."""
    try:
        told = Path(f"/proc/{number}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in told if line.startswith("Pss:"))
