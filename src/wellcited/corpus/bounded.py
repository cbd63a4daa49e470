"""Readers of foreign formats in a process of their own, bounded in time and memory, without a network.

A web page, a Word file or a PDF is whatever somebody made: it may take for ever, eat all memory or crash a library. One
child reads file after file; where it does not come back in time it is killed, that file is named, and a new one reads
the next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from pydantic import ValidationError

from wellcited.corpus.parsed import Parsed
from wellcited.datatypes import Value
from wellcited.errors import CorpusError

_PROGRAM = "from wellcited.corpus.bounded import serve; serve()"
_GRACE = 5.0


class Limits(Value):
    """What reading one web page, Word file or PDF may take at most."""

    seconds: float = 120.0
    memory_mb: float = 2000.0
    unpacked_mb: float = 200.0
    pages: int = 1000


class BoundedReader:
    """Reads files in a child process; start it with `bounded`, which ends the child too."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._child: subprocess.Popen[bytes] | None = None
        self._waiter = ThreadPoolExecutor(1)

    def read(self, path: Path, format_name: str) -> Parsed:
        """Return the file at `path`, understood as `format_name`. Raises CorpusError, without the name of the file."""
        child = self._started()
        request = {"path": str(path.resolve()), "format": format_name, **self.limits.model_dump()}
        stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        try:
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
            answer = self._waiter.submit(stdout.readline).result(self.limits.seconds)
        except TookTooLong:
            self.stop()
            raise CorpusError(
                f"took more than {self.limits.seconds:g} s to read; split it, or raise WELLCITED_MAX_READ_SECONDS"
            ) from None
        except OSError:
            answer = b""
        try:
            reply = json.loads(answer)
            if "error" in reply:
                raise CorpusError(reply["error"])
            return Parsed.model_validate(reply["parsed"])
        except (ValueError, KeyError, ValidationError):
            self.stop()
            raise CorpusError(
                f"could not be read within {self.limits.memory_mb:g} MB of memory, or is damaged; "
                "save it anew, split it, or raise WELLCITED_MAX_READ_MB"
            ) from None

    def stop(self) -> None:
        """End the child, whatever it is doing."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def close(self) -> None:
        """End the child and the thread that waits for it."""
        self.stop()
        self._waiter.shutdown()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.stop()
            self._child = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
                start_new_session=True,  # Ctrl-C is for the parent, which ends the child
            )
        return self._child


@contextmanager
def bounded(limits: Limits) -> Iterator[BoundedReader]:
    """Give a reader whose child starts with the first file and is gone afterwards."""
    reader = BoundedReader(limits)
    try:
        yield reader
    finally:
        reader.close()


def serve() -> None:
    """Answer one request a line on standard input until it ends: what the child runs."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _without_network()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _watchdog(request["seconds"] + _GRACE)
        _bound_memory(request["memory_mb"])
        answers.write(json.dumps(_answer(request)).encode("utf-8", "surrogatepass") + b"\n")
        answers.flush()
        _watchdog(0)


def parse(source: IO[bytes], format_name: str, limits: Limits) -> Parsed:
    """Return the file in `source`. Raises CorpusError and, for a damaged file, whatever a library may raise."""
    match format_name:
        case "html":
            from wellcited.corpus.webpage import parse_webpage

            return parse_webpage(source.read())
        case "word":
            from wellcited.corpus.word import parse_word

            return parse_word(source, limits.unpacked_mb)
        case "pdf":
            from wellcited.corpus.pdf import parse_pdf

            return parse_pdf(source.read(), limits.pages)
    raise ValueError(format_name)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    limits = Limits(**{name: request[name] for name in Limits.model_fields})
    try:
        with open(request["path"], "rb") as source:
            return {"parsed": parse(source, request["format"], limits).model_dump(mode="json")}
    except CorpusError as error:
        return {"error": str(error)}
    except MemoryError:
        return {
            "error": f"takes more than {limits.memory_mb:g} MB of memory to read; "
            "split it, or raise WELLCITED_MAX_READ_MB"
        }
    except Exception as error:  # the edge: a library may raise anything over a damaged file, and the next one waits
        return {"error": f"is damaged: {type(error).__name__}: {' '.join(str(error).split())[:120]}; save it anew"}


def _bound_memory(megabytes: float) -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no such limit; macOS does not keep it
        import resource

        size = int(megabytes * 1_000_000)
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _watchdog(seconds: float) -> None:
    """Have the process ended where it is still at one file after `seconds`, its parent gone; 0 calls it off."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _without_network() -> None:
    """Leave no way to open a connection: a page may name anything, and nothing is ever fetched."""
    import socket

    class NoSocket(socket.socket):
        def __init__(self, *_: object, **__: object) -> None:
            raise OSError("a reader has no network")

    socket.socket = NoSocket  # type: ignore[misc]
