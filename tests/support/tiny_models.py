"""Small GGUF files that differ from a sound one in a single thing."""

from __future__ import annotations

import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np

from rapid_cli.bench import synthetic

TINY = synthetic.SHAPES["tiny"]


def write_tiny(path: Path, *, vocabulary: int = 512, context: int = 4096) -> Path:
    """Write a sound model of two layers without a chat template."""
    synthetic.write(replace(TINY, vocabulary=vocabulary, context=context), "Q8_0", path)
    return path


def write_changed(path: Path, source: Path, old: bytes, new: bytes) -> Path:
    """Write `source` with some bytes in the place of as many others."""
    content = source.read_bytes()
    assert len(old) == len(new)
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def write_with_template(path: Path, source: Path, template: str, name: str = "") -> Path:
    """Write `source` with a chat template, or one under a name."""
    key = _text(f"tokenizer.chat_template{name and '.'}{name}".encode()) + struct.pack("<I", 8)
    said = template.encode()
    # What is added keeps the tensors in line, which begin at multiples of 32 bytes.
    said += b" " * (-(len(key) + 8 + len(said)) % 32)
    content = source.read_bytes()
    (count,) = struct.unpack_from("<Q", content, 16)
    path.write_bytes(content[:16] + struct.pack("<Q", count + 1) + key + _text(said) + content[24:])
    return path


def write_hole(path: Path, source: Path) -> Path:
    """Write the header of `source`, and a hole of the disk where its weights are."""
    size, weights = source.stat().st_size, synthetic._data_bytes(TINY, "Q8_0")
    path.write_bytes(source.read_bytes()[: size - weights])
    with path.open("ab") as file:
        file.truncate(size)
    return path


def write_large_hole(path: Path, shape: str) -> Path:
    """Write the header of a model of gigabytes, and a hole where its weights would be."""
    wanted = synthetic.SHAPES[shape]
    synthetic._write_header(wanted, "Q4_0", path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.truncate(size + -size % 32 + synthetic._data_bytes(wanted, "Q4_0") + 32 * 400)
    return path


def write_mamba(path: Path) -> Path:
    """Write a recurrent model of one layer."""
    width, inner, state, kernel, rank, words = 32, 64, 16, 4, 2, 64
    with closing(gguf.GGUFWriter(path, "mamba")) as writer:
        writer.add_context_length(64)
        writer.add_embedding_length(width)
        writer.add_feed_forward_length(0)
        writer.add_head_count(0)
        writer.add_block_count(1)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_ssm_conv_kernel(kernel)
        writer.add_ssm_inner_size(inner)
        writer.add_ssm_state_size(state)
        writer.add_ssm_time_step_rank(rank)
        synthetic._add_vocabulary(writer, words + 260)
        sizes = {
            "token_embd.weight": (words + 260, width),
            "output_norm.weight": (width,),
            "blk.0.attn_norm.weight": (width,),
            "blk.0.ssm_in.weight": (2 * inner, width),
            "blk.0.ssm_conv1d.weight": (inner, kernel),
            "blk.0.ssm_conv1d.bias": (inner,),
            "blk.0.ssm_x.weight": (rank + 2 * state, inner),
            "blk.0.ssm_dt.weight": (inner, rank),
            "blk.0.ssm_dt.bias": (inner,),
            "blk.0.ssm_a": (inner, state),
            "blk.0.ssm_d": (inner,),
            "blk.0.ssm_out.weight": (width, inner),
        }
        for name, size in sizes.items():
            writer.add_tensor(name, np.zeros(size, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    return path


def _text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content
