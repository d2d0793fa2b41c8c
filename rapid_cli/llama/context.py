"""A llama.cpp context as decoding wants it: one sequence, read on and cut back."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from rapid_cli.errors import ContextFull, NativeError
from rapid_cli.llama import native
from rapid_cli.llama.weights import Weights, threads_of
from rapid_cli.machine.load import current_load
from rapid_cli.models.memory import LENGTH_STEP
from rapid_cli.models.specs import ModelSpec

READ_BATCH, READ_BATCH_GPU = 512, 2048
"""Tokens read between two signs of progress; a GPU wants more of them at once."""

_CACHE_TYPES = {
    name: getattr(llama_cpp, f"GGML_TYPE_{name.upper()}")
    for name in ("f32", "f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
} | {"bf16": 30}  # GGML_TYPE_BF16, which llama_cpp does not name
_FLASH_ATTENTION = {
    None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
}
_ROPE_SCALING = {
    "none": llama_cpp.LLAMA_ROPE_SCALING_TYPE_NONE,
    "linear": llama_cpp.LLAMA_ROPE_SCALING_TYPE_LINEAR,
    "yarn": llama_cpp.LLAMA_ROPE_SCALING_TYPE_YARN,
}
_ABORTED = 2
_NO_TOKENS = (llama_cpp.llama_token * 1)()


def batch_sizes(spec: ModelSpec, *, offloaded: bool, rows: int) -> tuple[int, int]:
    """Return how many tokens are read between two signs of progress, and computed at once."""
    batch = max(READ_BATCH_GPU if offloaded else READ_BATCH, rows)
    return batch, min(spec.ubatch or batch, batch)


class LlamaContext:
    """One sequence of tokens read by `weights`. A context manager; implements `Context`.

    `length` is the most tokens it can hold, `rows` the most tokens one `extend` may be asked
    logits for. `vocabulary_size` cuts the logits to the tokens a pair of models shares. `spec` says
    how to run it, by default that of the weights, and `note` tells a person what is special. Where
    it is `steady`, results do not depend on what else the machine does: else there are as many
    threads as CPUs are free, and with flash attention these decide how logits are rounded.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        length: int,
        rows: int,
        vocabulary_size: int | None = None,
        spec: ModelSpec | None = None,
        note: str = "",
    ) -> None:
        """Allocate the cache; NativeError if llama.cpp cannot."""
        self._spec = spec = spec or weights.spec
        self._handle = None
        self._weights = weights
        self._vocabulary = weights.vocabulary.size
        self._compared = vocabulary_size or self._vocabulary
        self._rows = rows
        self._length = 0
        self._floor = 0
        self._threads = threads_of(spec)
        self._load = None if weights.wholly_offloaded else current_load()
        self.steady = False
        self.note = note
        self.capacity = -(-length // LENGTH_STEP) * LENGTH_STEP
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self.capacity
        sizes = batch_sizes(spec, offloaded=weights.offloaded, rows=rows)
        params.n_batch, params.n_ubatch = self._batch_size, self._ubatch = sizes
        params.n_outputs_max = rows
        params.n_outputs_max_per_seq = 0  # as many as n_outputs_max
        params.n_threads = params.n_threads_batch = self._computing = self._threads
        params.flash_attn_type = _FLASH_ATTENTION[weights.flash_attention_of(spec)]
        params.type_k = _CACHE_TYPES[spec.k_type]
        params.type_v = _CACHE_TYPES[spec.v_type]
        _scale_rope(params, spec)
        params.offload_kqv = params.op_offload = weights.offloaded
        params.swa_full = True  # else a sliding window forgets what a shorter prefix needs
        if self._ubatch >= weights.snapshots + 2:  # llama.cpp aborts otherwise
            params.n_rs_seq = weights.snapshots
        with native.recorded_errors() as errors:
            self._handle = llama_cpp.llama_init_from_model(weights.handle, params)
        if not self._handle:
            raise NativeError(
                f"{spec.name} cannot be given a context of {self.capacity} tokens: "
                f"{native.reason(errors)}",
                "use a shorter --context-length, or a smaller k_type in models.toml",
            )
        self._memory = llama_cpp.llama_get_memory(self._handle)
        self._batch = llama_cpp.llama_batch_init(params.n_batch, 0, 1)
        self._views = _BatchViews(self._batch, params.n_batch)
        self._interruption = native.Interruption()
        self._prepare()

    def _prepare(self) -> None:
        """Set up what a kind of context keeps besides: nothing here."""

    def __len__(self) -> int:
        """Return the number of tokens in the cache."""
        return self._length

    def extend(self, tokens: Sequence[int], *, rows: int) -> NDArray[np.float32]:
        """Read `tokens`; return logits, shape (rows, vocabulary), valid until the next call."""
        assert 0 < rows <= min(len(tokens), self._rows), "more rows than tokens or than reserved"
        before = max(0, len(tokens) - self._batch_size)
        for start in range(0, before, self._batch_size):
            self._decode(tokens[start : min(start + self._batch_size, before)], rows=0)
        self._decode(tokens[before:], rows)
        packed = llama_cpp.llama_get_logits(self._open())
        logits = np.ctypeslib.as_array(packed, shape=(rows, self._vocabulary))
        return logits[:, : self._compared]

    def read(self, tokens: Sequence[int]) -> Iterator[int]:
        """Read `tokens` without logits, yielding how many are done; Ctrl-C stops it at once."""
        for start in range(0, len(tokens), self._batch_size):
            piece = tokens[start : start + self._batch_size]
            self._interruptibly_decode(piece)
            yield start + len(piece)

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        assert 0 <= length <= self._length, "a cache cannot be cut to more than it holds"
        assert length >= self._floor or length == 0, "a restored window does not reach back so far"
        # Also at the same length: Ctrl-C may have come between a native call and its counting.
        self._cut(length)
        self._floor = self._floor if length else 0

    def anchor(self) -> None:
        """Take note that questions to come will begin here: nothing to do where any cut is easy."""

    @property
    def floor(self) -> int:
        """The shortest length above 0 to which it can be cut back."""
        return self._floor

    @property
    def cuts_freely(self) -> bool:
        """Whether a cut is easy at any length: not where layers have recurrent states."""
        return True

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys and values of what was read."""
        return int(llama_cpp.llama_state_seq_get_size(self._open(), 0))

    @property
    def batch_size(self) -> int:
        """Tokens that are read at once."""
        return self._batch_size

    @property
    def state_key(self) -> str:
        """What keys and values depend on besides tokens and engine, as one line."""
        key = f"{self._weights.state_key_of(self._spec)} k={self._spec.k_type}"
        # What is computed together decides how keys and values are rounded.
        return key if self._ubatch == self._batch_size else f"{key} ubatch={self._ubatch}"

    @property
    def engine(self) -> str:
        """The library whose version decides what its files hold."""
        return native.engine()

    def save(self, path: Path) -> None:
        """Write keys and values of what was read to a file at `path`; OSError if it cannot be."""
        with native.recorded_errors() as errors:
            written = llama_cpp.llama_state_seq_save_file(
                self._open(), os.fsencode(path), 0, _NO_TOKENS, 0
            )
        if not written:
            raise OSError(errors[0] if errors else "llama.cpp could not write its state")

    def restore(self, path: Path) -> None:
        """Put what `save` wrote in the place of what was read; NativeError if that fails.

        Of a sliding window llama.cpp writes no more than the last tokens need: such a model can
        be cut back to `floor` tokens at least, or to none.
        """
        count = ctypes.c_size_t()
        with native.recorded_errors() as errors:
            read = llama_cpp.llama_state_seq_load_file(
                self._open(), os.fsencode(path), 0, _NO_TOKENS, 0, ctypes.byref(count)
            )
        self._length = int(llama_cpp.llama_memory_seq_pos_max(self._memory, 0)) + 1
        first = int(llama_cpp.llama_memory_seq_pos_min(self._memory, 0))
        self._floor = first + self._weights.window if first > 0 else 0
        if not read:
            self.truncate(0)
            raise NativeError(errors[0] if errors else "llama.cpp could not read its state")

    def close(self) -> None:
        """Free the cache; safe to repeat."""
        if self._handle is not None:
            llama_cpp.llama_batch_free(self._batch)
            llama_cpp.llama_free(self._handle)
            self._handle = None

    def __enter__(self) -> LlamaContext:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Free the cache."""
        self.close()

    def _open(self) -> object:
        assert self._handle is not None, "context used after close"
        return self._handle

    def _cut(self, length: int) -> None:
        """Let the cache hold `length` tokens; NativeError if llama.cpp cannot."""
        self._open()
        if not llama_cpp.llama_memory_seq_rm(self._memory, 0, length, -1):
            raise NativeError(
                f"{self._weights.spec.name} cannot forget tokens it has read",
                "run with --verbose for llama.cpp's log, or use another model",
            )
        self._length = length

    def _follow_load(self) -> None:
        """Compute with as many threads as have a CPU each, unless all is to be as it always is."""
        threads = self._threads
        if self._load is not None and not self.steady:
            threads = min(threads, self._load.threads())
        if threads != self._computing:
            llama_cpp.llama_set_n_threads(self._open(), threads, threads)
            self._computing = threads

    def _interruptibly_decode(self, tokens: Sequence[int]) -> None:
        handle = self._open()
        # Only while reading: the callback is asked at every node of the graph, which a step of
        # one token would feel.
        llama_cpp.llama_set_abort_callback(handle, self._interruption.callback, None)
        try:
            with self._interruption.watched():
                self._decode(tokens, rows=0)
        finally:
            llama_cpp.llama_set_abort_callback(handle, llama_cpp.ggml_abort_callback(0), None)

    def _decode(self, tokens: Sequence[int], rows: int) -> None:
        handle = self._open()
        if self._length + len(tokens) > self.capacity:
            raise ContextFull(
                f"{self._length + len(tokens)} tokens do not fit a context of {self.capacity}",
                "ask for a shorter answer, or give a longer --context-length",
            )
        self._views.fill(tokens, self._length, rows)
        self._batch.n_tokens = len(tokens)
        self._follow_load()
        code = llama_cpp.llama_decode(handle, self._batch)
        if code == 0:
            self._length += len(tokens)
            return
        # What was read of a failed batch goes, so that length and cache agree.
        llama_cpp.llama_memory_seq_rm(self._memory, 0, self._length, -1)
        if code != _ABORTED:
            raise NativeError(
                f"llama.cpp failed to read {len(tokens)} tokens at {self._length} (code {code})",
                "run with --verbose for its log",
            )


def _scale_rope(params: llama_cpp.llama_context_params, spec: ModelSpec) -> None:
    """Set what `spec` says of positions; the rest is as the file says."""
    if spec.rope_scaling is not None:
        params.rope_scaling_type = _ROPE_SCALING[spec.rope_scaling]
    if spec.rope_factor is not None:
        params.rope_freq_scale = 1 / spec.rope_factor
    if spec.rope_base is not None:
        params.rope_freq_base = spec.rope_base
    if spec.rope_original_context is not None:
        params.yarn_orig_ctx = spec.rope_original_context


class _BatchViews:
    """numpy views into a llama_batch, so that filling it needs no Python loop."""

    def __init__(self, batch: llama_cpp.llama_batch, size: int) -> None:
        self._tokens = np.ctypeslib.as_array(batch.token, shape=(size,))
        self._positions = np.ctypeslib.as_array(batch.pos, shape=(size,))
        self._logits = np.ctypeslib.as_array(batch.logits, shape=(size,))
        np.ctypeslib.as_array(batch.n_seq_id, shape=(size,))[:] = 1
        for i in range(size):
            batch.seq_id[i][0] = 0

    def fill(self, tokens: Sequence[int], position: int, rows: int) -> None:
        count = len(tokens)
        self._tokens[:count] = tokens
        self._positions[:count] = np.arange(position, position + count)
        self._logits[:count] = 0
        self._logits[count - rows : count] = 1
