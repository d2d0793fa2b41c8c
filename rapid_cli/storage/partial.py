"""Files in work: written under a name of their process, and swept when that has died."""

from __future__ import annotations

import os
from pathlib import Path

PARTIAL = ".partial"
SPARE_BYTES = 256 << 20
"""Room on the disk that is left to others by whatever writes large files."""


def partial_path(path: Path) -> Path:
    """Return the name under which this process writes `path` until it is whole."""
    return path.with_suffix(f".{os.getpid()}{PARTIAL}")


def sweep_partial(folder: Path) -> None:
    """Remove what killed processes have left half-written in a folder."""
    import psutil  # noqa: PLC0415 - a machine that only measures speed may lack it

    for path in folder.glob(f"*{PARTIAL}"):
        process = path.stem.rpartition(".")[2]
        if not (process.isdecimal() and psutil.pid_exists(int(process))):
            path.unlink(missing_ok=True)
