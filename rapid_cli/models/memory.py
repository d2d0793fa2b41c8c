"""How many bytes a model and its context take, and what to change if they do not fit.

The sizes follow llama.cpp's buffers. Weights: all tensors, and the vocabulary in the computer's own
memory. Cache: keys and values of every token that a context can hold, in every layer; of recurrent
layers their states, however long the text is. Compute: what the widest step of a batch needs beside
them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from rapid_cli.models.recurrence import CHECKPOINTS, snapshots_of

GIB = 1 << 30
LENGTH_STEP = 256
"""llama.cpp rounds the length of a context up to a multiple of this."""
SHORTEST = 2048
"""The shortest context to suggest: a shorter one has no room for a text beside the answer."""
MARGIN = 0.1
"""Room left for what the estimate does not know: buffers of the device, other programs."""
SMALL_CACHE = "q8_0"  # at next to no loss

_BLOCK = 32
_FLOATS = {"f32": 128, "f16": 64, "bf16": 64}
_BLOCK_BYTES = _FLOATS | {"q8_0": 34, "q5_1": 24, "q5_0": 22, "q4_1": 20, "q4_0": 18}
"""Bytes of 32 cached numbers: quantized types keep a scale with each block."""
Types = tuple[str, str]  # of keys and of values
_FLOAT, _HALF, _INDEX = 4, 2, 8
_ENTRY = 180  # of a token or a merge, with its text and its place in a table: as measured


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a model that its memory depends on.

    `kv_heads` holds a number for each layer, `key_length` and `value_length` are of one head, and
    `sliding_window` is 0 if every layer sees everything. `outside_bytes` of all tensors belong to
    no layer, and `output_bytes` are what the output needs, even where it shares them. `merges`
    counts the pairs of tokens that a tokenizer joins. `weight_kinds` are the formats of tensors.
    `state_bytes` of a sequence are the states of recurrent layers.
    """

    architecture: str
    layers: int
    heads: int
    kv_heads: tuple[int, ...]
    key_length: int
    value_length: int
    embedding: int
    feed_forward: int
    vocabulary: int
    sliding_window: int
    context_length: int
    tensor_bytes: int
    outside_bytes: int = 0
    output_bytes: int = 0
    merges: int = 0
    weight_kinds: tuple[str, ...] = ()
    state_bytes: int = 0

    def loaded_bytes(self, *, offloaded: bool) -> int:
        """Return the bytes that loading it takes; a GPU needs no vocabulary."""
        words = 0 if offloaded else (self.vocabulary + self.merges) * _ENTRY
        return self.tensor_bytes + words


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes of weights, of keys and values, and of a step's intermediate results."""

    weights_bytes: int
    cache_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        """Bytes of all three."""
        return self.weights_bytes + self.cache_bytes + self.compute_bytes

    def __add__(self, other: MemoryNeed) -> MemoryNeed:
        """Return what both need: of a pair of models, of two contexts."""
        return MemoryNeed(
            self.weights_bytes + other.weights_bytes,
            self.cache_bytes + other.cache_bytes,
            self.compute_bytes + other.compute_bytes,
        )

    def without_weights(self) -> MemoryNeed:
        """Return what a further context on the same weights needs."""
        return replace(self, weights_bytes=0)


@dataclass(frozen=True, slots=True)
class Advice:
    """What does not fit and what would, as the message and the hint of an error."""

    message: str
    hint: str


class NeedOf(Protocol):
    """The memory a command needs in all, by the length of its context and its types of cache."""

    def __call__(self, length: int, k_type: str, v_type: str) -> MemoryNeed:
        """Return the bytes, those of other models and contexts included."""
        ...


def estimate(
    shape: ModelShape,
    *,
    length: int,
    rows: int,
    batch: int,
    k_type: str = "f16",
    v_type: str = "f16",
    flash_attention: bool | None = None,
    offloaded: bool = False,
) -> MemoryNeed:
    """Estimate the memory for weights and one context of `length` tokens.

    `rows` is how many tokens may be asked logits for at once, `batch` how many are read at once.
    Sliding windows save nothing, because contexts are opened with caches of full size. Where the
    choice is llama.cpp's, flash attention is taken to be on. An `offloaded` model needs no work
    memory of the CPU, which copies of recurrent states are in.
    """
    length = -(-length // LENGTH_STEP) * LENGTH_STEP
    tokens, flash = min(batch, length), flash_attention is not False
    compute = _compute_bytes(shape, length, tokens, rows, flash)
    if not offloaded:
        compute += _work_bytes(shape, length, tokens, flash)
    copies = 1 + snapshots_of(shape.architecture) + (0 if offloaded else CHECKPOINTS)
    cache = _cache_bytes(shape, length, k_type, v_type) + copies * shape.state_bytes
    return MemoryNeed(shape.loaded_bytes(offloaded=offloaded), cache, compute)


def fits(need: MemoryNeed, free_bytes: int) -> bool:
    """Tell whether `need` fits with a margin."""
    return need.total_bytes * (1 + MARGIN) <= free_bytes


def advice(
    name: str,
    need_of: NeedOf,
    *,
    free_bytes: int,
    length: int,
    k_type: str = "f16",
    v_type: str = "f16",
    flash_attention: bool | None = None,
    memory: str = "memory",
) -> Advice | None:
    """Return None if `name` fits with a context of `length` tokens, else what would.

    `memory` says which one is meant where a machine has several, such as "GPU memory".
    """
    need = need_of(length, k_type, v_type)
    if fits(need, free_bytes):
        return None
    # Values can be quantized only where flash attention is sure.
    small = _smaller(k_type), _smaller(v_type) if flash_attention else v_type
    hints = _smaller_context(need_of, free_bytes, length, (k_type, v_type), small)
    message = f"{name} with a context of {length} tokens {balance(need, free_bytes, memory)}"
    return Advice(message, "; or ".join(hints) or _smaller_model(need_of, free_bytes, small))


def balance(need: MemoryNeed, free_bytes: int, memory: str = "memory") -> str:
    """Set what something needs, with a margin, against what is free, in words."""
    needs = f"needs {gib(with_margin(need))} of {memory} ({_parts(need)})"
    return f"{needs}, and {gib(free_bytes)} are free"


def with_margin(need: MemoryNeed) -> int:
    """Return the bytes that have to be free for it."""
    return int(need.total_bytes * (1 + MARGIN))


def longest(
    need_of: NeedOf, free_bytes: int, limit: int, k_type: str = "f16", v_type: str = "f16"
) -> int:
    """Return the longest context up to `limit` tokens that fits; 0 if even SHORTEST does not."""
    none = SHORTEST // LENGTH_STEP - 1
    low, high = none, limit // LENGTH_STEP
    while low < high:
        middle = (low + high + 1) // 2
        if fits(need_of(middle * LENGTH_STEP, k_type, v_type), free_bytes):
            low = middle
        else:
            high = middle - 1
    return low * LENGTH_STEP if low > none else 0


def _smaller(kind: str) -> str:
    return min(kind, SMALL_CACHE, key=_BLOCK_BYTES.__getitem__)


def _smaller_context(
    need_of: NeedOf, free_bytes: int, length: int, types: Types, small: Types
) -> list[str]:
    """Suggest what fits: smaller types, a shorter context, or a longer one with smaller types."""
    hints = []
    with_small, settings = need_of(length, *small), f"{_settings(types, small)} in models.toml"
    if fits(with_small, free_bytes):
        hints.append(f"set {settings}: that needs {gib(with_margin(with_small))}")
    fitting = longest(need_of, free_bytes, length, *types)
    if fitting:
        hints.append(f"use --context-length {fitting}")
    less_short = longest(need_of, free_bytes, length, *small)
    if less_short > fitting and not fits(with_small, free_bytes):
        hints.append(f"use --context-length {less_short} and set {settings}")
    return hints


def _smaller_model(need_of: NeedOf, free_bytes: int, small: Types) -> str:
    least = need_of(SHORTEST, *small)
    room = int(free_bytes / (1 + MARGIN)) - least.without_weights().total_bytes
    if room < GIB // 10:
        return "free memory, or use a smaller model"
    return f"use a smaller model: one of {gib(room)} would fit with {SHORTEST} tokens"


def _settings(types: Types, small: Types) -> str:
    changes = zip(("k_type", "v_type"), types, small, strict=True)
    return " and ".join(f'{name} = "{new}"' for name, old, new in changes if new != old)


def _parts(need: MemoryNeed) -> str:
    sizes = (need.weights_bytes, need.cache_bytes, need.compute_bytes)
    named = zip(("weights", "cache", "computing"), sizes, strict=True)
    return ", ".join(f"{name} {size / GIB:.1f}" for name, size in named) + f", {MARGIN:.0%} spare"


def gib(size: int) -> str:
    """Return a number of bytes for a person to read."""
    return f"{size / GIB:.1f} GiB"


def _cache_bytes(shape: ModelShape, length: int, k_type: str, v_type: str) -> int:
    key = shape.key_length * _BLOCK_BYTES[k_type]
    value = shape.value_length * _BLOCK_BYTES[v_type]
    return length * sum(shape.kv_heads) * (key + value) // _BLOCK


def _compute_bytes(
    shape: ModelShape, length: int, tokens: int, rows: int, flash_attention: bool
) -> int:
    """Return the bytes of a step's widest moment, and of the logits that it gives out.

    The widest moment is in a layer or at the end. A layer holds the mask of each kind of layer, and
    the scores of every head, which flash attention never writes down, or the feed-forward part.
    """
    masks = 2 if shape.sliding_window else 1
    stream, queries = shape.embedding, shape.heads * shape.key_length
    attention, feed_forward = 3 * stream + 2 * queries, 3 * (stream + shape.feed_forward) + queries
    mask = length * masks * (_HALF if flash_attention else _FLOAT)
    if not flash_attention:
        attention += shape.heads * length
        # Values are cached by column there: the place of each number is listed.
        mask += max(shape.kv_heads) * shape.value_length * masks * _INDEX
    layer = tokens * (mask + max(attention, feed_forward) * _FLOAT)
    logits = rows * shape.vocabulary * _FLOAT
    return max(layer, logits + tokens * stream * _FLOAT) + logits


def _work_bytes(shape: ModelShape, length: int, tokens: int, flash_attention: bool) -> int:
    """Return the bytes in which a CPU rounds one operand of its widest product to half precision.

    llama.cpp's log does not name them; without flash attention they are half of the scores.
    """
    scores = 0 if flash_attention else shape.heads * length
    return tokens * max(scores, shape.feed_forward) * _HALF
