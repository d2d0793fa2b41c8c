"""The processor: which one it is, how many of its CPUs this process may use, and how they wait."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import MutableMapping
from pathlib import Path

from rapid_cli.control_groups import cpu_quota

SPIN_COUNT = "5000"
"""How often a thread of GNU's OpenMP looks whether the others are there before it sleeps.

By default threads look for so long that two busy processes hold each other up, each to a thirtieth
of its speed; much less costs speed where nothing else runs.
"""
BLOCK_MILLISECONDS = "1"
"""The same for LLVM's and Intel's OpenMP, which count in time; the default is 200."""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""The variables that say how threads of OpenMP wait."""
INFORMATION = Path("/proc/cpuinfo")


def bound_spinning(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads of OpenMP that wait for each other sleep soon, unless the user has said how.

    It has an effect only on libraries that are loaded later, and on processes that are started.
    """
    if not any(name in environment for name in WAITING):
        environment["GOMP_SPINCOUNT"] = SPIN_COUNT
        environment["KMP_BLOCKTIME"] = BLOCK_MILLISECONDS


def available_cpus() -> int:
    """Return how many CPUs this process may use: all, those it is bound to, or a container's."""
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    return max(int(min(allowed, cpu_quota())), 1)


def flags(information: Path = INFORMATION) -> frozenset[str]:
    """Return the abilities of the processor by Linux's names; none where they are not told."""
    return frozenset(_told(information, r"flags|Features").split())


def identity(information: Path = INFORMATION) -> str:
    """Name what the machine code that runs here depends on, as one line: processor and system."""
    name = _told(information, "model name") or platform.processor()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{system}; {name}; {' '.join(sorted(flags(information)))}"


def _told(information: Path, key: str) -> str:
    """Return what Linux tells of the first CPU under a key, or nothing."""
    try:
        text = information.read_text("utf-8", "replace")
    except OSError:
        return ""
    found = re.search(rf"^(?:{key})\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""
