"""Several processes behind one socket: started, counted for, replaced when they die, and stopped together.

They are forked before any thread runs and before the index is opened: what was imported is there once for all. The
process that starts them answers nobody; it counts the questions of a minute for them (rates.py).
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from wellcited.errors import WellcitedError
from wellcited.settings import Settings
from wellcited.web.rates import LONGEST, OwnRates, answer

log = logging.getLogger(__name__)

OPENED = b"opened"
"""What a worker says once it has opened the index: one that dies before the first has, would die again."""
PAUSE_SECONDS = 1.0
"""So long after the start of a worker that died the next one is started."""
Work = Callable[[socket.socket], None]
"""Serves until told to stop; gets the line to the process that started it."""


@dataclass(frozen=True)
class Worker:
    """A process that serves: its number, our end of the line to it, and when it was started."""

    pid: int
    line: socket.socket
    begun: float


class Supervisor:
    """Keeps `settings.workers` processes at `work` until SIGTERM or SIGINT; `gone` is told the number of each that
    ended."""

    def __init__(self, settings: Settings, work: Work, gone: Callable[[int], None]) -> None:
        self.wanted, self.work, self.gone = settings.workers, work, gone
        self.rates = OwnRates(settings)
        self.workers: dict[int, Worker] = {}
        self.opened = False
        self.stopping = False
        self.failed = False
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Return the exit code: 0 when told to stop, 1 where no worker could open the index."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.selector.register(ours, selectors.EVENT_READ)
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        due = 0.0
        try:
            while self.workers or not self.stopping:
                if not self.stopping and len(self.workers) < self.wanted and time.monotonic() >= due:
                    self._start()
                    due = time.monotonic() + (PAUSE_SECONDS if self.opened else 0.0)
                    continue
                for key, _ in self.selector.select(PAUSE_SECONDS):
                    if key.fileobj is ours:
                        with suppress(BlockingIOError):
                            ours.recv(4096)
                    else:
                        self._hear(key.data)
                self._reap()
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
        return int(self.failed)

    def _stop(self, number: int = 0, frame: object = None) -> None:
        self.stopping = True
        for pid in self.workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if not pid:
            self._be_worker(theirs, ours)
        theirs.close()
        ours.setblocking(False)
        worker = Worker(pid, ours, time.monotonic())
        self.workers[pid] = worker
        self.selector.register(ours, selectors.EVENT_READ, worker)

    def _be_worker(self, line: socket.socket, other_end: socket.socket) -> None:
        code = 1
        try:
            os.setpgid(0, 0)  # Ctrl-C in a terminal reaches the supervisor alone, which passes it on
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            self.selector.close()
            for held in (other_end, *(worker.line for worker in self.workers.values())):
                held.close()
            self.work(line)
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except WellcitedError as error:
            log.error("%s", error)
        except BaseException:  # of this process nothing may go on into what it was forked from
            log.exception("a worker broke")
        finally:
            os._exit(code)

    def _hear(self, worker: Worker) -> None:
        try:
            told = worker.line.recv(LONGEST)
            if told == OPENED:
                self.opened = True
            elif told:
                worker.line.send(answer(self.rates, told))
            else:
                self.selector.unregister(worker.line)  # it ends; _reap sees how
        except BlockingIOError:
            return
        except OSError:
            with suppress(KeyError):
                self.selector.unregister(worker.line)

    def _reap(self) -> None:
        for worker in list(self.workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            del self.workers[pid]
            with suppress(KeyError):
                self.selector.unregister(worker.line)
            worker.line.close()
            self.gone(pid)
            if self.stopping:
                continue
            code = os.waitstatus_to_exitcode(status)
            log.error("worker %d ended with %d after %.0f s", pid, code, time.monotonic() - worker.begun)
            if not self.opened:
                self.failed = True
                self._stop()
