"""Who counts the questions of a minute: the process itself, or for several workers the one that started them."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import struct

from wellcited.settings import Settings
from wellcited.web.limits import MovingWindow

COUNT_SECONDS = 2.0
"""A question that nobody counts within so long is let in: better one too many than a reader unheard."""
LONGEST = 512
_ANSWER = struct.Struct("!Qdd")
_NUMBER = struct.Struct("!Q")


class OwnRates:
    """The rates of one process."""

    def __init__(self, settings: Settings) -> None:
        self.by_client = MovingWindow(settings.rate_per_minute)
        self.of_all = MovingWindow(settings.rate_per_minute_global)

    def count(self, client: str) -> tuple[float, float]:
        """Return the seconds to wait for the client's rate and for that of all; count it where both are 0."""
        mine, all_of_us = self.by_client.wait(client), self.of_all.wait("")
        if not mine and not all_of_us:
            self.by_client.add(client)
            self.of_all.add("")
        return mine, all_of_us

    async def take(self, client: str) -> tuple[float, float]:
        return self.count(client)


class SharedRates:
    """The rates of all workers together: each asks the process that started it, over a socket of the two.

    When that process is gone, nobody is left to stop this one: then it stops itself.
    """

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[tuple[float, float]]] = {}

    def listen(self) -> None:
        """Read what the other side says, in the loop that runs."""
        self.line.setblocking(False)
        asyncio.get_running_loop().add_reader(self.line, self._read)

    async def take(self, client: str) -> tuple[float, float]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self.line.send(_NUMBER.pack(number) + client.encode()[: LONGEST - _NUMBER.size])
            return await asyncio.wait_for(self._waiting[number], COUNT_SECONDS)
        except (OSError, TimeoutError):
            return 0.0, 0.0
        finally:
            del self._waiting[number]

    def _read(self) -> None:
        try:
            told = self.line.recv(_ANSWER.size)
        except BlockingIOError:
            return
        except OSError:
            told = b""
        if not told:
            asyncio.get_running_loop().remove_reader(self.line)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        number, mine, all_of_us = _ANSWER.unpack(told)
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result((mine, all_of_us))


def answer(rates: OwnRates, asked: bytes) -> bytes:
    """Return what a worker is told that asks to count a question."""
    (number,) = _NUMBER.unpack_from(asked)
    return _ANSWER.pack(number, *rates.count(asked[_NUMBER.size :].decode(errors="replace")))
