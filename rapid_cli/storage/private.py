"""Whose files are whose: what rapid keeps is the user's alone, what the user names is as usual."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rapid_cli.errors import ConfigError

OTHERS = 0o077
"""The rights of everybody but the user."""
OWN = re.compile(
    r"(library\.sqlite3|history\.sqlite3|chroma|collections|servers|origin|chat_questions\.txt"
    r"|costs\.json|trusted\.json|hashes\.json|tuned|runs|synthetic|rapid\.log|cache)([.-].*)?"
)
"""How rapid calls what it keeps; locks and files of SQLite are called after it."""
USUAL = os.umask(OTHERS)
"""The rights that the user keeps from others in all programs; reading them means setting them."""
os.umask(USUAL)


@contextmanager
def private(folder: Path) -> Iterator[None]:
    """Let what is made meanwhile, also by libraries, be the user's alone, and `folder` too.

    A folder that others could read so far is closed to them, with all that it holds; one that is
    another user's is a ConfigError.
    """
    before = os.umask(OTHERS)
    try:
        require_own(folder)
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


def require_own(folder: Path) -> None:
    """Raise ConfigError if others own a folder, or what stands there under a name of rapid's.

    They could read what is kept there, or put something else in its place. The administrator may
    use any folder, as those of containers belong to anybody.
    """
    if sys.platform == "win32" or os.geteuid() == 0:
        return
    with suppress(OSError):
        owners = {folder: folder.stat().st_uid}
        owners |= {place: place.lstat().st_uid for place in _own(folder)}
        for place, owner in owners.items():
            if owner != os.geteuid():
                hint = "set RAPID_HOME to a folder of your own"
                raise ConfigError(f"{place} belongs to another user", hint)


def narrow(folder: Path) -> None:
    """Take the rights of others from an existing folder, and from what they could read in it.

    Where other things lie in it than rapid's, it is for more than one program: then it keeps its
    rights, and so do they. So does what is of other users, what all may write to, and the user's
    own home and what is above it. What cannot be changed stays as it is.
    """
    if sys.platform == "win32":  # where a user's folders are closed to others anyway
        return
    with suppress(OSError):
        found = folder.stat()
        alone = len(_own(folder)) == len(list(folder.iterdir()))
        mine = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
        if alone and mine and not _holds_home(folder):
            _narrow_one(folder)
        # Nobody else gets in from here on, so whatever interrupts the rest does no harm.
        for top in _own(folder):
            if top.lstat().st_mode & OTHERS:
                _narrow_all(top)


def _own(folder: Path) -> list[Path]:
    """Return what lies in a folder under the names that rapid gives; links are nobody's."""
    with suppress(OSError):
        return [each for each in folder.iterdir() if OWN.fullmatch(each.name)]
    return []


def _narrow_all(top: Path) -> None:
    _narrow_one(top)
    for place, folders, files in os.walk(top):
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
