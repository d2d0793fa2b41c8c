"""Whose files are whose: what rapid keeps is the user's alone, what the user names is as usual."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

OTHERS = 0o077
"""The rights of everybody but the user."""
USUAL = os.umask(OTHERS)
"""The rights that the user keeps from others in all programs; reading them means setting them."""
os.umask(USUAL)


@contextmanager
def private(folder: Path) -> Iterator[None]:
    """Let what is made meanwhile, also by libraries, be the user's alone, and `folder` too.

    A folder that others could read so far is closed to them, with all that it holds.
    """
    before = os.umask(OTHERS)
    try:
        narrow(folder)
        yield
    finally:
        os.umask(before)


@contextmanager
def as_usual() -> Iterator[None]:
    """Let what is made meanwhile have the rights of the user's other files: it is named by them."""
    before = os.umask(USUAL)
    try:
        yield
    finally:
        os.umask(before)


def narrow(folder: Path) -> None:
    """Take the rights of others from an existing folder, and from what they could read in it.

    Folders that are not for one program are left alone: those of other users, those that all may
    write to, the user's own home and what is above it. What cannot be changed stays as it is.
    """
    if sys.platform == "win32":  # where a user's folders are closed to others anyway
        return
    with suppress(OSError):
        found = folder.stat()
        if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX or _holds_home(folder):
            return
        if found.st_mode & OTHERS:
            _narrow_one(folder)
            # Nobody else gets in from here on, so whatever interrupts the rest does no harm.
            for place, folders, files in os.walk(folder):
                for name in (*folders, *files):
                    _narrow_one(Path(place, name))


def _holds_home(folder: Path) -> bool:
    with suppress(RuntimeError):  # some users have no home
        return Path.home().resolve().is_relative_to(folder.resolve())
    return False


def _narrow_one(path: Path) -> None:
    with suppress(OSError):
        mode = path.lstat().st_mode
        if mode & OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~OTHERS)
