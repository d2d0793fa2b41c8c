"""Small GGUF files that differ from a sound one in a single thing."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

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


def _text(content: bytes) -> bytes:
    return struct.pack("<Q", len(content)) + content
