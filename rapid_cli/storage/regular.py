"""Files that anybody may have made: read if they are plain ones of a usual size, else refused."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_small(path: Path, most_bytes: int) -> bytes:
    """Return the content of a plain file; OSError for a device or a pipe, or for too many bytes."""
    _require_plain(path.stat().st_mode, path)  # to open some devices does something already
    # If a pipe has taken its place since, opening it must not wait for who writes into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as file:
        _require_plain(os.fstat(file.fileno()).st_mode, path)
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes", str(path))
    return content


def _require_plain(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
