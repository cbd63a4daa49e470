"""A server in a thread of the tests, or in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

import wellcited
from wellcited.settings import Settings
from wellcited.web.app import create_app

from .fakes import FakeAssistant


def apart(do: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `do` returns in a thread of its own: the browser of other tests keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do, *arguments).result()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the hand-made guide; give the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(FakeAssistant(), settings), log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


class Served:
    """A server process of a script beside this; unless it goes elsewhere, what it wrote is in `told`.

    `limits` are the soft and the hard limit on its open files.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        folder: Path,
        script: str = "slow_server.py",
        output: Any = None,
        limits: tuple[int, int] | None = None,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._err = (folder / f"err-{self.port}").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / script), str(self.port), json.dumps(settings)],
            env={**os.environ, "PYTHONPATH": str(Path(wellcited.__file__).parents[1])},
            stdout=output or self._err, stderr=output or self._err, cwd=folder,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)) if limits else None,
        )  # fmt: skip
        for _ in range(1200):
            try:
                if httpx2.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(self.told)

    @property
    def told(self) -> str:
        self._err.flush()
        self._err.seek(0)
        return self._err.read()

    def wait_for(self, answering: int) -> None:
        """Wait until so many questions are being answered."""
        for _ in range(200):
            if f"wellcited_answering {answering}.0" in httpx2.get(f"{self.url}/metrics").text:
                return
            time.sleep(0.05)
        raise AssertionError(self.told)

    def ask(self, question: str) -> httpx2.Response:
        return httpx2.post(f"{self.url}/api/ask", json={"question": question}, timeout=30)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        connection.settimeout(20)
        return connection

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(40), time.monotonic() - begun

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))


def rss(pid: int) -> int:
    """Return the resident memory of a process in kB."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@contextmanager
def starting() -> Iterator[list[Served]]:
    """Give a list for the servers that a test starts; those that still run at its end are killed."""
    servers: list[Served] = []
    yield servers
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)
