"""The processor: which one, how many of its CPUs this process may use, and how threads wait."""

from __future__ import annotations

import os
import platform
from collections.abc import MutableMapping
from pathlib import Path

from rapid_cli.machine.control_groups import cpu_quota

SPIN_COUNTS = {"AuthenticAMD": "500"}
OTHER_SPIN_COUNT = "30000"
"""How many times a thread of GNU's OpenMP spins before it sleeps, by vendor.

By default it spins 300,000 times, and two busy processes hold each other up; far fewer spins cost
speed where nothing else runs. `tests/measurements/beside_other_work.py` measures both: what is
right depends on how long a processor takes to spin once.
"""
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""The variables that say how threads of OpenMP wait."""
INFORMATION = Path("/proc/cpuinfo")
NAMES = ("model name", "CPU implementer", "CPU variant", "CPU part")
"""The keys that identify a processor there: Intel and AMD give a name, ARM gives numbers."""


def bound_spinning(
    environment: MutableMapping[str, str] = os.environ, information: Path = INFORMATION
) -> None:
    """Let waiting threads of OpenMP sleep soon, unless the user has set how they wait.

    It affects only libraries that are loaded later, and processes that are started later.
    """
    if not any(name in environment for name in WAITING):
        vendor = _first_cpu(information).get("vendor_id", "")
        environment["GOMP_SPINCOUNT"] = SPIN_COUNTS.get(vendor, OTHER_SPIN_COUNT)


def available_cpus() -> int:
    """Return how many CPUs this process may use: all, those it is bound to, or a container's."""
    allowed = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    return max(int(min(allowed, cpu_quota())), 1)


def flags(information: Path = INFORMATION) -> frozenset[str]:
    """Return the processor's features by Linux's names; none where they are unknown."""
    told = _first_cpu(information)
    return frozenset((told.get("flags") or told.get("Features") or "").split())


def identity(information: Path = INFORMATION) -> str:
    """Identify processor and system in one line: what machine code that runs here depends on."""
    told = _first_cpu(information)
    name = " ".join(told[key] for key in NAMES if key in told) or platform.processor()
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return f"{system}; {name}; {' '.join(sorted(flags(information)))}"


def _first_cpu(information: Path) -> dict[str, str]:
    """Return what Linux says of the first CPU; the others, maybe hundreds, are like it."""
    told: dict[str, str] = {}
    try:
        with information.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, colon, value = line.partition(":")
                if not colon:
                    break
                told[key.strip()] = value.strip()
    except OSError:
        return {}
    return told
