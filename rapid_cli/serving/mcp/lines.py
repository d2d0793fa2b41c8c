"""Lines of text that come and go by blocking streams, for an event loop that must not be held up.

They are read by a thread that the end of the program does not wait for: nothing can interrupt it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from io import RawIOBase

BLOCK_BYTES = 2**16


class Lines:
    """The lines of a peer, as an asynchronous iterator, and what is written to it."""

    def __init__(self, incoming: RawIOBase, outgoing: RawIOBase) -> None:
        """Begin to read, within an event loop."""
        self._incoming = incoming
        self._outgoing = outgoing
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        threading.Thread(target=self._read, name="lines", daemon=True).start()

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        """Return the next line, with its end."""
        line = await self._lines.get()
        if line is None:
            raise StopAsyncIteration
        return line

    async def write(self, text: str) -> None:
        """Write a text; once the peer has left it goes nowhere, and there are no more lines."""
        data = memoryview(text.encode())
        try:
            while data:
                data = data[self._outgoing.write(data) or 0 :]
        except Exception:  # each way to lose a stream has an error of its own
            self.end()

    def end(self) -> None:
        """Let there be no more lines; this may be called by any thread, or for a signal."""
        self._tell(None)

    async def flush(self) -> None:
        """Do nothing: nothing is held back."""

    def _read(self) -> None:
        with suppress(Exception):  # it cannot be read: that is its end
            for line in self._split():
                self._tell(line)
        self._tell(None)

    def _split(self) -> Iterator[str]:
        rest = b""
        while block := self._incoming.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            yield from (line.decode("utf-8", "replace") + "\n" for line in lines)
        if rest:
            yield rest.decode("utf-8", "replace")

    def _tell(self, line: str | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
