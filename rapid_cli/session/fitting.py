"""Whether models and their contexts fit the memory, and which of their layers a GPU gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, free_memory
from rapid_cli.models.memory import (
    SHORTEST,
    SMALL_CACHE,
    Advice,
    MemoryNeed,
    ModelShape,
    NeedOf,
    advice,
    gib,
    with_margin,
)
from rapid_cli.models.offloading import NOTHING, PLANNED_LENGTH, layer_count
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.needs import ModelRun, memory_name


class Memory:
    """Counts what loaded models take of the free memory, and refuses what does not fit.

    With `smaller_cache` keys may be cached in fewer bits to make a context fit. Nothing is refused
    where the free memory is not known, for lack of psutil, nor if RPC servers hold layers.
    """

    def __init__(self, *, smaller_cache: bool) -> None:
        self._smaller_cache = smaller_cache
        self._loaded = {False: 0, True: 0}  # True: on GPUs
        self._planned = NOTHING

    def take(
        self, spec: ModelSpec, shape: ModelShape, *, lengths: Sequence[int] = (PLANNED_LENGTH,)
    ) -> tuple[ModelSpec, str]:
        """Count a model that is about to be loaded; return how to load it, and a note on that.

        Where the spec leaves open how many layers go to the GPU, as many do as fit there together
        with contexts of `lengths`. ModelError if even a short context is too much; a longer one may
        still be refused when it is opened.
        """
        runs, note = self._placed(ModelRun(spec, shape, shape.sliding_window), lengths)
        for gpu in runs.memories:
            self._loaded[gpu] += runs.need(SHORTEST, 1, gpu=gpu).weights_bytes
        found = self._advice(runs.with_cache("f16", "f16"), SHORTEST, 1)
        if found:
            raise ModelError(found.message, found.hint)
        self._planned += runs.contexts_need(lengths, gpu=True).without_weights()
        return runs.spec, note

    def has_room_for(self, shape: ModelShape) -> bool:
        """Tell whether the computer's own memory takes a model's weights besides what is loaded."""
        free = self._free(gpu=False)
        return free is not None and free > self._loaded[False] + shape.tensor_bytes

    def fitting(
        self, weights: Weights, shape: ModelShape, spec: ModelSpec, *, length: int, rows: int
    ) -> tuple[ModelSpec, str]:
        """Return `spec`, with smaller keys if a context fits only so, and a note on that.

        ModelError with numbers if it does not fit, or smaller keys are forbidden.
        """
        loaded_as = replace(spec, gpu_layers=weights.spec.gpu_layers, rpc=weights.spec.rpc)
        runs = ModelRun(loaded_as, shape, weights.window)
        found = self._advice(runs, length, rows)
        if found is None:
            return spec, ""
        with_small_keys = runs.with_cache(SMALL_CACHE, spec.v_type)
        if self._smaller_cache and self._advice(with_small_keys, length, rows) is None:
            smaller = replace(spec, k_type=SMALL_CACHE)
            return smaller, f"{found.message}. Keys are cached as {SMALL_CACHE}, which fits."
        raise ModelError(found.message, found.hint)

    def _placed(self, runs: ModelRun, lengths: Sequence[int]) -> tuple[ModelRun, str]:
        """Choose how many layers go to the GPU, if that is open, and say so if not all do."""
        free = self._free(gpu=True)
        if free is None:
            return runs, ""
        others = self._planned + MemoryNeed(self._loaded[True], 0, 0)
        placed = runs.placed(lengths, free, others)
        if placed is runs:
            return runs, ""
        wanted = with_margin(others + runs.contexts_need(lengths, gpu=True))
        note = (
            f"{placed.gpu_layers} of {layer_count(runs.shape)} layers of {runs.spec.name} are "
            f"computed on the GPU: {gib(wanted)} would be needed for all, and {gib(free)} are free."
        )
        return placed, note

    def _advice(self, runs: ModelRun, length: int, rows: int) -> Advice | None:
        """Return what a context lacks in the first memory that it does not fit, and what helps."""
        for gpu in runs.memories:
            free = self._free(gpu)
            if free is None:
                continue
            found = advice(
                runs.spec.name,
                self._need_of(runs, gpu, rows),
                free_bytes=free,
                length=length,
                k_type=runs.spec.k_type,
                v_type=runs.spec.v_type,
                flash_attention=runs.flash_attention,
                memory=memory_name(gpu=gpu),
            )
            if found:
                return found
        return None

    def _need_of(self, runs: ModelRun, gpu: bool, rows: int) -> NeedOf:
        """Return what all loaded weights and one context of this model need in one memory."""

        def need_of(length: int, k_type: str, v_type: str) -> MemoryNeed:
            need = runs.with_cache(k_type, v_type).need(length, rows, gpu=gpu)
            return replace(need, weights_bytes=self._loaded[gpu])

        return need_of

    def _free(self, gpu: bool) -> int | None:
        """Return the bytes that were free before the weights: mapped ones still count as free."""
        try:
            return free_memory(gpu) + (self._loaded[True] if gpu else 0)
        except ImportError:
            return None
