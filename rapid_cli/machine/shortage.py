"""Hints for errors that any library may raise: no disk space, memory, files or rights."""

from __future__ import annotations

import errno

ROOM = "make room on the disk, then try again"
FILES = "too many files are open: close other programs, or let more be open, `ulimit -n 4096`"
MEMORY = "there is too little memory: end other programs, then try again"
RIGHTS = "let its files be yours to read"
_HINTS = {
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOMEM: MEMORY,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
}


def shortage_hint(error: BaseException) -> str | None:
    """Return a hint if disk space, memory, open files or rights are short; None otherwise."""
    if isinstance(error, MemoryError):
        return MEMORY
    return _HINTS.get(error.errno or 0) if isinstance(error, OSError) else None
