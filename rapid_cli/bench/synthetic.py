"""Model files of published shapes with random weights, to time decoding: the only owner of gguf."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rapid_cli.config import suggestion
from rapid_cli.errors import ConfigError

if TYPE_CHECKING:
    from gguf import GGUFWriter

WriteProgress = Callable[[int, int], None]
"""Told the bytes of weights written and to write."""
_Bytes = NDArray[np.uint8]
_Sizes = tuple[int, ...]  # as numpy orders them: the weights of one row are neighbours

_GROUP = 32  # weights that share a scale in the quantized formats
_GROUP_BYTES = {"F16": 64, "Q8_0": 34, "Q4_0": 18}
FORMATS = tuple(_GROUP_BYTES)
"""How the matrices of a file can be written."""

_DRAWN = (512, 512 * _GROUP)  # rows this long are what gguf quantizes fastest
_DEVIATION, _NORM_EPSILON, _ALIGNMENT = 0.02, 1e-5, 32
# The last norm spreads the logits as training does (deviation about 5 for an 8B shape): what
# sampling costs depends on how many tokens have any probability.
_PEAKEDNESS = 4
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # GGUF's token types
# What the header takes, about: a token is a length of 8 bytes, a text of 7 and a type of 4.
_TOKEN_BYTES, _TENSOR_BYTES, _KEYS_BYTES = 19, 62, 520


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model, as its publisher gives them; `context` is in tokens."""

    name: str
    architecture: Literal["llama", "qwen2"]
    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    rope_base: float
    context: int
    tied_embeddings: bool


_LLAMA = (128256, 500000.0, 131072)
_QWEN, _LARGE_QWEN = (151936, 1e6, 32768), (152064, 1e6, 131072)
SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("llama-3.1-8b", "llama", 32, 4096, 14336, 32, 8, 128, *_LLAMA, False),
        Shape("llama-3.2-3b", "llama", 28, 3072, 8192, 24, 8, 128, *_LLAMA, True),
        Shape("llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, *_LLAMA, True),
        Shape("qwen2.5-7b", "qwen2", 28, 3584, 18944, 28, 4, 128, *_LARGE_QWEN, False),
        Shape("qwen2.5-1.5b", "qwen2", 28, 1536, 8960, 12, 2, 128, *_QWEN, True),
        Shape("qwen2.5-0.5b", "qwen2", 24, 896, 4864, 14, 2, 64, *_QWEN, True),
        Shape("tiny", "llama", 2, 64, 128, 2, 1, 32, 512, 10000.0, 4096, False),
    )
}


def shape_named(name: str) -> Shape:
    """Return the shape called `name`; an unknown name is a ConfigError with a suggestion."""
    if name not in SHAPES:
        raise ConfigError(f"there is no model shape {name!r}", suggestion(name, SHAPES))
    return SHAPES[name]


def file_bytes(shape: Shape, format_name: str) -> int:
    """Return the size of the file that `write` makes, in bytes, within 2 %."""
    entries = _TENSOR_BYTES * len(list(_tensors(shape))) + _TOKEN_BYTES * shape.vocabulary
    return _KEYS_BYTES + entries + _data_bytes(shape, format_name)


def write(
    shape: Shape,
    format_name: str,
    path: Path,
    *,
    seed: int = 0,
    progress: WriteProgress | None = None,
) -> None:
    """Write a GGUF file of `shape` with random weights in one of FORMATS at `path`.

    Eight million normal weights are drawn and rounded to the format once; slices of them that
    start at random places fill every matrix. So the disk sets the speed, a few dozen megabytes of
    memory do, and files of one shape and seed hold the same weights, each in its own format. Norms
    are ones, biases zeros. Some tokens share an embedding. The tokenizer works, but has no words.

    `path` appears only when it is complete. ConfigError if `gguf` is not installed, or if the disk
    has no room for the file or refuses it.
    """
    _require_gguf()
    with _appearing_whole(path) as partial:
        _require_room(path, file_bytes(shape, format_name))
        _write_header(shape, format_name, partial)
        _append_weights(shape, format_name, partial, seed, progress)


def _require_gguf() -> None:
    if importlib.util.find_spec("gguf") is None:
        raise ConfigError("the Python package gguf is missing", 'pip install "rapid-cli[bench]"')


def _require_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        sizes = f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of the disk are free"
        raise ConfigError(f"{path} needs {sizes}", "choose another disk or a smaller format")


@contextmanager
def _appearing_whole(path: Path) -> Iterator[Path]:
    """Yield a name to write under that becomes `path` at the end, or is removed on failure."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror or error}"
        raise ConfigError(message, "choose a folder that exists and is yours") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _tensors(shape: Shape) -> Iterator[tuple[str, _Sizes]]:
    """Yield names and sizes in the order of the file."""
    yield "token_embd.weight", (shape.vocabulary, shape.embedding)
    for layer in range(shape.layers):
        for name, sizes in _layer(shape):
            yield f"blk.{layer}.{name}", sizes
    yield "output_norm.weight", (shape.embedding,)
    if not shape.tied_embeddings:
        yield "output.weight", (shape.vocabulary, shape.embedding)


def _layer(shape: Shape) -> Iterator[tuple[str, _Sizes]]:
    width, inner = shape.embedding, shape.feed_forward
    queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    for name, rows in (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)):
        yield f"{name}.weight", (rows, width)
        if shape.architecture == "qwen2":
            yield f"{name}.bias", (rows,)
    yield "attn_output.weight", (width, queries)
    yield "ffn_gate.weight", (inner, width)
    yield "ffn_up.weight", (inner, width)
    yield "ffn_down.weight", (width, inner)
    yield "attn_norm.weight", (width,)
    yield "ffn_norm.weight", (width,)


def _data_bytes(shape: Shape, format_name: str) -> int:
    return sum(_tensor_bytes(sizes, format_name) for _, sizes in _tensors(shape))


def _tensor_bytes(sizes: _Sizes, format_name: str) -> int:
    """Return the bytes of a tensor's data: norms and biases stay F32."""
    if len(sizes) == 1:
        return sizes[0] * 4
    return prod(sizes) // _GROUP * _GROUP_BYTES[format_name]


def _write_header(shape: Shape, format_name: str, path: Path) -> None:
    import gguf  # noqa: PLC0415 - an extra

    with closing(gguf.GGUFWriter(path, shape.architecture)) as writer:
        writer.add_name(f"synthetic {shape.name} {format_name}")
        writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{format_name}"])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        _add_sizes(writer, shape)
        _add_vocabulary(writer, shape.vocabulary)
        for name, sizes in _tensors(shape):
            kind = gguf.GGMLQuantizationType[format_name if len(sizes) == 2 else "F32"]
            size = _tensor_bytes(sizes, format_name)
            writer.add_tensor_info(name, sizes, np.dtype(np.float32), size, kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()


def _add_sizes(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.embedding)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_size)
    writer.add_value_length(shape.head_size)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(_NORM_EPSILON)


def _add_vocabulary(writer: GGUFWriter, size: int) -> None:
    """Add a SentencePiece tokenizer of bytes and a space; the other tokens never match a text.

    With the tokenizer "none" a file needs no list, but llama.cpp aborts when asked for a text.
    """
    known = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(known + [f"t{token:06d}" for token in range(len(known), size)])
    writer.add_token_types(kinds + [_NORMAL] * (size - len(kinds)))
    writer.add_add_space_prefix(False)


def _append_weights(
    shape: Shape, format_name: str, path: Path, seed: int, progress: WriteProgress | None
) -> None:
    rng = np.random.default_rng(seed)
    pool = _pool(format_name, rng)
    done, total = 0, _data_bytes(shape, format_name)
    with path.open("ab") as file:
        for name, sizes in _tensors(shape):
            file.write(bytes(-file.tell() % _ALIGNMENT))
            for piece in _pieces(name, sizes, pool, rng):
                file.write(piece.data)
                done += piece.nbytes
                if progress is not None:
                    progress(done, total)


def _pool(format_name: str, rng: np.random.Generator) -> _Bytes:
    """Draw normal weights in groups; shape (groups, bytes of a group in the format)."""
    from gguf import GGMLQuantizationType, quants  # noqa: PLC0415 - an extra

    drawn = rng.standard_normal(_DRAWN, dtype=np.float32) * np.float32(_DEVIATION)
    rounded = quants.quantize(drawn, GGMLQuantizationType[format_name])
    return rounded.view(np.uint8).reshape(-1, _GROUP_BYTES[format_name])


def _pieces(name: str, sizes: _Sizes, pool: _Bytes, rng: np.random.Generator) -> Iterator[_Bytes]:
    """Yield the data of a tensor: slices of the pool, a constant for a norm, zeros for a bias."""
    if len(sizes) == 1:
        value = _PEAKEDNESS if name == "output_norm.weight" else not name.endswith(".bias")
        yield np.full(sizes, value, dtype=np.float32).view(np.uint8)
        return
    left = prod(sizes) // _GROUP
    while left:
        start = rng.integers(len(pool))
        yield (piece := pool[start : start + left])
        left -= len(piece)
