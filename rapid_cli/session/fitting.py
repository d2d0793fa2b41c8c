"""Whether models and their contexts fit the memory, and which of their layers a GPU gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, free_memory
from rapid_cli.models.memory import (
    SHORTEST,
    SMALL_CACHE,
    MemoryNeed,
    ModelShape,
    NeedOf,
    advice,
    fits,
    gib,
    with_margin,
)
from rapid_cli.models.offloading import NOTHING, PLANNED_LENGTH, layer_count
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.needs import Runs, memory_name


class Memory:
    """What loaded models take of the memory that was free; `smaller_cache` allows to save some.

    Nothing is checked where the free memory cannot be known, for lack of psutil, nor of models that
    other machines hold layers of.
    """

    def __init__(self, *, smaller_cache: bool) -> None:
        self._smaller_cache = smaller_cache
        self._loaded = {False: 0, True: 0}  # True: on GPUs
        self._planned = NOTHING

    def take(
        self, spec: ModelSpec, shape: ModelShape, *, lengths: Sequence[int] = (PLANNED_LENGTH,)
    ) -> tuple[ModelSpec, str]:
        """Count a model that is about to be loaded; return how to load it, and a word on that.

        Where the spec leaves open how many layers go to the GPU, as many do as fit there together
        with contexts of `lengths`. ModelError if even a short context is too much; a longer one may
        still be refused when it is opened.
        """
        runs = Runs(spec, shape, shape.sliding_window)
        if runs.elsewhere:
            return spec, ""
        runs, note = self._placed(runs, lengths)
        for gpu in runs.memories:
            self._loaded[gpu] += runs.need(SHORTEST, 1, gpu=gpu).weights_bytes
        for gpu in runs.memories:
            self._check(runs, gpu)
        self._planned += runs.contexts_need(lengths, gpu=True).without_weights()
        return runs.spec, note

    def has_room_for(self, shape: ModelShape) -> bool:
        """Tell whether the computer's own memory takes a model's weights besides what is loaded."""
        free = self._free(gpu=False)
        return free is not None and free > self._loaded[False] + shape.tensor_bytes

    def fitting(
        self, weights: Weights, shape: ModelShape, spec: ModelSpec, *, length: int, rows: int
    ) -> tuple[ModelSpec, str]:
        """Return `spec`, with smaller keys if a context needs them to fit, and a word on that.

        ModelError with numbers if it does not fit, or must not be made to.
        """
        loaded_as = replace(spec, gpu_layers=weights.spec.gpu_layers, rpc=weights.spec.rpc)
        runs = Runs(loaded_as, shape, weights.window)
        if runs.elsewhere:
            return spec, ""
        message, hint, small_fits = "", "", True
        for gpu in runs.memories:
            free = self._free(gpu)
            if free is None:
                continue
            need_of = self._need_of(runs, gpu, rows)
            small_fits &= fits(need_of(length, SMALL_CACHE, spec.v_type), free)
            said = advice(
                spec.name,
                need_of,
                free_bytes=free,
                length=length,
                k_type=spec.k_type,
                v_type=spec.v_type,
                flash_attention=runs.flash_attention,
                memory=memory_name(gpu=gpu),
            )
            if said and not message:
                message, hint = said.message, said.hint
        if not message:
            return spec, ""
        if self._smaller_cache and small_fits:
            smaller = replace(spec, k_type=SMALL_CACHE)
            return smaller, f"{message}. Keys are cached as {SMALL_CACHE}, which fits."
        raise ModelError(message, hint)

    def _placed(self, runs: Runs, lengths: Sequence[int]) -> tuple[Runs, str]:
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

    def _check(self, runs: Runs, gpu: bool) -> None:
        """Raise ModelError if not even a short context fits one of the memories."""
        free = self._free(gpu)
        if free is None:
            return
        need_of, memory = self._need_of(runs, gpu, 1), memory_name(gpu=gpu)
        said = advice(runs.spec.name, need_of, free_bytes=free, length=SHORTEST, memory=memory)
        if said:
            raise ModelError(said.message, said.hint)

    def _need_of(self, runs: Runs, gpu: bool, rows: int) -> NeedOf:
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
