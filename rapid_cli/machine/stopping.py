"""The wish that work in a thread ends, heard where native calls take long.

Ctrl-C reaches the main thread alone. What works in another one says here by what it is stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Wish = Callable[[], bool]
"""Tells whether the work is to end."""

_of_thread = threading.local()


class Stopped(Exception):
    """Work ended before it was done, as somebody wished."""


@contextmanager
def stopped_by(wish: Wish) -> Iterator[None]:
    """Let native calls of this thread end with Stopped, soon after `wish` has come true."""
    _of_thread.wish = wish
    try:
        yield
    finally:
        del _of_thread.wish


def wish() -> Wish:
    """Return what this thread is stopped by, which any thread may ask."""
    found: Wish = getattr(_of_thread, "wish", _never)
    return found


def _never() -> bool:
    return False
