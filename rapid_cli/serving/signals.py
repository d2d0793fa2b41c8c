"""Signals that end a server: it finishes what it must, and then ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)
)


@contextmanager
def signals(end: Callable[[], None]) -> Iterator[list[int]]:
    """Let signals that end a command call `end` alone; those that came are in the list.

    One that is ignored, as `nohup` has it, stays so.
    """
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def catch(number: int, _: object) -> None:
        caught.append(number)
        end()

    before = {each: signal.getsignal(each) for each in ENDING}
    mine = [each for each, usual in before.items() if usual is not signal.SIG_IGN]
    for each in mine:
        signal.signal(each, catch)
    try:
        yield caught
    finally:
        for each in mine:
            signal.signal(each, before[each])
