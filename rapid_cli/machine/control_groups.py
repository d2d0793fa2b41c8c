"""The limits that a container sets its processes: Linux's control groups."""

from __future__ import annotations

import re
import sys
from math import inf
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def free_bytes(*, root: Path = ROOT, own: Path = OWN) -> int:
    """Return how many bytes of memory this process may still take; sys.maxsize without a limit.

    Groups are folders below `root`, and `own` is the file that tells which are this process's. A
    group's files in the cache count as used, but make room when it is needed.
    """
    folders = _up_to(root, _path(own, r"^0::/(.*)$"))
    return min(map(_free_bytes_in, folders), default=sys.maxsize)


def cpu_quota(*, root: Path = ROOT, own: Path = OWN) -> float:
    """Return how many CPUs this process may use, in CPU time; infinity without a limit.

    The arguments are those of `free_bytes`. Version 1 has a tree of its own for CPUs.
    """
    new = _up_to(root, _path(own, r"^0::/(.*)$"))
    old = _up_to(root / "cpu", _path(own, r"^\d+:(?:\w+,)*cpu(?:,\w+)*:/(.*)$"))
    quotas = [_quotient(folder / "cpu.max") for folder in new]
    quotas += [_quotient(one / "cpu.cfs_quota_us", one / "cpu.cfs_period_us") for one in old]
    return min(quotas, default=inf)


def _path(own: Path, pattern: str) -> str:
    """Return the path of this process's group below the root; empty if it is unknown."""
    try:
        found = re.search(pattern, own.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _up_to(root: Path, path: str) -> list[Path]:
    folder = root / path
    return [one for one in (folder, *folder.parents) if one.is_relative_to(root)]


def _free_bytes_in(folder: Path) -> int:
    try:
        limit = int((folder / "memory.max").read_text("ascii"))
        used = int((folder / "memory.current").read_text("ascii"))
        lines = (folder / "memory.stat").read_text("ascii").splitlines()
    except (OSError, ValueError):  # no such file, or the limit "max"
        return sys.maxsize
    usage = dict(line.split(maxsplit=1) for line in lines)
    cached = int(usage.get("active_file", 0)) + int(usage.get("inactive_file", 0))
    return max(limit - used + cached, 0)


def _quotient(*files: Path) -> float:
    """Divide the first number in some files by the second: a quota of time by its period."""
    try:
        quota, period = (int(word) for file in files for word in file.read_text("ascii").split())
    except (OSError, ValueError):  # no such file, or the limit "max"
        return inf
    return quota / period if quota > 0 and period > 0 else inf
