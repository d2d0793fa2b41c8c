"""How much memory a pair needs for texts of several lengths, against what is free now."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

from rapid_cli.doctor.findings import Finding
from rapid_cli.llama import free_memory
from rapid_cli.models.memory import advice, balance, fits, with_margin
from rapid_cli.session.needs import PairRuns, memory_name

LENGTHS = (8192, 32768, 131072)
"""Contexts that are tried, as far as the target can read."""


@dataclass(frozen=True, slots=True)
class MemoryAt:
    """What a pair needs for a context of so many tokens, with a margin, and what is free."""

    context: int
    needed_bytes: int
    free_bytes: int
    fits: bool


def check_memory(runs: PairRuns) -> Generator[Finding, None, list[MemoryAt]]:
    """Tell for contexts of several lengths whether they fit; of two memories, the scarcer one."""
    try:
        free = {gpu: free_memory(gpu) for gpu in runs.memories}
    except ImportError:
        yield Finding("warning", "memory", "free memory cannot be told", "pip install psutil")
        return []
    if not free:
        yield Finding("ok", "memory", "that of other machines, which is not known")
        return []
    found: list[MemoryAt] = []
    for length in lengths(runs.target.limit):
        tried = [_try(runs, length, free, gpu=gpu) for gpu in free]
        at, finding = min(tried, key=_spare)
        found.append(at)
        yield finding
    return found


def lengths(limit: int) -> list[int]:
    """Return the contexts to try for a model that may read `limit` tokens; 0 is not known."""
    return [each for each in LENGTHS if each <= limit or not limit] or [limit]


def _spare(tried: tuple[MemoryAt, Finding]) -> float:
    """Return how many bytes are left; of a memory that nothing lies in, no matter how many."""
    at, _ = tried
    return at.free_bytes - at.needed_bytes if at.needed_bytes else math.inf


def _try(
    runs: PairRuns, length: int, free: dict[bool, int], *, gpu: bool
) -> tuple[MemoryAt, Finding]:
    spec, memory = runs.target.spec, memory_name(gpu=gpu)
    need_of = runs.need_of(gpu=gpu, free_gpu_bytes=free.get(True, 0))
    needed = need_of(length, spec.k_type, spec.v_type)
    at = MemoryAt(length, with_margin(needed), free[gpu], fits(needed, free[gpu]))
    said = advice(
        runs.name,
        need_of,
        free_bytes=free[gpu],
        length=length,
        k_type=spec.k_type,
        v_type=spec.v_type,
        flash_attention=runs.target.flash_attention,
        memory=memory,
    )
    if said is not None:
        return at, Finding("warning", "memory", said.message, said.hint)
    text = f"{runs.name} with a context of {length} tokens {balance(needed, free[gpu], memory)}"
    return at, Finding("ok", "memory", text)
