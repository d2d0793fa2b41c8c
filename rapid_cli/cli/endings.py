"""Signals that end a command: it closes what it has open, and undoes what it has half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGHUP", "SIGTERM") if hasattr(signal, name))
"""The terminal was closed; the system, or another program, wants this one to end."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Let these signals unwind the command, which ends with 128 and their number, as shells say.

    One that is ignored, as `nohup` has it, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in ENDING}
    mine = [each for each, usual in before.items() if usual is signal.SIG_DFL]
    for each in mine:
        signal.signal(each, _end)
    try:
        yield
    finally:
        for each in mine:
            signal.signal(each, before[each])


def _end(number: int, _: FrameType | None) -> None:
    # Some send both, and the second must not interrupt what the first has begun.
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)
