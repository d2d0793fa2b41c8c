"""How much memory a pair needs for texts of several lengths, against what is free now."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from rapid_cli.answers import LONGEST_DRAFT
from rapid_cli.config import ModelPair, ModelSpec
from rapid_cli.findings import Finding
from rapid_cli.llama import batch_sizes, free_memory, may_fuse, will_offload
from rapid_cli.memory import (
    MemoryNeed,
    ModelShape,
    NeedOf,
    advice,
    balance,
    estimate,
    fits,
    with_margin,
)
from rapid_cli.passages import drafter_budget

LENGTHS = (8192, 32768, 131072)
"""Contexts that are tried, as far as the target can read."""
BESIDE_PASSAGES = 768
"""Tokens of the drafter's context for instructions, a question, an answer and a draft."""


@dataclass(frozen=True, slots=True)
class MemoryAt:
    """What a pair needs for a context of so many tokens, with a margin, and what is free."""

    context: int
    needed_bytes: int
    free_bytes: int
    fits: bool


@dataclass(frozen=True, slots=True)
class Runs:
    """A model as it will run: its settings, its sizes, and the most tokens it may read."""

    spec: ModelSpec
    shape: ModelShape
    window: int
    limit: int

    @property
    def offloaded(self) -> bool:
        """Whether it takes memory of a GPU."""
        return will_offload(self.spec)

    @property
    def flash_attention(self) -> bool | None:
        """Whether attention is computed the fused way; None leaves it to llama.cpp."""
        chosen = self.spec.flash_attention
        fused = may_fuse(self.window, offloaded=self.offloaded)
        return False if chosen is None and not fused else chosen

    def need(self, length: int, rows: int, k_type: str, v_type: str) -> MemoryNeed:
        """Return what its weights and one context of it need."""
        return estimate(
            self.shape,
            length=length,
            rows=rows,
            batch=batch_sizes(self.spec, offloaded=self.offloaded, rows=rows)[1],
            k_type=k_type,
            v_type=v_type,
            flash_attention=self.flash_attention,
            offloaded=self.offloaded,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """How target and drafter will run; `shared` says whether on the same weights."""

    target: Runs
    drafter: Runs
    shared: bool

    @property
    def name(self) -> str:
        """What the models are called together."""
        reads, drafts = self.target.spec.name, self.drafter.spec.name
        return reads if self.shared else f"{reads}, drafter {drafts},"

    def need_of(self, pair: ModelPair, *, gpu: bool) -> NeedOf:
        """Return what the parts that lie in one of the memories need together."""
        rows = (pair.gamma or LONGEST_DRAFT) + 1
        target, drafter = self.target, self.drafter

        def need(length: int, k_type: str, v_type: str) -> MemoryNeed:
            total = MemoryNeed(0, 0, 0)
            if target.offloaded == gpu:
                total += target.need(length, rows, k_type, v_type)
            if drafter.offloaded == gpu:
                short = drafter_length(pair, drafter, length)
                own = (drafter.spec.k_type, drafter.spec.v_type)
                drafting = drafter.need(short, rows, *((k_type, v_type) if self.shared else own))
                total += drafting.without_weights() if self.shared else drafting
            return total

        return need


def check_memory(pair: ModelPair, plan: Plan) -> Generator[Finding, None, list[MemoryAt]]:
    """Tell for contexts of several lengths whether they fit; of two memories, the scarcer one."""
    found: list[MemoryAt] = []
    memories = {plan.target.offloaded, plan.drafter.offloaded}
    needs = {gpu: plan.need_of(pair, gpu=gpu) for gpu in memories}
    for length in lengths(plan.target.limit):
        try:
            tried = [_try(plan, needs[gpu], length, gpu=gpu) for gpu in memories]
        except ImportError:
            yield Finding("warning", "memory", "free memory cannot be told", "pip install psutil")
            return []
        at, finding = min(tried, key=lambda each: each[0].free_bytes - each[0].needed_bytes)
        found.append(at)
        yield finding
    return found


def lengths(limit: int) -> list[int]:
    """Return the contexts to try for a model that may read `limit` tokens; 0 is not known."""
    return [each for each in LENGTHS if each <= limit or not limit] or [limit]


def drafter_length(pair: ModelPair, drafter: Runs, length: int) -> int:
    """Return how long the drafter's context is where the target's has `length` tokens."""
    wanted = (pair.retrieve_tokens or drafter_budget(length)) + BESIDE_PASSAGES
    return min(wanted, drafter.limit or wanted)


def _try(plan: Plan, need: NeedOf, length: int, *, gpu: bool) -> tuple[MemoryAt, Finding]:
    spec, free = plan.target.spec, free_memory(gpu)
    needed = need(length, spec.k_type, spec.v_type)
    at = MemoryAt(length, with_margin(needed), free, fits(needed, free))
    memory = "GPU memory" if gpu else "memory"
    said = advice(
        plan.name,
        need,
        free_bytes=free,
        length=length,
        k_type=spec.k_type,
        v_type=spec.v_type,
        flash_attention=plan.target.flash_attention,
        memory=memory,
    )
    if said is not None:
        return at, Finding("warning", "memory", said.message, said.hint)
    text = f"{plan.name} with a context of {length} tokens {balance(needed, free, memory)}"
    return at, Finding("ok", "memory", text)
