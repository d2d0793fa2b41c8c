"""Small strict stand-ins for models: they compute like one and refuse misuse."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.sampling import Distribution


class MarkovContext:
    """A context whose next-token logits depend on the last two tokens alone.

    `logits` has shape (vocabulary, vocabulary, vocabulary): before last, last, next. Float64, so
    that closed forms can be checked to rounding.
    """

    def __init__(self, logits: NDArray[np.float64], prompt: Sequence[int]) -> None:
        self._logits = logits
        self.tokens = list(prompt)
        self.extended: list[int] = []

    def __len__(self) -> int:
        return len(self.tokens)

    def extend(self, tokens: Sequence[int], *, rows: int) -> NDArray[np.float64]:
        assert 0 < rows <= len(tokens), "rows must be some of the tokens"
        assert all(0 <= token < len(self._logits) for token in tokens), "unknown token"
        self.tokens += tokens
        self.extended.append(len(tokens))
        ends = range(len(self.tokens) - rows, len(self.tokens))
        return np.stack([self._row(end) for end in ends])

    def truncate(self, length: int) -> None:
        assert 0 <= length <= len(self.tokens), "cannot cut to more than was read"
        del self.tokens[length:]

    def _row(self, end: int) -> NDArray[np.float64]:
        before = self.tokens[end - 1] if end else 0
        return self._logits[before, self.tokens[end]]


def random_logits(vocabulary: int, seed: int, spread: float = 1.5) -> NDArray[np.float64]:
    """Return logits for a MarkovContext."""
    return np.random.default_rng(seed).normal(0, spread, (vocabulary,) * 3)


def dense(chances: Distribution) -> NDArray[np.floating]:
    """Return the probabilities of the whole vocabulary."""
    return chances.at(np.arange(chances.size))


def of_dense(probabilities: Sequence[float]) -> Distribution:
    """Return the distribution with these probabilities of tokens 0, 1, ..."""
    array = np.asarray(probabilities, dtype=np.float64)
    tokens = np.flatnonzero(array)
    return Distribution(tokens, array[tokens], len(array))


class FakeClock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class FlatShapes:
    """A machine on which a batch of one width costs what one of another does; it has but a few."""

    change = 1.0

    def __init__(self, *widths: int) -> None:
        self._widths = widths

    def seconds(self, width: int) -> float:
        return 1.0

    def width(self, size: int) -> int:
        return next(width for width in self._widths if size <= width)
