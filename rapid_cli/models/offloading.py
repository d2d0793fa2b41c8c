"""Which layers of a model a GPU holds, by the memory that is free there.

Layers are counted as llama.cpp does: the output is the last one, and the last ones go to the GPU.
"""

from __future__ import annotations

from collections.abc import Callable

from rapid_cli.models.memory import MemoryNeed, ModelShape, fits

NOTHING = MemoryNeed(0, 0, 0)
PLANNED_LENGTH = 8192
"""The context that layers are counted for where nothing is known of the one to come."""


def layer_count(shape: ModelShape) -> int:
    """Return how many layers a model has, its output among them."""
    return shape.layers + 1


def gpu_part(need: MemoryNeed, shape: ModelShape, layers: int) -> MemoryNeed:
    """Return the part of `need` that lies on the GPU if the last `layers` are computed there.

    The embedding stays with the CPU. If layers stay there too, the GPU helps with wide batches
    and holds a copy of one such layer for that.
    """
    if not layers:
        return NOTHING
    inner = layers - 1
    layer = _layer_bytes(shape)
    copy = layer if inner < shape.layers else 0
    return MemoryNeed(
        inner * layer + shape.output_bytes,
        _cache_part(need.cache_bytes, shape, shape.layers - inner, shape.layers),
        need.compute_bytes + copy,
    )


def cpu_part(need: MemoryNeed, shape: ModelShape, layers: int) -> MemoryNeed:
    """Return the part of `need` in the computer's own memory if `layers` are on the GPU.

    Computing is counted in full, since any layer takes that much.
    """
    if not layers:
        return need
    outer = shape.layers - (layers - 1)
    if not outer:
        return NOTHING
    return MemoryNeed(
        shape.loaded_bytes(offloaded=False) - (shape.layers - outer) * _layer_bytes(shape),
        _cache_part(need.cache_bytes, shape, 0, outer),
        need.compute_bytes,
    )


def layers_that_fit(
    shape: ModelShape,
    need: Callable[[int], MemoryNeed],
    free_bytes: int,
    others: MemoryNeed = NOTHING,
) -> int:
    """Return how many layers of a model fit into `free_bytes` of GPU memory, with a margin.

    `need` returns what a number of layers and their contexts take, and `others` is what other
    models take there.
    """
    layers = layer_count(shape)
    while layers and not fits(others + need(layers), free_bytes):
        layers -= 1
    return layers


def _layer_bytes(shape: ModelShape) -> int:
    return (shape.tensor_bytes - shape.outside_bytes) // shape.layers


def _cache_part(cache_bytes: int, shape: ModelShape, first: int, end: int) -> int:
    """Return what layers `first` up to `end` keep of what was read.

    Most of that are keys and values, if there are any; else each layer keeps as much as the next.
    """
    kept = shape.kv_heads if any(shape.kv_heads) else (1,) * shape.layers
    return cache_bytes * sum(kept[first:end]) // sum(kept)
