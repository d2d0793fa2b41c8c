"""How many CPUs other programs leave to this process, as that changes while it runs.

Threads that compute a step together wait for each other at every part of it. If one of them has to
share its CPU, all of them are as slow as that one, and slower: a thread fewer is faster then.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from threading import Lock
from typing import NamedTuple

from rapid_cli.machine.processor import available_cpus

LOOK_SECONDS = 0.25
"""So long each look at the CPUs goes back; the times that systems tell are in hundredths."""


class Taken(NamedTuple):
    """Seconds of CPU that were taken since some time: by all programs, and by this process."""

    by_all: float
    by_us: float


class Load:
    """Counts the CPUs that are left, of `cpus`, for at most `most` threads.

    `taken` is asked for the seconds that were taken of these CPUs so far.
    """

    def __init__(
        self,
        taken: Callable[[], Taken],
        *,
        cpus: int,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._taken = taken
        self._cpus = cpus
        self._most = self._count = self._seen = most
        self._clock = clock
        self._looking = Lock()
        self._looked = clock()
        self._before = taken()

    def threads(self) -> int:
        """Return how many threads have a CPU each; at least one, and more as soon as there are.

        Fewer are told only if two looks say so: what starts may be over in a moment.
        """
        with self._looking:  # target and drafter may compute at once, in two threads
            if self._clock() - self._looked >= LOOK_SECONDS:
                left = max(1, min(self._most, int(self._left() + 0.5)))
                self._count = max(left, min(self._count, self._seen))
                self._seen = left
            return self._count

    def _left(self) -> float:
        """Return the CPUs that others did not take since the last look."""
        now, taken = self._clock(), self._taken()
        seconds, self._looked = now - self._looked, now
        before, self._before = self._before, taken
        others = (taken.by_all - before.by_all) - (taken.by_us - before.by_us)
        return self._cpus - others / seconds


@cache
def current_load() -> Load | None:
    """Return the load of this machine, shared by all that computes here; None if it is unknown."""
    try:
        import psutil  # noqa: F401, PLC0415 - a machine that only measures speed may lack it
    except ImportError:
        return None
    cpus = _allowed()
    return Load(lambda: _taken(cpus), cpus=len(cpus), most=available_cpus())


def _allowed() -> Sequence[int]:
    """Return the numbers of the CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def _taken(cpus: Sequence[int]) -> Taken:
    """Return what was taken of these CPUs: all that was neither idle nor waiting for a disk."""
    import psutil  # noqa: PLC0415

    times = psutil.cpu_times(percpu=True)
    idle = ("idle", "iowait", "guest", "guest_nice")  # guests are in the times of users already
    by_all = sum(
        value
        for number in cpus
        if number < len(times)
        for name, value in times[number]._asdict().items()
        if name not in idle
    )
    ours = os.times()
    return Taken(by_all, ours.user + ours.system)
