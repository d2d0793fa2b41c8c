"""The memory that models need: loading, `models check` and the doctor all judge by this.

A model lies in the memory of GPUs, in the computer's own, or partly in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapid_cli.answering.answer import LONGEST_DRAFT
from rapid_cli.llama import batch_sizes, flash_attention, will_offload
from rapid_cli.models.memory import MemoryNeed, ModelShape, NeedOf, estimate
from rapid_cli.models.offloading import (
    NOTHING,
    PLANNED_LENGTH,
    cpu_part,
    gpu_part,
    layer_count,
    layers_that_fit,
)
from rapid_cli.models.specs import ModelPair, ModelSpec
from rapid_cli.retrieval.passages import drafter_budget

DRAFT_ROWS = LONGEST_DRAFT + 1
"""Rows of logits of a context that checks drafts: a draft's, and one more."""
BESIDE_PASSAGES = 768
"""Tokens of the drafter's context for instructions, a question, an answer and a draft."""


def memory_name(*, gpu: bool) -> str:
    """Return what people call one of the two memories."""
    return "GPU memory" if gpu else "memory"


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A model as it runs; `window` is how far a sliding window reaches back, 0 without one."""

    spec: ModelSpec
    shape: ModelShape
    window: int

    @property
    def on_rpc_servers(self) -> bool:
        """Whether RPC servers hold layers of it, whose memory is not known."""
        return bool(self.spec.rpc) and will_offload(self.spec)

    @property
    def gpu_layers(self) -> int:
        """How many of its layers are computed on GPUs."""
        if not will_offload(self.spec):
            return 0
        return self.spec.layers_on_gpu(layer_count(self.shape))

    @property
    def memories(self) -> list[bool]:
        """The memories here that hold a part of it: that of GPUs (True), the computer's (False)."""
        if self.on_rpc_servers:
            return []
        layers = self.gpu_layers
        return [True] * (layers > 0) + [False] * (layers < layer_count(self.shape))

    @property
    def limit(self) -> int:
        """The most tokens it may read; 0 where its file does not say."""
        return self.spec.context_length or self.spec.scaled(self.shape.context_length)

    @property
    def flash_attention(self) -> bool | None:
        """Whether attention is computed the fused way; None leaves it to llama.cpp."""
        wholly = self.gpu_layers == layer_count(self.shape)
        return flash_attention(self.spec, self.window, offloaded=wholly)

    def need(self, length: int, rows: int, *, gpu: bool) -> MemoryNeed:
        """Return what its weights and one context of `length` tokens need in one of the memories.

        `rows` is how many tokens may be asked logits for at once. RPC servers have memory of their
        own, so a model there needs nothing.
        """
        if self.on_rpc_servers:
            return NOTHING
        layers = self.gpu_layers
        whole = estimate(
            self.shape,
            length=length,
            rows=rows,
            batch=batch_sizes(self.spec, offloaded=layers > 0, rows=rows)[1],
            k_type=self.spec.k_type,
            v_type=self.spec.v_type,
            flash_attention=self.flash_attention,
            offloaded=gpu,
        )
        return (gpu_part if gpu else cpu_part)(whole, self.shape, layers)

    def contexts_need(self, lengths: Sequence[int], *, gpu: bool) -> MemoryNeed:
        """Return what its weights and contexts of `lengths`, as far as it can read, need."""
        capped = [min(length, self.limit or length) for length in lengths]
        first, *others = (self.need(length, DRAFT_ROWS, gpu=gpu) for length in capped)
        return sum((each.without_weights() for each in others), first)

    def with_layers(self, layers: int | None) -> ModelRun:
        """Return it with so many layers on GPUs; None are all of them."""
        return replace(self, spec=replace(self.spec, gpu_layers=layers))

    def with_cache(self, k_type: str, v_type: str) -> ModelRun:
        """Return it with other types of cached keys and values."""
        return replace(self, spec=replace(self.spec, k_type=k_type, v_type=v_type))

    def placed(
        self, lengths: Sequence[int], free_bytes: int, others: MemoryNeed = NOTHING
    ) -> ModelRun:
        """Return it with as many layers on GPUs as fit there with contexts of `lengths`.

        `free_bytes` are free there without what `others` take. Where models.toml says how many,
        nothing is chosen.
        """
        if self.spec.gpu_layers is not None or not will_offload(self.spec) or self.on_rpc_servers:
            return self

        def need(layers: int) -> MemoryNeed:
            return self.with_layers(layers).contexts_need(lengths, gpu=True)

        layers = layers_that_fit(self.shape, need, free_bytes, others)
        return self if layers == layer_count(self.shape) else self.with_layers(layers)


@dataclass(frozen=True, slots=True)
class PairRun:
    """How target and drafter of a pair run; `shared` says whether on the same weights."""

    pair: ModelPair
    target: ModelRun
    drafter: ModelRun
    shared: bool

    @property
    def name(self) -> str:
        """What the models are called together."""
        reads, drafts = self.target.spec.name, self.drafter.spec.name
        return reads if self.shared else f"{reads}, drafter {drafts},"

    @property
    def rows(self) -> int:
        """How many tokens of a context may be asked logits for at once."""
        return (self.pair.gamma or LONGEST_DRAFT) + 1

    @property
    def memories(self) -> list[bool]:
        """The memories that may hold a part of them; GPUs (True) may leave some to the other."""
        known = [runs for runs in (self.target, self.drafter) if not runs.on_rpc_servers]
        offloads = any(will_offload(runs.spec) for runs in known)
        return [True] * offloads + [False] * bool(known)

    def drafter_length(self, length: int) -> int:
        """Return how long the drafter's context is where the target's has `length` tokens."""
        wanted = (self.pair.retrieve_tokens or drafter_budget(length)) + BESIDE_PASSAGES
        return min(wanted, self.drafter.limit or wanted)

    def need(self, length: int, *, gpu: bool) -> MemoryNeed:
        """Return what both need in one of the memories, the target's context being so long."""
        reading = self.target.need(length, self.rows, gpu=gpu)
        drafting = self.drafter.need(self.drafter_length(length), self.rows, gpu=gpu)
        return reading + (drafting.without_weights() if self.shared else drafting)

    def need_of(self, *, gpu: bool, free_gpu_bytes: int) -> NeedOf:
        """Return the same for any length and types of cache, with layers placed as they fit."""

        def need(length: int, k_type: str, v_type: str) -> MemoryNeed:
            placed = self._with_cache(k_type, v_type).placed(length, free_gpu_bytes)
            return placed.need(length, gpu=gpu)

        return need

    def placed(self, length: int, free_gpu_bytes: int) -> PairRun:
        """Return them with the layers on GPUs that loading puts there for so long a context."""
        drafting = (min(length, PLANNED_LENGTH),)
        if self.shared:
            target = self.target.placed((length, *drafting), free_gpu_bytes)
            drafter = self.drafter.with_layers(target.spec.gpu_layers)
        else:
            drafter = self.drafter.placed(drafting, free_gpu_bytes)
            beside = drafter.contexts_need(drafting, gpu=True)
            target = self.target.placed((length,), free_gpu_bytes, beside)
        return replace(self, target=target, drafter=drafter)

    def _with_cache(self, k_type: str, v_type: str) -> PairRun:
        """Return them with other types of the target's cache."""
        target = self.target.with_cache(k_type, v_type)
        drafter = self.drafter.with_cache(k_type, v_type) if self.shared else self.drafter
        return replace(self, target=target, drafter=drafter)
