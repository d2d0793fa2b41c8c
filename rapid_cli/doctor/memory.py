"""How much memory a pair needs for texts of several lengths, against what is free now."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rapid_cli.doctor.findings import Finding
from rapid_cli.llama import free_memory
from rapid_cli.models.memory import NeedOf, advice, balance, fits, longest, with_margin
from rapid_cli.session.needs import PairRun, memory_name

LENGTHS = (8192, 32768, 131072)
"""Contexts that are tried, as far as the target can read."""


@dataclass(frozen=True, slots=True)
class MemoryAt:
    """What a pair needs for a context of so many tokens, with a margin, and what is free."""

    context: int
    needed_bytes: int
    free_bytes: int
    fits: bool


def check_memory(runs: PairRun) -> tuple[list[Finding], list[MemoryAt]]:
    """Tell for contexts of several lengths whether they fit; of two memories, the scarcer one."""
    try:
        free = _free_bytes(runs)
    except ImportError:
        text = "free memory cannot be told"
        return [Finding("warning", "memory", text, "pip install psutil")], []
    if not free:
        return [Finding("ok", "memory", "that of other machines, which is not known")], []
    tried = [
        min((_try(runs, length, free, gpu=gpu) for gpu in free), key=_spare)
        for length in lengths(runs.target.limit)
    ]
    return [finding for _, finding in tried], [at for at, _ in tried]


def longest_context(runs: PairRun) -> tuple[int, str]:
    """Return the longest context that fits, 0 if none of use does, and the scarcer memory."""
    spec, limit, free = runs.target.spec, runs.target.limit, _free_bytes(runs)
    found = {
        gpu: longest(_need_of(runs, free, gpu=gpu), size, limit, spec.k_type, spec.v_type)
        for gpu, size in free.items()
    }
    scarcer = min(found, key=found.__getitem__)  # of two equal ones that of GPUs, which come first
    return found[scarcer], memory_name(gpu=scarcer)


def lengths(limit: int) -> list[int]:
    """Return the contexts to try for a model that may read `limit` tokens; 0 is not known."""
    return [each for each in LENGTHS if each <= limit or not limit] or [limit]


def _free_bytes(runs: PairRun) -> dict[bool, int]:
    """Return what is free in each memory that holds a part of a pair: GPUs' (True), or not."""
    return {gpu: free_memory(gpu) for gpu in runs.memories}


def _need_of(runs: PairRun, free: dict[bool, int], *, gpu: bool) -> NeedOf:
    return runs.need_of(gpu=gpu, free_gpu_bytes=free.get(True, 0))


def _spare(tried: tuple[MemoryAt, Finding]) -> float:
    """Return how many bytes are left; of a memory that nothing lies in, no matter how many."""
    at, _ = tried
    return at.free_bytes - at.needed_bytes if at.needed_bytes else math.inf


def _try(
    runs: PairRun, length: int, free: dict[bool, int], *, gpu: bool
) -> tuple[MemoryAt, Finding]:
    spec, memory = runs.target.spec, memory_name(gpu=gpu)
    need_of = _need_of(runs, free, gpu=gpu)
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
