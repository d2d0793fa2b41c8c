"""The sizes that the packaged models.toml promises of its pairs are what rapid estimates."""

from __future__ import annotations

import re

import pytest

from rapid_cli.models.memory import ModelShape, estimate
from rapid_cli.models.models_file import load_models_file
from rapid_cli.retrieval.passages import drafter_budget
from tests.support.repository import REPOSITORY

PACKAGED = load_models_file(REPOSITORY / "models.toml")
ROWS, ANSWER, FLOAT = 17, 512, 4
QWEN, QWEN35, LLAMA, MISTRAL, GRANITE = 152_064, 248_320, 128_256, 131_072, 100_352
# As their publishers say: layers, width, heads, key and value heads, head size, feed-forward width
# (of all experts that a token visits), vocabulary, bytes of the file.
PUBLISHED = {
    "qwen3-1.7b": (28, 2048, 16, 8, 128, 6144, QWEN - 128, 1_834_426_016),
    "qwen3-4b": (36, 2560, 32, 8, 128, 9728, QWEN - 128, 2_497_280_736),
    "qwen3.5-0.8b": (24, 1024, 8, 2, 256, 3584, QWEN35, 833_592_096),
    "qwen3.5-4b": (32, 2560, 16, 4, 256, 9216, QWEN35, 2_740_937_888),
    "qwen3.5-9b": (32, 4096, 16, 4, 256, 12288, QWEN35, 5_680_522_464),
    "qwen3.6-27b": (64, 5120, 24, 4, 256, 17408, QWEN35, 16_817_244_384),
    "qwen3.6-35b-a3b": (40, 2048, 16, 2, 256, 8 * 512, QWEN35, 22_134_528_992),
    "granite-4.0-h-tiny": (40, 1536, 12, 4, 128, 6 * 512, GRANITE, 4_230_976_352),
    "ministral-3-3b": (26, 3072, 32, 8, 128, 9216, MISTRAL, 2_147_023_008),
    "ministral-3-14b": (40, 5120, 32, 8, 128, 16384, MISTRAL, 8_239_593_024),
    "qwen2.5-7b-1m": (28, 3584, 28, 4, 128, 18944, QWEN, 4_683_074_144),
    "llama-3.1-8b-long": (32, 4096, 32, 8, 128, 14336, LLAMA, 4_920_000_000),
    "llama-3.3-70b": (80, 8192, 64, 8, 128, 28672, LLAMA, 42_500_000_000),
}
PUBLISHED |= {f"{name}-256k": PUBLISHED[name] for name in ("qwen3.5-9b", "qwen3.6-27b")}


def delta_net(key_heads, value_heads, head=128, kernel=4):
    """Return the numbers that a layer of Qwen3.5 keeps: of its convolution, and its matrix."""
    keys, values = key_heads * head, value_heads * head
    return (kernel - 1) * (values + 2 * keys) + head * values


def mamba2(inner, state, kernel=4):
    """Return the numbers that a layer of Mamba 2 keeps, likewise."""
    return (kernel - 1) * (inner + 2 * state) + state * inner


# Hybrids: llama.cpp's name of the architecture, how many layers have keys and values, and what each
# of the others keeps in their place.
HYBRIDS = {
    "qwen3.5-0.8b": ("qwen35", 6, delta_net(16, 16)),
    "qwen3.5-4b": ("qwen35", 8, delta_net(16, 32)),
    "qwen3.5-9b": ("qwen35", 8, delta_net(16, 32)),
    "qwen3.6-27b": ("qwen35", 16, delta_net(16, 48)),
    "qwen3.6-35b-a3b": ("qwen35moe", 10, delta_net(16, 32)),
    "granite-4.0-h-tiny": ("granitehybrid", 4, mamba2(3072, 128)),
}
HYBRIDS |= {f"{name}-256k": HYBRIDS[name] for name in ("qwen3.5-9b", "qwen3.6-27b")}


def need(name, length, *, batch):
    layers, width, heads, kv_heads, head, inner, vocabulary, size = PUBLISHED[name]
    architecture, attention, kept = HYBRIDS.get(name, ("any", layers, 0))
    recurrent = layers - attention
    each = (kv_heads,) * attention + (0,) * recurrent
    shape = ModelShape(
        *(architecture, layers, heads, each, head, head, width, inner, vocabulary, 0, length, size),
        state_bytes=FLOAT * kept * recurrent,
    )
    spec = PACKAGED.model(name)
    types = {"k_type": spec.k_type, "v_type": spec.v_type}
    return estimate(shape, length=length, rows=ROWS, batch=batch, offloaded=batch > 512, **types)


@pytest.mark.parametrize("name", sorted(set(PACKAGED.pairs) - {"starter"}))
def test_the_note_of_a_pair_says_what_both_models_take(name):
    pair = PACKAGED.pair(name)
    batch = 2048 if "GPU" in pair.note else 512
    length = PACKAGED.model(pair.target).context_length
    target = need(pair.target, length, batch=batch)
    drafter_name = pair.target if pair.drafter == "target" else pair.drafter
    drafter = need(drafter_name, drafter_budget(length) + ANSWER, batch=batch)
    if pair.drafter == "target":
        drafter = drafter.without_weights()
    both = target + drafter
    files = sum(PUBLISHED[each][-1] for each in {pair.target, drafter_name})
    weights, total = map(float, re.findall(r"([\d.]+) GB of weights, ([\d.]+) GB", pair.note)[0])
    assert weights == pytest.approx(files / 1e9, abs=0.06)
    assert total == pytest.approx(both.total_bytes / 1e9, abs=0.06)
    smallest = min(float(size) for size in re.findall(r"(\d+) GB(?! of w| in)", pair.note))
    assert total < 0.93 * smallest, "it must fit with room for others"
