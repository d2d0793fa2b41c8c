"""Drafting while the target reads: in turns with it, or beside it in a thread of its own.

A CPU is busy with either, so they take turns there, each with all threads; a GPU has room for both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Event
from typing import TypeVar

from rapid_cli.decoding.measuring import Clock

LEAST_LEFT = 1024
"""With fewer tokens left to read, the target is done before a draft would be of use."""
FIRST_TOKENS = 4
"""So many tokens are drafted before anything is read, to have something to show."""
SHARE = 0.04
"""Of the time that reading takes, drafting may add so much."""

Reading = TypeVar("Reading")


def in_turns(
    reading: Iterator[Reading], drafting: Iterator[int], clock: Clock
) -> Iterator[Reading | list[int]]:
    """Yield what `reading` yields, and between its steps lists of tokens just drafted."""
    if first := list(islice(drafting, FIRST_TOKENS)):
        yield first
    before = clock()
    for step in reading:
        yield step
        now = clock()
        if drafted := _drafted_until(now + SHARE * (now - before), drafting, clock):
            yield drafted
        before = clock()


def _drafted_until(end: float, drafting: Iterator[int], clock: Clock) -> list[int]:
    drafted = []
    while clock() < end and (token := next(drafting, None)) is not None:
        drafted.append(token)
    return drafted


def beside(reading: Iterator[Reading], drafting: Iterator[int]) -> Iterator[Reading | list[int]]:
    """Yield what `reading` yields, and between its steps lists of tokens drafted meanwhile.

    When reading is done, or is given up, drafting ends after the token in work; no thread is left.
    An error of either side is raised here.
    """
    drafted: deque[int] = deque()
    over = Event()

    def draft() -> None:
        for token in drafting:
            drafted.append(token)
            if over.is_set():
                return

    def taken() -> list[int]:
        return [drafted.popleft() for _ in range(len(drafted))]

    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(draft)
        try:
            for step in reading:
                if running.done():
                    running.result()
                if tokens := taken():
                    yield tokens
                yield step
        finally:
            over.set()
    running.result()
    if tokens := taken():
        yield tokens
