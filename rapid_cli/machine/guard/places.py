"""Places that no document is in: what the system makes up about itself and its processes."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

_FOLDERS = () if sys.platform == "win32" else tuple(map(Path, ("/proc", "/sys", "/dev")))
_MEMORY = Path("/dev/shm")
_MOUNTS = Path("/proc/self/mountinfo")
_KINDS = {"proc", "sysfs", "devtmpfs", "devpts", "debugfs", "tracefs", "securityfs", "configfs"}
MOST_LINKS = 40
"""More links on the way to a file are a circle."""


def is_of_system(path: Path) -> bool:
    """Tell whether a path is in such a place, or the way to it leads through one."""
    return any(_is_inside(place) for place in _way(path))


def is_made_up(found: os.stat_result) -> bool:
    """Tell whether what was opened is in a file system of such a place, wherever that is."""
    return found.st_dev in _devices()


def _is_inside(place: Path) -> bool:
    return not place.is_relative_to(_MEMORY) and any(map(place.is_relative_to, _FOLDERS))


def _way(path: Path) -> set[Path]:
    """Return the places at which links on the way to `path` lead on, and the one where it ends.

    `os.path.realpath` tells the end alone: /proc/self/root/etc ends in /etc.
    """
    waiting = [*reversed(path.absolute().parts[1:])]
    here, places, links = Path(path.absolute().anchor), set(), 0
    while waiting:
        part = waiting.pop()
        here = here.parent if part == ".." else here / part
        try:
            target = here.readlink()
        except OSError:  # no link, or nothing at all
            continue
        places.add(here)
        links += 1
        if links > MOST_LINKS:
            break
        here = Path(target.anchor) if target.is_absolute() else here.parent
        waiting += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return places | {here}


@cache
def _devices() -> frozenset[int]:
    """Return the numbers of the file systems that are mounted for such places."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not on other systems
        return frozenset()
    return frozenset(_device(mount) for mount in mounts if _kind(mount) in _KINDS)


def _kind(mount: str) -> str:
    return mount.partition(" - ")[2].partition(" ")[0]


def _device(mount: str) -> int:
    major, minor = map(int, mount.split()[2].split(":"))
    return os.makedev(major, minor)
