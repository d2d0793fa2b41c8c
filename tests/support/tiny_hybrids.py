"""Small GGUF files of hybrid and recurrent architectures, whose weights are random.

The names and sizes of keys and tensors are those that llama.cpp asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from math import prod
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from rapid_cli.bench import synthetic

WIDTH, FEED_FORWARD, VOCABULARY, CONTEXT = 64, 128, 512, 4096
HEADS, KV_HEADS, HEAD = 2, 1, 32
RANK, STATE, KERNEL = 4, 16, 4
EXPERTS, EXPERT_WIDTH = 4, 32
DELTA_STATE, DELTA_GROUPS = 32, 2
INNER = RANK * DELTA_STATE
"""The width of what is recurrent, 128, in every architecture here."""

Sizes = Mapping[str, tuple[int, ...]]
"""Tensors of one layer by name, with sizes as numpy orders them: rows first."""
Keys = Mapping[str, int | float | Sequence[int]]


@dataclass(frozen=True, slots=True)
class _Design:
    """An architecture: its layers, and the keys that others do not have."""

    layers: Sequence[Sizes]
    keys: Keys
    last_norm: str = "output_norm.weight"


def write_hybrid(path: Path, architecture: str, *, seed: int = 0) -> Path:
    """Write a model of `architecture`, one of ARCHITECTURES."""
    design = _DESIGNS[architecture]()
    rng = np.random.default_rng(seed)
    with closing(gguf.GGUFWriter(path, architecture)) as writer:
        for key, value in (_common(len(design.layers)) | dict(design.keys)).items():
            _add(writer, f"{architecture}.{key}", value)
        synthetic._add_vocabulary(writer, VOCABULARY)
        for name, size in _tensors(design).items():
            writer.add_tensor(name, _weights(name, size, rng))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return path


def _add(writer: gguf.GGUFWriter, key: str, value: float | Sequence[int]) -> None:
    if isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_array(key, value)


def _tensors(design: _Design) -> dict[str, tuple[int, ...]]:
    of_layers = {
        f"blk.{number}.{name}": size
        for number, layer in enumerate(design.layers)
        for name, size in layer.items()
    }
    outside = {
        "token_embd.weight": (VOCABULARY, WIDTH),
        "output.weight": (VOCABULARY, WIDTH),
        design.last_norm: (WIDTH,),
    }
    return outside | of_layers


def _weights(name: str, size: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return weights with which every layer says something and nothing grows without bound."""
    if name.endswith("ssm_a"):  # how fast states fade: some slowly, some at once
        return -np.linspace(0.05, 0.8, prod(size), dtype=np.float32).reshape(size)
    if "norm" in name or name.endswith("ssm_d"):
        return np.ones(size, np.float32)
    if name.endswith("bias"):
        return np.full(size, -0.5 if "ssm_dt" in name else 0.0, np.float32)
    scale = 1.0 if name.startswith("token_embd") else size[-1] ** -0.5
    return (scale * rng.standard_normal(size)).astype(np.float32)


def _common(layers: int) -> dict[str, int | float | Sequence[int]]:
    return {
        "block_count": layers,
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "feed_forward_length": FEED_FORWARD,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KV_HEADS,
        "attention.key_length": HEAD,
        "attention.value_length": HEAD,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 10000.0,
        "rope.dimension_count": HEAD,
    }


def _norms(*names: str) -> Sizes:
    return {f"{name}.weight": (WIDTH,) for name in names}


def _attention(*, is_gated: bool = False, has_norms: bool = False) -> dict[str, tuple[int, ...]]:
    queries = HEADS * HEAD
    tensors: dict[str, tuple[int, ...]] = {
        "attn_q.weight": (queries * (2 if is_gated else 1), WIDTH),
        "attn_k.weight": (KV_HEADS * HEAD, WIDTH),
        "attn_v.weight": (KV_HEADS * HEAD, WIDTH),
        "attn_output.weight": (WIDTH, queries),
    }
    if has_norms:
        tensors |= {"attn_q_norm.weight": (HEAD,), "attn_k_norm.weight": (HEAD,)}
    return tensors


def _feed_forward() -> Sizes:
    up = (FEED_FORWARD, WIDTH)
    return {"ffn_gate.weight": up, "ffn_up.weight": up, "ffn_down.weight": (WIDTH, FEED_FORWARD)}


def _experts(*, has_shared: bool) -> Sizes:
    up, down = (EXPERT_WIDTH, WIDTH), (WIDTH, EXPERT_WIDTH)
    tensors: dict[str, tuple[int, ...]] = {
        "ffn_gate_inp.weight": (EXPERTS, WIDTH),
        "ffn_gate_exps.weight": (EXPERTS, *up),
        "ffn_up_exps.weight": (EXPERTS, *up),
        "ffn_down_exps.weight": (EXPERTS, *down),
    }
    if has_shared:
        return tensors | {
            "ffn_gate_inp_shexp.weight": (WIDTH,),
            "ffn_gate_shexp.weight": up,
            "ffn_up_shexp.weight": up,
            "ffn_down_shexp.weight": down,
        }
    return tensors | {"exp_probs_b.bias": (EXPERTS,)}


def _delta(*, is_fused: bool) -> Sizes:
    """Return a gated delta net; `is_fused` if alpha and beta are one tensor."""
    mixed = 2 * DELTA_GROUPS * DELTA_STATE + INNER
    tensors: dict[str, tuple[int, ...]] = {
        "attn_qkv.weight": (mixed, WIDTH),
        "attn_gate.weight": (INNER, WIDTH),
        "ssm_conv1d.weight": (mixed, KERNEL),
        "ssm_dt.bias": (RANK,),
        "ssm_a": (RANK,),
        "ssm_norm.weight": (DELTA_STATE,),
        "ssm_out.weight": (WIDTH, INNER),
    }
    if is_fused:
        return tensors | {"ssm_ba.weight": (2 * RANK, WIDTH)}
    return tensors | {"ssm_alpha.weight": (RANK, WIDTH), "ssm_beta.weight": (RANK, WIDTH)}


def _mamba() -> Sizes:
    return {
        "ssm_in.weight": (2 * INNER, WIDTH),
        "ssm_conv1d.weight": (INNER, KERNEL),
        "ssm_conv1d.bias": (INNER,),
        "ssm_x.weight": (RANK + 2 * STATE, INNER),
        "ssm_dt.weight": (INNER, RANK),
        "ssm_dt.bias": (INNER,),
        "ssm_a": (INNER, STATE),
        "ssm_d": (INNER,),
        "ssm_out.weight": (WIDTH, INNER),
    }


def _mamba2() -> Sizes:
    mixed = INNER + 2 * STATE
    return {
        "ssm_in.weight": (INNER + mixed + RANK, WIDTH),
        "ssm_conv1d.weight": (mixed, KERNEL),
        "ssm_conv1d.bias": (mixed,),
        "ssm_dt.bias": (RANK,),
        "ssm_a": (RANK, 1),
        "ssm_d": (RANK, 1),
        "ssm_norm.weight": (1, INNER),
        "ssm_out.weight": (WIDTH, INNER),
    }


def _short_convolution() -> Sizes:
    return {
        "shortconv.conv.weight": (WIDTH, 3),
        "shortconv.in_proj.weight": (3 * WIDTH, WIDTH),
        "shortconv.out_proj.weight": (WIDTH, WIDTH),
    }


_SSM: Keys = {
    "ssm.conv_kernel": KERNEL,
    "ssm.state_size": STATE,
    "ssm.group_count": 1,
    "ssm.time_step_rank": RANK,
    "ssm.inner_size": INNER,
}
_DELTA: Keys = {**_SSM, "ssm.state_size": DELTA_STATE, "ssm.group_count": DELTA_GROUPS}
# All experts are used: were two of them rated the same, batches of other sizes would choose others.
_MOE: Keys = {
    "expert_count": EXPERTS,
    "expert_used_count": EXPERTS,
    "expert_feed_forward_length": EXPERT_WIDTH,
}


def _every_fourth(feed_forward: Sizes, *, is_fused: bool = False) -> list[Sizes]:
    """Return layers as Qwen's: three delta nets, then attention."""
    attention = _attention(is_gated=True, has_norms=True)
    kinds = [_delta(is_fused=is_fused)] * 3 + [attention]
    norms = _norms("attn_norm", "post_attention_norm")
    return [{**norms, **kind, **feed_forward} for kind in kinds]


def _qwen35() -> _Design:
    keys = {"full_attention_interval": 4, "rope.dimension_sections": [4, 6, 6, 0]}
    return _Design(_every_fourth(_feed_forward()), {**_DELTA, **keys})


def _qwen35moe() -> _Design:
    experts, plain = _experts(has_shared=True), _qwen35()
    keys = {**plain.keys, **_MOE, "expert_shared_feed_forward_length": EXPERT_WIDTH}
    return _Design(_every_fourth(experts), keys)


def _qwen3next() -> _Design:
    keys = {**_DELTA, **_MOE, "expert_shared_feed_forward_length": EXPERT_WIDTH}
    return _Design(_every_fourth(_experts(has_shared=True), is_fused=True), keys)


def _kv(layers: Sequence[Sizes]) -> Keys:
    """Return which layers have keys and values."""
    return {"attention.head_count_kv": [KV_HEADS * ("attn_k.weight" in each) for each in layers]}


def _lfm2() -> _Design:
    kinds = [_short_convolution(), _attention(has_norms=True)] * 2
    layers = [{**_norms("attn_norm", "ffn_norm"), **kind, **_feed_forward()} for kind in kinds]
    return _Design(layers, {"shortconv.l_cache": 3, **_kv(layers)}, "token_embd_norm.weight")


def _lfm2moe() -> _Design:
    """Return as many layers as LFM2-8B-A1B has: with 16 snapshots they are too many nodes."""
    attends = {2, 6, 10, 14, 18, 21}
    layers: list[Sizes] = []
    for number in range(24):
        kind = _attention(has_norms=True) if number in attends else _short_convolution()
        experts = _feed_forward() if number < 2 else _experts(has_shared=False)
        layers.append({**_norms("attn_norm", "ffn_norm"), **kind, **experts})
    keys = {"leading_dense_block_count": 2, "expert_gating_func": 2, "shortconv.l_cache": 3}
    return _Design(layers, {**keys, **_MOE, **_kv(layers)}, "token_embd_norm.weight")


def _falcon_h1() -> _Design:
    """Attention and recurrence side by side in every layer."""
    both = {**_attention(), **_mamba2()}
    norms: Sizes = {**_norms("attn_norm"), "ffn_norm": (WIDTH,)}
    return _Design([{**norms, **both, **_feed_forward()}] * 3, _SSM)


def _granite() -> _Design:
    kinds = [_mamba2(), _attention()] * 2
    layers = [{**_norms("attn_norm", "ffn_norm"), **kind, **_feed_forward()} for kind in kinds]
    return _Design(layers, {**_SSM, **_kv(layers)})


def _nemotron() -> _Design:
    """Each layer is one thing: recurrence, attention or feed-forward."""
    forward: Sizes = {
        "ffn_up.weight": (FEED_FORWARD, WIDTH),
        "ffn_down.weight": (WIDTH, FEED_FORWARD),
    }
    layers = [{**_norms("attn_norm"), **kind} for kind in [_mamba2(), _attention(), forward] * 2]
    widths = [FEED_FORWARD * ("ffn_up.weight" in each) for each in layers]
    keys = {"feed_forward_length": widths, "attention.layer_norm_epsilon": 1e-6}
    return _Design(layers, {**_SSM, **keys, **_kv(layers)})


def _jamba() -> _Design:
    inner_norms: Sizes = {
        "ssm_dt_norm.weight": (RANK,),
        "ssm_b_norm.weight": (STATE,),
        "ssm_c_norm.weight": (STATE,),
    }
    kinds: list[Sizes] = [{**_mamba(), **inner_norms}, _attention()] * 2
    layers = [{**_norms("attn_norm", "ffn_norm"), **kind, **_feed_forward()} for kind in kinds]
    return _Design(layers, {**_SSM, **_kv(layers)})


def _only_mamba2() -> _Design:
    layers = [{**_norms("attn_norm"), **_mamba2()}] * 3
    return _Design(layers, {**_SSM, "feed_forward_length": 0, "attention.head_count": 0})


_DESIGNS: Mapping[str, Callable[[], _Design]] = {
    "qwen35": _qwen35,
    "qwen35moe": _qwen35moe,
    "qwen3next": _qwen3next,
    "lfm2": _lfm2,
    "lfm2moe": _lfm2moe,
    "falcon-h1": _falcon_h1,
    "granitehybrid": _granite,
    "nemotron_h": _nemotron,
    "jamba": _jamba,
    "mamba2": _only_mamba2,
}
ARCHITECTURES = tuple(_DESIGNS)
