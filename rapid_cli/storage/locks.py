"""The one place that knows filelock: locks of what only one process may have open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.errors import StoreError

if TYPE_CHECKING:
    from filelock import BaseFileLock

WAIT_SECONDS = 300.0


class QueuedLock:
    """The lock of `path`, which one process holds at a time, and which ends with the process.

    Whoever waits for it holds a second lock, so that who has the first can notice and release it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def acquire(self) -> None:
        """Wait for the lock; StoreError if it stays another's for minutes."""
        from filelock import Timeout  # noqa: PLC0415 - slow to import

        try:
            with self._queue.acquire(WAIT_SECONDS):
                self._lock.acquire(WAIT_SECONDS)
        except Timeout as error:
            message = f"another rapid has been using {self._path} for minutes"
            raise StoreError(message, "try again when it is done") from error

    def release(self) -> None:
        """Let others have it; this does nothing where it is not held."""
        self._lock.release()

    def is_wanted(self) -> bool:
        """Tell whether another process waits for it."""
        from filelock import Timeout  # noqa: PLC0415

        try:
            with self._queue.acquire(0):
                return False
        except Timeout:
            return True

    @cached_property
    def _lock(self) -> BaseFileLock:
        return _lock_at(self._path.with_suffix(".lock"))

    @cached_property
    def _queue(self) -> BaseFileLock:
        return _lock_at(self._path.with_suffix(".queue"))


@contextmanager
def held(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock of a file that one process uses at a time; tells whether it could be had.

    Where no lock can be made, as on a disk that cannot be written, nobody else writes either.
    """
    from filelock import Timeout  # noqa: PLC0415

    lock = _lock_at(path.with_suffix(".lock"))
    try:
        lock.acquire(seconds)
    except Timeout:
        yield False
        return
    except OSError:
        yield True
        return
    try:
        yield True
    finally:
        lock.release()


def _lock_at(path: Path) -> BaseFileLock:
    from filelock import FileLock  # noqa: PLC0415

    # Older filelocks give their files the rights they were made with, whatever the umask.
    return FileLock(path, mode=0o600, thread_local=False)
