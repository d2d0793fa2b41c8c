"""A context on a model with recurrent states, which can be put back, but not cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import POINTER, c_uint8
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from rapid_cli.errors import NativeError
from rapid_cli.llama.context import LlamaContext
from rapid_cli.llama.weights import Weights
from rapid_cli.models.recurrence import CHECKPOINTS
from rapid_cli.models.specs import ModelSpec

MOST_JOINED = 8
"""So many tokens that wait to be read again are read together with the next ones."""
_RECENT = CHECKPOINTS - 2  # beside the anchor, and one that is being taken
_UNKNOWN = -1  # in the place of a token that was restored
_PARTIAL = llama_cpp.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY


def open_context(
    weights: Weights,
    *,
    length: int,
    rows: int,
    vocabulary_size: int | None = None,
    spec: ModelSpec | None = None,
    note: str = "",
) -> LlamaContext:
    """Open a context on `weights`, of the kind that they need; `LlamaContext` tells the rest."""
    kind = RecurrentContext if weights.is_recurrent else LlamaContext
    return kind(
        weights, length=length, rows=rows, vocabulary_size=vocabulary_size, spec=spec, note=note
    )


class RecurrentContext(LlamaContext):
    """A context that is cut back by snapshots where they hold, and else by the nearest checkpoint.

    llama.cpp says that it has cut back in many cases in which the states are wrong afterwards. A
    cut is right only within the last batch that was read, and once. In all other cases a copy of
    the states, taken before, is put back, and the tokens from there on wait to be read again,
    together with the next ones.
    """

    def _prepare(self) -> None:
        """Set up what is kept beside llama.cpp's own memory."""
        self._snapshots = int(llama_cpp.llama_n_rs_seq(self._open()))
        self._checkpoints = _Checkpoints(self._open())
        self._read: list[int] = []  # of which llama.cpp holds the first `_length`
        self._reach = 0  # tokens that can be cut by snapshots
        self._is_torn = False  # whether a native call may have been left before it was counted

    def __len__(self) -> int:
        """Return the number of tokens that it holds, those that wait to be read again included."""
        return len(self._read)

    def extend(self, tokens: Sequence[int], *, rows: int) -> NDArray[np.float32]:
        """Read `tokens`; return logits, shape (rows, vocabulary), valid until the next call."""
        if len(self._waiting) > MOST_JOINED:
            self._settle()
        waiting = self._waiting
        if not waiting and len(tokens) - 1 > self._snapshots:
            self._checkpoints.take(self._length)
        self._is_torn = True
        logits = super().extend([*waiting, *tokens], rows=rows)
        self._read += tokens
        self._is_torn = False
        return logits

    def read(self, tokens: Sequence[int]) -> Iterator[int]:
        """Read `tokens` without logits, yielding how many are done; Ctrl-C stops it at once."""
        self._settle()
        yield from super().read(tokens)
        self._checkpoints.take(self._length)

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        assert 0 <= length <= len(self), "a cache cannot be cut to more than it holds"
        if self._is_torn or length < self._length - self._reach:
            self._put_back(length)
        elif length < self._length:
            self._is_torn = True
            self._cut(length)
            self._reach = 0
            self._is_torn = False
        del self._read[length:]
        self._checkpoints.drop_beyond(length)

    def anchor(self) -> None:
        """Take note that questions to come will begin here: the state is kept."""
        self._settle()
        self._checkpoints.take(self._length)
        self._checkpoints.anchor = self._length

    @property
    def floor(self) -> int:
        """The shortest length above 0 to which it can be cut back without reading all again."""
        return min(self._checkpoints.places, default=len(self))

    @property
    def cuts_freely(self) -> bool:
        """Whether a cut is easy at any length: only where states were kept."""
        return False

    @property
    def cache_bytes(self) -> int:
        """Bytes of keys, values and states of what was read."""
        self._settle()
        return super().cache_bytes

    def save(self, path: Path) -> None:
        """Write what was read to a file at `path`; OSError if it cannot be."""
        self._settle()
        super().save(path)

    def restore(self, path: Path) -> None:
        """Put what `save` wrote in the place of what was read; NativeError if that fails.

        It cannot be cut back any further then, but to nothing.
        """
        self._is_torn = True
        self._read.clear()
        self._checkpoints.drop_beyond(0)
        super().restore(path)
        self._floor = 0  # of windows: the checkpoint tells
        self._read = [_UNKNOWN] * self._length
        self._reach = 0
        self._is_torn = False
        if self._length:
            self._checkpoints.take(self._length)

    @property
    def _waiting(self) -> list[int]:
        """The tokens that are to be read again."""
        return self._read[self._length :]

    def _settle(self) -> None:
        """Read what waits, and remember the state after it."""
        waiting = self._waiting
        if not waiting:
            return
        self._is_torn = True
        for start in range(0, len(waiting), self._batch_size):
            self._decode(waiting[start : start + self._batch_size], rows=0)
        self._is_torn = False
        self._checkpoints.take(self._length)

    def _put_back(self, length: int) -> None:
        """Hold what is known of the first `length` tokens; the rest of them waits."""
        self._is_torn = True
        place = self._checkpoints.before(length)
        assert _UNKNOWN not in self._read[place:length], "what was restored cannot be read again"
        if place:
            self._checkpoints.put_back(place)
        self._cut(place)
        self._reach = 0
        self._is_torn = False

    def _interruptibly_decode(self, tokens: Sequence[int]) -> None:
        self._checkpoints.take(self._length)  # to go on from, should it be interrupted
        self._is_torn = True
        before = self._length
        super()._interruptibly_decode(tokens)
        self._read += tokens[: self._length - before]
        self._is_torn = False

    def _decode(self, tokens: Sequence[int], rows: int) -> None:
        super()._decode(tokens, rows)
        # A batch is computed in parts, and snapshots are of the last one.
        self._reach = min((len(tokens) - 1) % self._ubatch, self._snapshots)


class _Checkpoints:
    """Copies of a context's recurrent states, by the number of tokens read before.

    The one at the `anchor` stays; of the others the newest.
    """

    def __init__(self, handle: object) -> None:
        self.anchor = 0
        self._handle = handle
        self._states: dict[int, NDArray[np.uint8]] = {}
        self._spare: list[NDArray[np.uint8]] = []

    @property
    def places(self) -> list[int]:
        """Where there is one."""
        return list(self._states)

    def take(self, length: int) -> None:
        """Copy the states of now, when `length` tokens are read, unless they were copied before."""
        if not length or length in self._states:
            return
        size = llama_cpp.llama_state_seq_get_size_ext(self._handle, 0, _PARTIAL)
        state = self._buffer(int(size))
        written = llama_cpp.llama_state_seq_get_data_ext(
            self._handle, _address(state), size, 0, _PARTIAL
        )
        if written != size:
            raise NativeError(
                "llama.cpp could not copy the states of the model",
                "run with --verbose for its log",
            )
        self._states[length] = state
        self._drop_oldest()

    def before(self, length: int) -> int:
        """Return the last place up to `length` where there is one, or 0."""
        return max((place for place in self._states if place <= length), default=0)

    def put_back(self, place: int) -> None:
        """Let the context have the states that it had at `place`."""
        state = self._states[place]
        read = llama_cpp.llama_state_seq_set_data_ext(
            self._handle, _address(state), len(state), 0, _PARTIAL
        )
        if read != len(state):
            raise NativeError(
                "llama.cpp could not put back the states of the model",
                "run with --verbose for its log",
            )

    def drop_beyond(self, length: int) -> None:
        """Forget the states after more than `length` tokens."""
        for place in [place for place in self._states if place > length]:
            self._spare.append(self._states.pop(place))
        self.anchor = self.anchor if self.anchor <= length else 0

    def _drop_oldest(self) -> None:
        recent = [place for place in self._states if place != self.anchor]
        for place in recent[:-_RECENT]:
            self._spare.append(self._states.pop(place))

    def _buffer(self, size: int) -> NDArray[np.uint8]:
        """Return room for a copy: fresh memory takes longer to fill than what was used before."""
        usable = [state for state in self._spare if len(state) == size]
        self._spare = usable[1:]
        return usable[0] if usable else np.empty(size, np.uint8)


def _address(state: NDArray[np.uint8]) -> object:
    return state.ctypes.data_as(POINTER(c_uint8))
