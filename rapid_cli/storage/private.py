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
    r"(library\.sqlite3|history\.sqlite3|chroma|chat_questions\.txt|costs\.json|trusted\.json"
    r"|hashes\.json|rapid\.log)([.-].*)?"
)
"""How rapid calls what it keeps; locks and files of SQLite are called after it."""
OWN_FOLDER = "set RAPID_HOME to a folder of your own"
COMMON = ("cache", "collections", "servers", "origin", "tuned", "runs", "synthetic")
"""What it calls so may be of another program, in a folder where others keep things too."""
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

    They could read what is kept there, or put something else in its place. So could everybody where
    all may write, unless rapid's files are alone there: then `narrow` closes the folder. The
    administrator may use what belongs to others, as folders of containers belong to anybody.
    """
    if sys.platform == "win32":
        return
    with suppress(OSError):
        open_to_all = folder.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH
        if open_to_all and not _is_alone(folder):
            raise ConfigError(f"everybody may write to {folder}", OWN_FOLDER)
        if os.geteuid() == 0:
            return
        owners = {folder: folder.stat().st_uid}
        owners |= {place: place.lstat().st_uid for place in _own(folder)}
        for place, owner in owners.items():
            if owner != os.geteuid():
                raise ConfigError(f"{place} belongs to another user", OWN_FOLDER)


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
        mine = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
        alone = _is_alone(folder)
        if alone and mine and not _holds_home(folder):
            _narrow_one(folder)
        # Nobody else gets in from here on, so whatever interrupts the rest does no harm.
        for top in folder.iterdir():
            is_own = OWN.fullmatch(top.name) or (alone and top.name in COMMON)
            if is_own and not top.is_symlink() and top.stat().st_mode & OTHERS:
                _narrow_all(top)


def _is_alone(folder: Path) -> bool:
    """Tell whether a folder has nothing in it but what rapid may have put there."""
    return len(_own(folder)) == len(list(folder.iterdir()))


def _own(folder: Path) -> list[Path]:
    """Return what lies in a folder under the names that rapid gives."""
    places = folder.iterdir()
    return [each for each in places if OWN.fullmatch(each.name) or each.name in COMMON]


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
