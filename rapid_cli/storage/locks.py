"""The one place that knows filelock: processes take turns at what only one may have open."""

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


class Turn:
    """The right to use `path`, which one process has at a time; it ends with the process.

    Whoever waits for it stands in a queue, so that who has it can notice and let others in.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self) -> None:
        """Wait for the turn; StoreError if it does not come."""
        from filelock import Timeout  # noqa: PLC0415 - slow to import

        try:
            with self._queue.acquire(WAIT_SECONDS):
                self._turn.acquire(WAIT_SECONDS)
        except Timeout as error:
            message = f"another rapid has been using {self._path} for minutes"
            raise StoreError(message, "try again when it is done") from error

    def end(self) -> None:
        """Let others have it; without a turn this does nothing."""
        self._turn.release()

    def is_wanted(self) -> bool:
        """Tell whether another process waits for its turn."""
        from filelock import Timeout  # noqa: PLC0415

        try:
            with self._queue.acquire(0):
                return False
        except Timeout:
            return True

    @cached_property
    def _turn(self) -> BaseFileLock:
        return _lock(self._path.with_suffix(".lock"))

    @cached_property
    def _queue(self) -> BaseFileLock:
        return _lock(self._path.with_suffix(".queue"))


@contextmanager
def held(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock of a file that one process uses at a time; tells whether it could be had.

    Where no lock can be made, as on a disk that cannot be written, nobody else writes either.
    """
    from filelock import Timeout  # noqa: PLC0415

    lock = _lock(path.with_suffix(".lock"))
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


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock  # noqa: PLC0415

    # Older filelocks give their files the rights they were made with, whatever the umask.
    return FileLock(path, mode=0o600, thread_local=False)
