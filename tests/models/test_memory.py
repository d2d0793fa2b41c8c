"""Memory: what is estimated from a file's header against what llama.cpp allocates."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest

from rapid_cli.llama import LlamaContext, Weights, free_memory, open_context, read_shape
from rapid_cli.models.memory import (
    GIB,
    MARGIN,
    SHORTEST,
    MemoryNeed,
    ModelShape,
    advice,
    estimate,
    fits,
    longest,
)
from rapid_cli.models.recurrence import CHECKPOINTS, snapshots_of
from rapid_cli.models.specs import ModelSpec
from tests.support.repository import REPOSITORY
from tests.support.tiny_hybrids import ARCHITECTURES, write_hybrid

MIB = 1 << 20
ROWS = 8
LLAMA_8B = ModelShape(
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
    tensor_bytes=int(4.6 * GIB),
)
GPU = {"rows": 16, "batch": 2048, "offloaded": True}


class Allocations(logging.Handler):
    """The bytes of the buffers that llama.cpp logs, by what they are for."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def bytes_of(self, kind):
        # What is repacked for the CPU is a copy of mapped weights, which need not stay in memory.
        lines = [line for line in self.lines if "REPACK" not in line]
        found = re.findall(rf"{kind} buffer size += +([\d.]+) MiB", "\n".join(lines))
        assert found, f"llama.cpp logs no {kind} buffer"
        return sum(map(float, found)) * MIB


@contextmanager
def allocations():
    logger = logging.getLogger("rapid_cli.llama")
    handler, level = Allocations(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def loaded(path):
    spec = ModelSpec("a", path=str(path), threads=1, gpu_layers=0)
    with allocations() as seen, Weights(path, spec) as weights:
        yield weights, read_shape(path), seen.bytes_of("model")


@pytest.fixture(scope="module")
def starter(starter_path):
    yield from loaded(starter_path)


@pytest.fixture(scope="module")
def gemma(gemma_path):
    yield from loaded(gemma_path)


@pytest.mark.models
@pytest.mark.parametrize("k_type", ["f16", "q8_0"])
@pytest.mark.parametrize("flash_attention", [False, True])
@pytest.mark.parametrize(
    ("model", "length"),
    [("starter", 2048), ("starter", 6144), ("starter", 8192), ("gemma", 2048), ("gemma", 6144)],
)
def test_estimates_are_what_llama_cpp_allocates(request, model, length, flash_attention, k_type):
    weights, shape, model_bytes = request.getfixturevalue(model)
    weights.spec = replace(weights.spec, flash_attention=flash_attention, k_type=k_type)
    with allocations() as seen, LlamaContext(weights, length=length, rows=ROWS):
        pass
    # Logits are given out for one row until more are asked for, of which the log tells nothing.
    compute = seen.bytes_of("compute") + ROWS * seen.bytes_of("output")
    need = estimate(
        shape,
        length=length,
        rows=ROWS,
        batch=512,
        k_type=k_type,
        flash_attention=flash_attention,
        offloaded=True,  # the log leaves out the work memory of a CPU
    )
    assert need.weights_bytes == pytest.approx(model_bytes, rel=0.01)
    assert need.cache_bytes == pytest.approx(seen.bytes_of("KV"), rel=0.001)
    assert need.compute_bytes == pytest.approx(compute, rel=0.15)
    allocated = model_bytes + seen.bytes_of("KV") + compute
    assert need.total_bytes == pytest.approx(allocated, rel=0.05)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_recurrent_states_are_what_llama_cpp_allocates(architecture, tmp_path):
    path = write_hybrid(tmp_path / "tiny.gguf", architecture)
    spec = ModelSpec("tiny", path=str(path), threads=1, gpu_layers=0)
    shape = read_shape(path)
    with Weights(path, spec) as weights, allocations() as seen:
        open_context(weights, length=2048, rows=ROWS).close()
    states = (1 + snapshots_of(architecture)) * shape.state_bytes
    assert states == pytest.approx(seen.bytes_of("RS"), rel=0.02, abs=0.006 * MIB)
    need = estimate(shape, length=2048, rows=ROWS, batch=512, offloaded=True)
    attention = 0 if architecture == "mamba2" else seen.bytes_of("KV")
    assert need.cache_bytes - states == pytest.approx(attention, rel=0.001)
    # Copies of the states lie in the computer's own memory.
    on_cpu = estimate(shape, length=2048, rows=ROWS, batch=512, offloaded=False)
    assert on_cpu.cache_bytes - need.cache_bytes == CHECKPOINTS * shape.state_bytes


@pytest.mark.models
def test_many_rows_of_logits_are_what_llama_cpp_allocates(gemma):
    weights, shape, _ = gemma
    weights.spec = replace(weights.spec, flash_attention=True, k_type="f16")
    with allocations() as seen, LlamaContext(weights, length=512, rows=64):
        pass
    compute = seen.bytes_of("compute") + 64 * seen.bytes_of("output")
    need = estimate(shape, length=512, rows=64, batch=512, flash_attention=True, offloaded=True)
    assert need.compute_bytes == pytest.approx(compute, rel=0.15)
    assert compute > 128 * MIB  # 64 rows of a vocabulary of 262,144, computed and given out


MEASURED = """
import sys
from pathlib import Path
import psutil
from rapid_cli.models.specs import ModelSpec
from rapid_cli.llama import LlamaContext, Weights, native, read_shape

path, length, k_type = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
repack = sys.argv[4] == "True"
spec = ModelSpec("a", flash_attention=False, k_type=k_type, gpu_layers=0, repack=repack)
native.start()
read_shape(path)
process = psutil.Process()
before = process.memory_info().rss
with Weights(path, spec) as weights, LlamaContext(weights, length=length, rows=8) as context:
    tokens = [300 + number * 7919 % 30000 for number in range(length)]
    list(context.read(tokens[:-8]))
    context.extend(tokens[-8:], rows=8)
    print(process.memory_info().rss - before)
"""


@pytest.mark.models
@pytest.mark.parametrize(
    "length",
    [512, *(pytest.param(each, marks=pytest.mark.long) for each in (1024, 2048, 4096))],
)
@pytest.mark.parametrize(("model", "k_type"), [("starter_path", "q8_0"), ("gemma_path", "f16")])
def test_estimates_are_what_a_process_grows_by(request, model, k_type, length, repack):
    path = request.getfixturevalue(model)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path), str(length), k_type, str(repack)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    need = estimate(
        read_shape(path),
        length=length,
        rows=ROWS,
        batch=512,
        k_type=k_type,
        flash_attention=False,
    )
    assert need.total_bytes == pytest.approx(int(done.stdout), rel=0.15)


def test_a_token_of_an_8b_llama_takes_128_kib():
    need = estimate(LLAMA_8B, length=32768, rows=16, batch=512)
    assert need.cache_bytes == 32768 * 128 * 1024 == 4 * GIB


def test_tokens_and_merges_take_memory_of_the_computer_and_none_of_a_gpu():
    def weights(shape, *, offloaded):
        return estimate(shape, length=512, rows=1, batch=512, offloaded=offloaded).weights_bytes

    assert weights(LLAMA_8B, offloaded=True) == LLAMA_8B.tensor_bytes
    words = weights(LLAMA_8B, offloaded=False) - LLAMA_8B.tensor_bytes
    assert 15 * MIB < words < 30 * MIB
    merging = replace(LLAMA_8B, merges=LLAMA_8B.vocabulary)
    assert weights(merging, offloaded=False) == LLAMA_8B.tensor_bytes + 2 * words


@pytest.mark.parametrize(
    ("k_type", "v_type", "kib"),
    [
        ("f32", "f32", 256),
        ("bf16", "f16", 128),
        ("q8_0", "q8_0", 68),
        ("q5_1", "f16", 88),
        ("q5_0", "f16", 86),
        ("q4_1", "f16", 84),
        ("q4_0", "q4_0", 36),
    ],
)
def test_quantized_caches_take_their_bits_and_their_scales(k_type, v_type, kib):
    need = estimate(LLAMA_8B, length=1024, rows=1, batch=512, k_type=k_type, v_type=v_type)
    assert need.cache_bytes == 1024 * kib * 1024


def test_only_layers_with_heads_of_their_own_have_a_cache():
    whole = estimate(LLAMA_8B, length=1024, rows=1, batch=512)
    shape = replace(LLAMA_8B, kv_heads=(8,) * 8 + (4,) * 8 + (0,) * 16)
    assert estimate(shape, length=1024, rows=1, batch=512).cache_bytes * 8 == whole.cache_bytes * 3


def test_a_context_is_rounded_up_as_llama_cpp_does():
    def need(length):
        return estimate(LLAMA_8B, length=length, rows=1, batch=512)

    assert need(257) == need(512)
    assert need(513).cache_bytes == need(256).cache_bytes * 3


def test_scores_are_written_down_without_flash_attention_only():
    def compute(flash_attention, length, batch=512):
        return estimate(
            LLAMA_8B,
            length=length,
            rows=1,
            batch=batch,
            flash_attention=flash_attention,
            offloaded=True,
        ).compute_bytes

    # 32 heads and a mask in float32, against a mask in float16.
    assert compute(False, 65536) - compute(False, 32768) == 32768 * 512 * 33 * 4
    assert compute(True, 65536) - compute(True, 32768) == 32768 * 512 * 2
    assert compute(None, 32768) == compute(True, 32768)
    assert compute(True, 32768, batch=2048) > 3 * compute(True, 32768)
    assert compute(True, 256, batch=2048) == compute(True, 256, batch=256)


def test_a_cpu_rounds_the_scores_to_half_precision_in_memory_of_its_own():
    def need(offloaded):
        sizes = {"length": 8192, "rows": 1, "batch": 512, "flash_attention": False}
        return estimate(LLAMA_8B, **sizes, offloaded=offloaded)

    assert need(False).compute_bytes - need(True).compute_bytes == 32 * 8192 * 512 * 2


def test_needs_add_up_and_weights_are_shared():
    one, two = MemoryNeed(100, 20, 3), MemoryNeed(1000, 200, 30)
    assert (one + two).total_bytes == 1353
    assert (one + two.without_weights()).total_bytes == 353


def test_what_fits_leaves_a_margin():
    assert fits(MemoryNeed(1000, 0, 0), int(1000 * (1 + MARGIN)) + 1)
    assert not fits(MemoryNeed(1000, 0, 0), int(1000 * (1 + MARGIN)) - 1)


def need_of(length, k_type, v_type, shape=LLAMA_8B, flash_attention=True):
    return estimate(
        shape,
        length=length,
        k_type=k_type,
        v_type=v_type,
        flash_attention=flash_attention,
        **GPU,
    )


@pytest.mark.parametrize("free_gib", [7, 9, 12, 20])
def test_the_longest_context_is_the_last_that_fits(free_gib):
    free = free_gib * GIB
    found = longest(need_of, free, 131072)
    assert found % 256 == 0
    assert fits(need_of(found, "f16", "f16"), free)
    assert found < 131072
    assert not fits(need_of(found + 256, "f16", "f16"), free)


def test_a_context_is_no_longer_than_asked_for_and_not_too_short_to_use():
    assert longest(need_of, 1000 * GIB, 10_000) == 9984
    assert longest(need_of, 5 * GIB, 131072) == 0
    assert longest(need_of, 1000 * GIB, SHORTEST - 1) == 0


ask = partial(advice, "llama-8b", need_of, length=32768, flash_attention=True, memory="GPU memory")


def test_nothing_is_said_of_what_fits():
    assert ask(free_bytes=24 * GIB) is None


def test_a_smaller_cache_is_the_first_advice_and_a_shorter_context_the_second():
    said = ask(free_bytes=9 * GIB)
    assert said.message == (
        "llama-8b with a context of 32768 tokens needs 10.1 GiB of GPU memory "
        "(weights 4.6, cache 4.0, computing 0.6, 10% spare), and 9.0 GiB are free"
    )
    assert said.hint == (
        'set k_type = "q8_0" and v_type = "q8_0" in models.toml: that needs 8.0 GiB; '
        f"or use --context-length {longest(need_of, 9 * GIB, 32768)}"
    )


def test_values_are_quantized_only_where_flash_attention_is_sure():
    for unsure in (False, None):
        slow = partial(need_of, flash_attention=unsure)
        need = slow(32768, "f16", "f16").total_bytes * (1 + MARGIN)
        said = advice(
            "a", slow, length=32768, flash_attention=unsure, free_bytes=int(need - GIB / 2)
        )
        assert said.hint.startswith('set k_type = "q8_0" in models.toml: that needs ')
        assert "v_type" not in said.hint


def test_where_both_are_needed_both_are_named():
    said = ask(free_bytes=7 * GIB)
    shorter = longest(need_of, 7 * GIB, 32768)
    longer = longest(need_of, 7 * GIB, 32768, "q8_0", "q8_0")
    assert SHORTEST <= shorter < longer < 32768
    assert said.hint == (
        f"use --context-length {shorter}; or use --context-length {longer} "
        'and set k_type = "q8_0" and v_type = "q8_0" in models.toml'
    )


def test_a_smaller_model_is_the_last_advice():
    said = ask(free_bytes=4 * GIB)
    assert "4.0 GiB are free" in said.message
    room = re.fullmatch(
        r"use a smaller model: one of (\d\.\d) GiB would fit with 2048 .*", said.hint
    )
    smaller = replace(LLAMA_8B, tensor_bytes=int((float(room[1]) - 0.05) * GIB))
    assert fits(need_of(2048, "q8_0", "q8_0", shape=smaller), 4 * GIB)
    assert ask(free_bytes=GIB // 10).hint == "free memory, or use a smaller model"


def test_small_types_are_not_advised_to_those_who_have_them():
    said = ask(free_bytes=7 * GIB, k_type="q4_0", v_type="q8_0")
    assert "q8_0" not in said.hint
    assert said.hint.startswith("use --context-length")


def test_free_memory_is_a_part_of_what_the_machine_has():
    import psutil

    free = free_memory(offloaded=False)
    assert 0 < free <= psutil.virtual_memory().total
    assert free_memory(offloaded=True) > 0
