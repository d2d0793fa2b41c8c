"""Whether models and their contexts fit the memory, and which of their layers a GPU gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rapid_cli.config import ModelSpec
from rapid_cli.errors import ModelError
from rapid_cli.llama import Weights, batch_sizes, free_memory, will_offload
from rapid_cli.memory import (
    SHORTEST,
    SMALL_CACHE,
    MemoryNeed,
    ModelShape,
    NeedOf,
    advice,
    estimate,
    fits,
    gib,
    with_margin,
)
from rapid_cli.offloading import (
    NOTHING,
    PLANNED_LENGTH,
    cpu_part,
    gpu_part,
    layer_count,
    layers_that_fit,
)

PLANNED_ROWS = 17
"""Rows of logits that are planned for when layers are counted: a draft's, and one more."""


class Memory:
    """What loaded models take of the memory that was free; `smaller_cache` allows to save some.

    A model lies in the memory of GPUs, in the computer's own, or partly in both. Nothing is checked
    where the free memory cannot be known, for lack of psutil, nor of models that other machines
    hold layers of.
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
        if _elsewhere(spec):
            return spec, ""
        planned = [_capped(length, spec, shape) for length in lengths]
        spec, note = self._placed(spec, shape, planned)
        for gpu in _places(spec, shape):
            self._loaded[gpu] += _part(spec, shape, gpu=gpu).weights_bytes
        for gpu in _places(spec, shape):
            self._check(spec, shape, gpu)
        self._planned += _contexts(spec, shape, planned)
        return spec, note

    def fitting(
        self, weights: Weights, shape: ModelShape, spec: ModelSpec, *, length: int, rows: int
    ) -> tuple[ModelSpec, str]:
        """Return `spec`, with smaller keys if a context needs them to fit, and a word on that.

        ModelError with numbers if it does not fit, or must not be made to.
        """
        if _elsewhere(weights.spec):
            return spec, ""
        flash_attention = weights.flash_attention_of(spec)
        message, hint, small_fits = "", "", True
        for gpu in _places(weights.spec, shape):
            free = self._free(gpu)
            if free is None:
                continue
            need_of = self._need_of(weights.spec, shape, gpu, rows, flash_attention)
            small_fits &= fits(need_of(length, SMALL_CACHE, spec.v_type), free)
            said = advice(
                spec.name,
                need_of,
                free_bytes=free,
                length=length,
                k_type=spec.k_type,
                v_type=spec.v_type,
                flash_attention=flash_attention,
                memory=_memory_name(gpu),
            )
            if said and not message:
                message, hint = said.message, said.hint
        if not message:
            return spec, ""
        if self._smaller_cache and small_fits:
            smaller = replace(spec, k_type=SMALL_CACHE)
            return smaller, f"{message}. Keys are cached as {SMALL_CACHE}, which fits."
        raise ModelError(message, hint)

    def _placed(
        self, spec: ModelSpec, shape: ModelShape, lengths: Sequence[int]
    ) -> tuple[ModelSpec, str]:
        """Choose how many layers go to the GPU, if that is open, and say so if not all do."""
        free = self._free(gpu=True) if will_offload(spec) and spec.gpu_layers is None else None
        if free is None:
            return spec, ""
        need = _whole(spec, shape, lengths)
        others = self._planned + MemoryNeed(self._loaded[True], 0, 0)
        layers, count = layers_that_fit(shape, need, free, others), layer_count(shape)
        if layers == count:
            return spec, ""
        wanted = with_margin(others + gpu_part(need, shape, count))
        note = (
            f"{layers} of {count} layers of {spec.name} are computed on the GPU: "
            f"{gib(wanted)} would be needed for all, and {gib(free)} are free."
        )
        return replace(spec, gpu_layers=layers), note

    def _check(self, spec: ModelSpec, shape: ModelShape, gpu: bool) -> None:
        """Raise ModelError if not even a short context fits one of the memories."""
        free = self._free(gpu)
        if free is None:
            return
        need_of = self._need_of(spec, shape, gpu, 1, spec.flash_attention)
        memory = _memory_name(gpu)
        said = advice(spec.name, need_of, free_bytes=free, length=SHORTEST, memory=memory)
        if said:
            raise ModelError(said.message, said.hint)

    def _need_of(
        self, spec: ModelSpec, shape: ModelShape, gpu: bool, rows: int, flash_attention: bool | None
    ) -> NeedOf:
        """Return what all loaded weights and one context of this model need in one memory."""

        def need_of(length: int, k_type: str, v_type: str) -> MemoryNeed:
            run = replace(spec, k_type=k_type, v_type=v_type, flash_attention=flash_attention)
            need = _part(run, shape, gpu=gpu, length=length, rows=rows)
            return replace(need, weights_bytes=self._loaded[gpu])

        return need_of

    def _free(self, gpu: bool) -> int | None:
        """Return the bytes that were free before the weights: mapped ones still count as free."""
        try:
            return free_memory(gpu) + (self._loaded[True] if gpu else 0)
        except ImportError:
            return None


def _elsewhere(spec: ModelSpec) -> bool:
    return bool(spec.rpc) and will_offload(spec)


def _layers_on_gpu(spec: ModelSpec, shape: ModelShape) -> int:
    if not will_offload(spec):
        return 0
    chosen, count = spec.gpu_layers, layer_count(shape)
    return count if chosen is None or chosen < 0 else min(chosen, count)


def _places(spec: ModelSpec, shape: ModelShape) -> list[bool]:
    """Return which memories hold a part of a model: that of GPUs (True), the computer's (False)."""
    layers = _layers_on_gpu(spec, shape)
    return [True] * (layers > 0) + [False] * (layers < layer_count(shape))


def _memory_name(gpu: bool) -> str:
    return "GPU memory" if gpu else "memory"


def _capped(length: int, spec: ModelSpec, shape: ModelShape) -> int:
    """Return a length that a context of this model may have."""
    limit = spec.context_length or spec.scaled(shape.context_length)
    return min(length, limit or length)


def _estimate(
    spec: ModelSpec, shape: ModelShape, length: int, rows: int, *, gpu: bool
) -> MemoryNeed:
    return estimate(
        shape,
        length=length,
        rows=rows,
        batch=batch_sizes(spec, offloaded=will_offload(spec), rows=rows)[1],
        k_type=spec.k_type,
        v_type=spec.v_type,
        flash_attention=spec.flash_attention,
        offloaded=gpu,
    )


def _part(
    spec: ModelSpec, shape: ModelShape, *, gpu: bool, length: int = SHORTEST, rows: int = 1
) -> MemoryNeed:
    """Return what a model and one context need in one of the memories."""
    part = gpu_part if gpu else cpu_part
    need = _estimate(spec, shape, length, rows, gpu=gpu)
    return part(need, shape, _layers_on_gpu(spec, shape))


def _whole(spec: ModelSpec, shape: ModelShape, lengths: Sequence[int]) -> MemoryNeed:
    """Return what a model and contexts of these lengths need on a GPU that holds all of it."""
    needs = [_estimate(spec, shape, length, PLANNED_ROWS, gpu=True) for length in lengths]
    first, *others = needs
    return sum((each.without_weights() for each in others), first)


def _contexts(spec: ModelSpec, shape: ModelShape, lengths: Sequence[int]) -> MemoryNeed:
    """Return what contexts of these lengths will need of the GPU."""
    need = _whole(spec, shape, lengths)
    return gpu_part(need, shape, _layers_on_gpu(spec, shape)).without_weights()
