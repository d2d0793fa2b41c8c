"""The sizes that the packaged models.toml promises of its pairs are what rapid estimates."""

from __future__ import annotations

import re

import pytest

from rapid_cli.models.memory import ModelShape, estimate
from rapid_cli.models.models_file import load_models_file
from rapid_cli.retrieval.passages import drafter_budget
from tests.support.repository import REPOSITORY

PACKAGED = load_models_file(REPOSITORY / "models.toml")
ROWS, ANSWER = 17, 512
QWEN, LLAMA = 152_064, 128_256
# As their publishers say: layers, width, heads, key and value heads, head size, feed-forward width,
# vocabulary, bytes of the file.
PUBLISHED = {
    "qwen3-1.7b": (28, 2048, 16, 8, 128, 6144, QWEN - 128, 1_834_426_016),
    "qwen3-4b": (36, 2560, 32, 8, 128, 9728, QWEN - 128, 2_497_280_736),
    "qwen2.5-0.5b": (24, 896, 14, 2, 64, 4864, QWEN - 128, 675_710_816),
    "qwen2.5-7b": (28, 3584, 28, 4, 128, 18944, QWEN, 4_683_074_144),
    "qwen2.5-7b-1m": (28, 3584, 28, 4, 128, 18944, QWEN, 4_683_074_144),
    "qwen2.5-14b-1m": (48, 5120, 40, 8, 128, 13824, QWEN, 8_990_000_000),
    "llama-3.1-8b": (32, 4096, 32, 8, 128, 14336, LLAMA, 4_920_000_000),
    "llama-3.1-8b-long": (32, 4096, 32, 8, 128, 14336, LLAMA, 4_920_000_000),
    "llama-3.2-1b": (16, 2048, 32, 8, 64, 8192, LLAMA, 807_694_464),
    "llama-3.3-70b": (80, 8192, 64, 8, 128, 28672, LLAMA, 42_500_000_000),
}


def need(name, length, *, batch):
    layers, width, heads, kv_heads, head, inner, vocabulary, size = PUBLISHED[name]
    each = (kv_heads,) * layers
    shape = ModelShape(
        *("any", layers, heads, each, head, head, width, inner, vocabulary, 0, length, size)
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
