"""How many CPUs others leave, on simulated and on real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from rapid_cli.machine.load import LOOK_SECONDS, Load, Taken, current_load


class Machine:
    """CPUs on which time goes by as a test says."""

    def __init__(self) -> None:
        self.now = self.by_all = self.by_us = 0.0

    def clock(self) -> float:
        return self.now

    def taken(self) -> Taken:
        return Taken(self.by_all, self.by_us)

    def run(self, *, others: float, us: float = 0.0, seconds: float = LOOK_SECONDS) -> None:
        self.now += seconds
        self.by_us += us * seconds
        self.by_all += (us + others) * seconds

    def load(self, *, cpus: int, most: int | None = None) -> Load:
        return Load(self.taken, cpus=cpus, most=most or cpus, clock=self.clock)


def counts(machine: Machine, load: Load, *others: float, us: float = 0.0) -> list[int]:
    found = []
    for each in others:
        machine.run(others=each, us=us)
        found.append(load.threads())
    return found


def test_alone_a_process_has_all_cpus_however_much_it_takes_itself() -> None:
    machine = Machine()
    load = machine.load(cpus=2)
    assert load.threads() == 2
    assert counts(machine, load, 0, 0.1, 0.4, 0.4, us=1.9) == [2, 2, 2, 2]


def test_beside_others_there_are_as_many_threads_as_they_leave_cpus() -> None:
    machine = Machine()
    load = machine.load(cpus=8)
    assert counts(machine, load, 3, 3, 3.4, 3.6, 3.6, 20, 20) == [8, 5, 5, 5, 4, 4, 1]


def test_what_is_over_in_a_moment_changes_nothing_and_what_ends_does_at_once() -> None:
    machine = Machine()
    load = machine.load(cpus=2)
    assert counts(machine, load, 1, 0, 1, 0) == [2, 2, 2, 2]
    assert counts(machine, load, 1, 1, 0) == [2, 1, 2]


def test_cpus_that_a_container_may_not_use_are_room_for_others() -> None:
    machine = Machine()
    load = machine.load(cpus=16, most=2)
    assert counts(machine, load, 14, 14, 15, 15) == [2, 2, 2, 1]


def test_between_two_looks_nothing_is_asked() -> None:
    machine = Machine()
    load = machine.load(cpus=2)
    for _ in range(3):
        machine.run(others=2, seconds=LOOK_SECONDS / 4)
        assert load.threads() == 2
    machine.run(others=2, seconds=LOOK_SECONDS / 4)
    load.threads()
    machine.run(others=2)
    assert load.threads() == 1


@pytest.mark.slow
def test_a_busy_program_is_seen_and_its_end_too() -> None:
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("processes cannot be bound to a CPU here")
    mine = sorted(os.sched_getaffinity(0))
    bound = f"import os; os.sched_setaffinity(0, {{{mine[0]}}})\nwhile True: pass"
    load = current_load()
    assert load is not None
    with subprocess.Popen([sys.executable, "-c", bound]) as other:
        try:
            before = load._taken()
            time.sleep(1)
            after = load._taken()
        finally:
            other.kill()
    taken = after.by_all - before.by_all - (after.by_us - before.by_us)
    assert taken > 0.5, "the other program had most of a CPU"
