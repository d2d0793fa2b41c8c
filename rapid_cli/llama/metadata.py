"""What a GGUF file says of its model, read without its weights or its vocabulary."""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
from llama_cpp._ggml import libggml

from rapid_cli.errors import ModelError
from rapid_cli.llama import kinds, native
from rapid_cli.llama.signatures import require_gguf
from rapid_cli.models.formats import WeightFormat
from rapid_cli.models.hub.parts import parts
from rapid_cli.models.memory import ModelShape

MOST_LAYERS = 512
"""llama.cpp has room for no more."""
LARGEST_SIZE = 1 << 20
"""The most of a row, of heads or of experts: a multiple of what any model has."""
LONGEST_REACH = (1 << 31) - 1
"""The most tokens that a file may say a model reads, or sees."""
MOST_TENSORS = 1 << 20
MOST_FILES = 99_999
"""More do not fit into the names of a model's files."""
_RECURRENT, _ATTENTION = ("ssm_", "shortconv.", "time_mix_"), ("attn_k.", "attn_kv_")
"""What the names of tensors of recurrent layers and of attention begin with; some layers are both.
"""
LONGEST_NAME = 64
"""Letters of an architecture's name."""
UNTRUE = "download the file again, and from somebody you trust: it says what no model is like"
_STRING, _ARRAY = 8, 9
_FLOAT_BYTES = 4
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 7: "?", 10: "Q", 11: "q"}
"""GGUF's types of whole numbers, and of yes and no, as `struct` calls them."""
_LABELS = {
    getattr(llama_cpp, name): name.split("_", 3)[3]
    for name in dir(llama_cpp)
    if name.startswith(("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_"))
}
"""What people call the kinds of files, by llama.cpp's number."""


class _Options(ctypes.Structure):
    """gguf_init_params: no room for tensors is asked for, so that only the header is read."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("tensors", ctypes.c_void_p))


_FILE, _ENTRY, _SIZE = ctypes.c_void_p, ctypes.c_int64, ctypes.c_size_t
native.declare(
    ("gguf_init_from_file", _FILE, (ctypes.c_char_p, _Options)),
    ("gguf_free", None, (_FILE,)),
    ("gguf_find_key", _ENTRY, (_FILE, ctypes.c_char_p)),
    ("gguf_get_kv_type", ctypes.c_int, (_FILE, _ENTRY)),
    ("gguf_get_arr_type", ctypes.c_int, (_FILE, _ENTRY)),
    ("gguf_get_arr_n", _SIZE, (_FILE, _ENTRY)),
    ("gguf_get_arr_data", ctypes.c_void_p, (_FILE, _ENTRY)),
    ("gguf_get_val_data", ctypes.c_void_p, (_FILE, _ENTRY)),
    ("gguf_get_val_str", ctypes.c_char_p, (_FILE, _ENTRY)),
    ("gguf_get_data_offset", _SIZE, (_FILE,)),
    ("gguf_get_n_tensors", _ENTRY, (_FILE,)),
    ("gguf_get_tensor_offset", _SIZE, (_FILE, _ENTRY)),
    ("gguf_get_tensor_size", _SIZE, (_FILE, _ENTRY)),
    ("gguf_get_tensor_name", ctypes.c_char_p, (_FILE, _ENTRY)),
    ("gguf_get_tensor_type", ctypes.c_int, (_FILE, _ENTRY)),
    ("ggml_type_name", ctypes.c_char_p, (ctypes.c_int,)),
    ("ggml_type_size", _SIZE, (ctypes.c_int,)),
    ("ggml_blck_size", _ENTRY, (ctypes.c_int,)),
)


def read_shape(path: Path) -> ModelShape:
    """Return the sizes of the model in `path`; ModelError if it is no GGUF file of a model."""
    with _opened(path) as header:
        architecture = header.architecture()
        _require_language_model(path, header)
        layers = header.number(f"{architecture}.block_count", most=MOST_LAYERS)
        embedding = header.number(f"{architecture}.embedding_length")
        vocabulary = header.count("tokenizer.ggml.tokens")
        if not (layers and embedding and vocabulary):
            raise ModelError(
                f"{path} does not describe a language model",
                "rapid runs language models in llama.cpp's format",
            )
        tensors = [*header.tensors(), *_tensors_elsewhere(path, header)]
        attention = f"{architecture}.attention"
        heads = header.number(f"{attention}.head_count")
        head_length = embedding // max(heads, 1)
        recurrent = _layers_with(tensors, _RECURRENT)
        return ModelShape(
            architecture=architecture,
            layers=layers,
            heads=heads,
            kv_heads=_kv_heads(
                header, attention, layers, heads, recurrent - _layers_with(tensors, _ATTENTION)
            ),
            key_length=header.number(f"{attention}.key_length", head_length),
            value_length=header.number(f"{attention}.value_length", head_length),
            embedding=embedding,
            feed_forward=_feed_forward(header, architecture),
            vocabulary=vocabulary,
            sliding_window=header.number(f"{attention}.sliding_window", most=LONGEST_REACH),
            context_length=header.number(f"{architecture}.context_length", most=LONGEST_REACH),
            tensor_bytes=sum(tensor.size_bytes for tensor in tensors),
            outside_bytes=sum(tensor.size_bytes for tensor in tensors if not tensor.in_layer),
            output_bytes=_output_bytes(tensors),
            weight_kinds=tuple(sorted({tensor.kind for tensor in tensors})),
            merges=header.count("tokenizer.ggml.merges"),
            state_bytes=len(recurrent) * _state_bytes(header, architecture, embedding, heads),
        )


def _require_language_model(path: Path, header: _Header) -> None:
    """Raise ModelError, which says what a file holds, if that is no model which writes."""
    architecture = header.architecture()
    contents = kinds.Contents(
        architecture=architecture,
        type=header.text("general.type"),
        causal=bool(header.number(f"{architecture}.attention.causal", 1)),
        pooling=header.number(f"{architecture}.pooling_type", most=LONGEST_REACH),
        part=header.number("split.no", most=MOST_FILES) + 1,
        parts=header.number("split.count", 1, most=MOST_FILES),
        has_vocabulary=header.count("tokenizer.ggml.tokens") > 0,
        tensors=frozenset(tensor.name for tensor in header.tensors()),
    )
    if refused := kinds.refusal(contents, path.stem):
        raise ModelError(*refused)


def require_whole(path: Path) -> int:
    """Return the bytes of all files of a model; ModelError if one was truncated."""
    total = 0
    for file, needed in read_extents(path).items():
        size = file.stat().st_size
        if size < needed:
            message = f"{file} is truncated: it has {size:,} of {needed:,} bytes"
            raise ModelError(message, "download the file again")
        total += size
    return total


def read_extents(path: Path) -> dict[Path, int]:
    """Return how many bytes the files of a model must have: the first, and those named after it.

    A shorter file was truncated. ModelError if one of them is no GGUF file.
    """
    with _opened(path) as header:
        extents = {path: header.end()}
        for part in _other_files(path, header):
            with _opened(part) as other:
                extents[part] = other.end()
    return extents


def read_format(path: Path) -> WeightFormat:
    """Return the format of the weights in `path`; ModelError if it is no GGUF file of a model."""
    with _opened(path) as header:
        label = _LABELS.get(header.number("general.file_type", -1, most=LONGEST_REACH), "")
        tensors = [*header.tensors(), *_tensors_elsewhere(path, header)]
        own_bytes = sum(tensor.size_bytes for tensor in header.tensors())
        header_bytes = max(path.stat().st_size - own_bytes, 0)
    layers = [tensor for tensor in tensors if tensor.in_layer]
    sizes: Counter[str] = Counter()
    for tensor in layers:
        sizes[tensor.kind] += tensor.size_bytes
    weights = sum(tensor.weights for tensor in layers)
    if not weights:
        raise ModelError(f"{path} holds no layers", "download the file again")
    kind = sizes.most_common(1)[0][0]
    return WeightFormat(
        label=label or kind.upper(),
        kind=kind.lower(),
        bits=8 * sizes.total() / weights,
        layer_weights=weights,
        other_weights=sum(tensor.weights for tensor in tensors) - weights,
        header_bytes=header_bytes,
    )


@dataclass(frozen=True, slots=True)
class _Tensor:
    """`weights` is how many numbers it holds, in ggml's format `kind`; it ends at byte `end`."""

    name: str
    kind: str
    weights: int
    size_bytes: int
    end: int

    @property
    def in_layer(self) -> bool:
        """Whether it belongs to one of the layers."""
        return self.name.startswith("blk.")


class _Header:
    """The keys of an open GGUF file, whose numbers are no larger than those of any model.

    llama.cpp sees to it that texts and lists are no longer than the file.
    """

    def __init__(self, file: ctypes.c_void_p, path: Path) -> None:
        self._file = file
        self._path = path

    def architecture(self) -> str:
        """Return what kind of model it is, "" if it does not say so."""
        name = self.text("general.architecture")
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise self.untrue(f"the name of its architecture has {len(name):,} characters")
        return name

    def text(self, key: str) -> str:
        entry = self._find(key, _STRING)
        raw = libggml.gguf_get_val_str(self._file, entry) if entry >= 0 else b""
        return str(raw.decode("utf-8", "replace"))

    def number(self, key: str, default: int = 0, *, most: int = LARGEST_SIZE) -> int:
        """Return the number under `key`, the largest one of a list of them, or `default`.

        ModelError if it is below 0 or above `most`.
        """
        return max(self.numbers(key, most=most), default=default)

    def numbers(self, key: str, *, most: int = LARGEST_SIZE) -> list[int]:
        """Return the number or the numbers of each layer under `key`; nothing if there is none.

        ModelError if one of them is below 0 or above `most`.
        """
        entry = libggml.gguf_find_key(self._file, key.encode())
        if entry < 0:
            return []
        kind, count = libggml.gguf_get_kv_type(self._file, entry), 1
        read = libggml.gguf_get_val_data
        if kind == _ARRAY:
            kind = libggml.gguf_get_arr_type(self._file, entry)
            count = libggml.gguf_get_arr_n(self._file, entry)
            read = libggml.gguf_get_arr_data
        if kind not in _NUMBERS:
            return []
        if count > MOST_LAYERS:
            raise self.untrue(f"{key} has {count:,} numbers, and a model at most {MOST_LAYERS}")
        layout = f"={count}{_NUMBERS[kind]}"
        raw = ctypes.string_at(read(self._file, entry), struct.calcsize(layout))
        found = list(struct.unpack(layout, raw))
        for number in found:
            if not 0 <= number <= most:
                raise self.untrue(f"{key} is {number:,}, and may be from 0 to {most:,}")
        return found

    def count(self, key: str) -> int:
        """Return how long the list under `key` is; 0 if there is none."""
        entry = self._find(key, _ARRAY)
        return int(libggml.gguf_get_arr_n(self._file, entry)) if entry >= 0 else 0

    def tensors(self) -> Iterator[_Tensor]:
        start = libggml.gguf_get_data_offset(self._file)
        count = libggml.gguf_get_n_tensors(self._file)
        if count > MOST_TENSORS:
            raise self.untrue(f"it has {count:,} tensors, and may have {MOST_TENSORS:,}")
        for entry in range(count):
            kind = libggml.gguf_get_tensor_type(self._file, entry)
            size = libggml.gguf_get_tensor_size(self._file, entry)
            weights = size // libggml.ggml_type_size(kind) * libggml.ggml_blck_size(kind)
            name = libggml.gguf_get_tensor_name(self._file, entry).decode("utf-8", "replace")
            end = start + libggml.gguf_get_tensor_offset(self._file, entry) + size
            yield _Tensor(name, libggml.ggml_type_name(kind).decode(), weights, size, end)

    def end(self) -> int:
        """Return where the last of the tensors ends, in bytes from the beginning of the file."""
        return max((tensor.end for tensor in self.tensors()), default=0)

    def untrue(self, what: str) -> ModelError:
        """Return the error for something that no file of a model says."""
        return ModelError(f"{self._path} cannot be loaded: {what}", UNTRUE)

    def _find(self, key: str, kind: int) -> int:
        entry = int(libggml.gguf_find_key(self._file, key.encode()))
        if entry >= 0 and libggml.gguf_get_kv_type(self._file, entry) == kind:
            return entry
        return -1


@contextmanager
def _opened(path: Path) -> Iterator[_Header]:
    require_gguf(path)
    native.start()
    with native.recorded_errors() as errors:
        raw = libggml.gguf_init_from_file(os.fsencode(path), _Options(True, None))
    if not raw:
        message = f"{path} cannot be loaded: {native.reason(errors)}"
        raise ModelError(message, "it is damaged, or not whole: download the file again")
    file = ctypes.c_void_p(raw)
    try:
        yield _Header(file, path)
    finally:
        libggml.gguf_free(file)


def _kv_heads(
    header: _Header, attention: str, layers: int, heads: int, without: Collection[int]
) -> tuple[int, ...]:
    """Return the key and value heads of each layer.

    They are 0 in layers `without` attention, and in those that use the ones of another layer.
    """
    found = header.numbers(f"{attention}.head_count_kv") or [heads]
    if len(found) < layers:
        found = [max(found)] * layers
    own = layers - header.number(f"{attention}.shared_kv_layers", most=layers)
    has_own = (layer < own and layer not in without for layer in range(layers))
    return tuple(number * has for number, has in zip(found, has_own, strict=False))


def _layers_with(tensors: Iterable[_Tensor], beginnings: tuple[str, ...]) -> set[int]:
    """Return the layers that have a tensor whose name, within the layer, begins so."""
    named = (tensor.name.split(".", 2) for tensor in tensors if tensor.in_layer)
    return {
        int(layer)
        for _, layer, *name in named
        if layer.isdecimal() and "".join(name).startswith(beginnings)
    }


def _state_bytes(header: _Header, architecture: str, embedding: int, heads: int) -> int:
    """Return the bytes of a recurrent layer's state: of its convolution, and what it remembers."""

    def number(key: str, default: int = 0) -> int:
        return header.number(f"{architecture}.{key}", default)

    if cached := number("shortconv.l_cache"):
        return _FLOAT_BYTES * embedding * (cached - 1)
    if size := number("wkv.head_size"):
        return _FLOAT_BYTES * embedding * (number("token_shift_count", 2) + size)
    kernel = number("ssm.conv_kernel", 1)
    if head := number("kda.head_dim"):
        return _FLOAT_BYTES * heads * head * (3 * (kernel - 1) + head)
    inner, state = number("ssm.inner_size"), number("ssm.state_size")
    convolved = inner + 2 * number("ssm.group_count") * state
    return _FLOAT_BYTES * (max(kernel - 1, 0) * convolved + state * inner)


def _tensors_elsewhere(path: Path, header: _Header) -> Iterator[_Tensor]:
    for part in _other_files(path, header):
        with _opened(part) as other:
            yield from other.tensors()


def _other_files(path: Path, header: _Header) -> Iterator[Path]:
    """Yield the files of a model that are named after this one, the first of several."""
    count = header.number("split.count", most=MOST_FILES)
    if count <= 1:
        return
    names = parts(path.name)
    if len(names) != count or names[0] != path.name:
        raise ModelError(
            f"{path} cannot be loaded: split.count is {count}, "
            "and its name is not that of the first file",
            f"the files of such a model are called NAME-00001-of-{count:05}.gguf, and so on",
        )
    yield from (path.with_name(name) for name in names[1:])


def _output_bytes(tensors: Iterable[_Tensor]) -> int:
    """Return the bytes of the output, which may share its weights with the embedding."""
    sizes = {tensor.name: tensor.size_bytes for tensor in tensors}
    return sizes.get("output.weight") or sizes.get("token_embd.weight", 0)


def _feed_forward(header: _Header, architecture: str) -> int:
    """Return the width of a token's feed-forward layer, all experts that it visits together."""
    experts = header.number(f"{architecture}.expert_used_count")
    expert = header.number(f"{architecture}.expert_feed_forward_length")
    return max(header.number(f"{architecture}.feed_forward_length"), experts * expert)
