"""How many layers of a model a GPU holds, counted from sizes alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rapid_cli.llama import devices, free_memory, read_shape
from rapid_cli.models.memory import GIB, MARGIN, MemoryNeed, ModelShape, estimate, fits
from rapid_cli.models.offloading import NOTHING, cpu_part, gpu_part, layer_count, layers_that_fit

MIB = 1 << 20
SHAPE = ModelShape(
    architecture="llama",
    layers=32,
    heads=32,
    kv_heads=(8,) * 32,
    key_length=128,
    value_length=128,
    embedding=4096,
    feed_forward=14336,
    vocabulary=128256,
    sliding_window=0,
    context_length=131072,
    tensor_bytes=4096 * MIB + 800 * MIB,
    outside_bytes=800 * MIB,
    output_bytes=500 * MIB,
)
WORDS = SHAPE.loaded_bytes(offloaded=False) - SHAPE.tensor_bytes  # the vocabulary
NEED = MemoryNeed(SHAPE.tensor_bytes, 1024 * MIB, 300 * MIB)


def spare(need: MemoryNeed) -> int:
    return int(need.total_bytes * (1 + MARGIN)) + 1


def on_gpu(need: MemoryNeed):
    """Return what of `need` lies on the GPU, by the number of layers there."""
    return lambda layers: gpu_part(need, SHAPE, layers)


def test_all_layers_fit_where_everything_fits_but_what_stays_with_the_cpu():
    everything = MemoryNeed(4096 * MIB + 500 * MIB, 1024 * MIB, 300 * MIB)
    assert gpu_part(NEED, SHAPE, 33) == everything
    assert cpu_part(NEED, SHAPE, 33) == NOTHING
    assert layers_that_fit(SHAPE, on_gpu(NEED), spare(everything)) == layer_count(SHAPE) == 33
    assert layers_that_fit(SHAPE, on_gpu(NEED), spare(everything) - 10) < 33


def test_a_part_is_its_layers_their_keys_and_values_and_a_copy_of_one_layer():
    assert gpu_part(NEED, SHAPE, 9) == MemoryNeed(
        8 * 128 * MIB + 500 * MIB, 8 * 32 * MIB, 300 * MIB + 128 * MIB
    )
    assert cpu_part(NEED, SHAPE, 9) == MemoryNeed(
        24 * 128 * MIB + 800 * MIB + WORDS, 24 * 32 * MIB, 300 * MIB
    )


def test_the_output_alone_is_one_layer():
    assert gpu_part(NEED, SHAPE, 1).weights_bytes == 500 * MIB
    assert gpu_part(NEED, SHAPE, 1).cache_bytes == 0
    assert cpu_part(NEED, SHAPE, 1).weights_bytes == SHAPE.tensor_bytes + WORDS


def test_without_layers_there_the_gpu_holds_nothing():
    assert gpu_part(NEED, SHAPE, 0) == NOTHING
    assert cpu_part(NEED, SHAPE, 0) == NEED


@pytest.mark.parametrize("free_gib", [1, 2, 3, 4, 5, 6])
def test_as_many_layers_as_fit_are_taken_and_not_one_more(free_gib):
    free = free_gib * GIB
    layers = layers_that_fit(SHAPE, on_gpu(NEED), free)
    assert 0 < layers < 33
    assert fits(gpu_part(NEED, SHAPE, layers), free)
    assert not fits(gpu_part(NEED, SHAPE, layers + 1), free)


def test_where_not_even_the_output_fits_all_stay_with_the_cpu():
    assert layers_that_fit(SHAPE, on_gpu(NEED), 900 * MIB) == 0
    assert layers_that_fit(SHAPE, on_gpu(NEED), 0) == 0


def test_a_longer_context_leaves_room_for_fewer_layers():
    def layers(length):
        need = estimate(SHAPE, length=length, rows=17, batch=2048, offloaded=True)
        return layers_that_fit(SHAPE, on_gpu(need), 6 * GIB)

    assert layers(2048) > layers(16384) > layers(65536)


def test_what_other_models_take_there_is_left_to_them():
    others, need = MemoryNeed(GIB, GIB // 2, 0), on_gpu(NEED)
    alone, beside = (layers_that_fit(SHAPE, need, 4 * GIB, each) for each in (NOTHING, others))
    assert beside == layers_that_fit(SHAPE, need, 4 * GIB - int(1.5 * GIB * (1 + MARGIN)))
    assert beside < alone


def test_keys_and_values_are_those_of_the_last_layers():
    shape = replace(SHAPE, kv_heads=(8,) * 16 + (0,) * 16)
    assert gpu_part(NEED, shape, 17).cache_bytes == 0
    assert cpu_part(NEED, shape, 17).cache_bytes == NEED.cache_bytes


def test_sizes_outside_of_layers_come_from_the_file(starter_path):
    shape = read_shape(starter_path)
    # SmolLM2 has one table of 49,152 times 576 for input and output, in Q8_0 or something smaller.
    assert shape.output_bytes <= shape.outside_bytes <= 49152 * 576 * 34 // 32 + MIB
    assert shape.outside_bytes > 49152 * 576 // 2
    inner = shape.tensor_bytes - shape.outside_bytes
    assert 30 * 3 * 576 * 1536 // 2 < inner < shape.tensor_bytes


class Gpu:
    """A GPU that only has memory."""

    def __init__(self, free_bytes):
        self.free_bytes = free_bytes


def test_several_gpus_share_a_model_so_their_free_memory_counts_together(monkeypatch):
    monkeypatch.setattr(devices, "accelerators", lambda: (Gpu(10 * GIB), Gpu(6 * GIB)))
    assert free_memory(offloaded=True) == 16 * GIB
    monkeypatch.setattr(devices, "accelerators", lambda: ())
    assert free_memory(offloaded=True) == pytest.approx(free_memory(offloaded=False), rel=0.2)


def test_devices_that_are_the_same_are_counted_in_their_name():
    gpus = [devices.ComputeDevice(each, devices.GPU, name) for each, name in enumerate("ABA")]
    assert devices.named_together(gpus) == "2 x A, B"
    assert devices.named_together(gpus[:1]) == "A"


def test_only_gpus_count_as_such_and_integrated_ones_only_without_others(monkeypatch):
    kinds = {"cpu": 0, "gpu": 1, "integrated": 2, "blas": 3}

    def found(*names):
        listed = tuple(devices.ComputeDevice(0, kinds[name], name) for name in names)
        monkeypatch.setattr(devices, "_devices", lambda: listed)
        return [device.name for device in devices.accelerators.__wrapped__()]

    assert found("blas", "cpu") == []
    assert found("integrated", "blas", "cpu") == ["integrated"]
    assert found("integrated", "gpu", "gpu", "cpu") == ["gpu", "gpu"]
