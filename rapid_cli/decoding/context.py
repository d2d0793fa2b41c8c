"""The seam between decoding and a model: one token sequence that can be read on and cut back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int]
Logits = NDArray[np.floating]
"""Raw scores, shape (rows, vocabulary) or (vocabulary,)."""


class Context(Protocol):
    """A model reading one token sequence: its weights, and a cache of what it has read."""

    def __len__(self) -> int:
        """Return the number of tokens in the cache."""
        ...

    def extend(self, tokens: Tokens, *, rows: int) -> Logits:
        """Read `tokens`; return logits after each of the last `rows`, valid until the next call."""
        ...

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        ...


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Return how many leading tokens are equal."""
    length = min(len(left), len(right))
    return next((i for i in range(length) if left[i] != right[i]), length)
