"""Batches of few widths, where a batch of another width than the last one costs extra.

llama.cpp keeps the graph of a batch for the next one, if that has as many tokens and asks for as
many logits. Drafts end at any length, so that hardly ever happens, unless batches are filled up.
"""

from __future__ import annotations

from collections import deque

from rapid_cli.decoding.context import Context, Logits, Tokens
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.measuring import WIDTHS, Costs

RECENT = 8
"""So many batches tell how wide the next ones will be."""


class Shapes:
    """What batches cost by their width, and what a change of width costs, both in seconds."""

    def __init__(self, turns: Costs, steady: Costs) -> None:
        """Take what `verify_costs` and `steady_costs` found."""
        in_turns, first = CostCurve(turns), WIDTHS[0]
        self._steady = CostCurve({1: in_turns.at(1)} | steady)
        self.change = max(in_turns.at(first) - steady[first], 0.0)

    def seconds(self, width: int) -> float:
        """Return what a batch of this width costs after another one of it."""
        return self._steady.at(width)

    def width(self, size: int) -> int:
        """Return how wide batches of up to `size` tokens are best.

        One of a few widths, unless the padding would cost more than a change of width does.
        """
        wider = next((width for width in WIDTHS if size <= width), size)
        return wider if self.seconds(wider) - self.seconds(size) < self.change else size


class PaddedContext:
    """A context whose batches keep their width where that pays, filled up with a repeated token.

    A batch is as wide as the last one, if that is wide enough. Once narrower ones would have saved
    what a change costs, batches become as narrow as recent ones could have been. Single tokens are
    never filled up.

    The padding is forgotten before anything else is read. Its logits are asked for, and not looked
    at: their number is part of a batch's shape. Implements `Context`.
    """

    def __init__(self, context: Context, shapes: Shapes) -> None:
        """Wrap a `context` that has room for the widest batch behind whatever it will read."""
        self._context = context
        self._shapes = shapes
        self._sizes: deque[int] = deque(maxlen=RECENT)
        self._width = 1
        self._wasted = 0.0
        self._padding = 0

    def __len__(self) -> int:
        """Return the number of tokens in the cache."""
        return len(self._context) - self._padding

    def extend(self, tokens: Tokens, *, rows: int) -> Logits:
        """Read `tokens`; return logits after each of the last `rows`, valid until the next call."""
        if self._padding:
            self.truncate(len(self))
        padding = self._next_width(len(tokens)) - len(tokens) if rows == len(tokens) else 0
        logits = self._context.extend([*tokens, *[tokens[-1]] * padding], rows=rows + padding)
        self._padding = padding
        return logits[:rows]

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        self._context.truncate(length)
        self._padding = 0

    def _next_width(self, size: int) -> int:
        """Return the width of the next batch, which has `size` tokens."""
        if size == 1:
            self._width = 1
            return 1
        self._sizes.append(size)
        needed, wanted = self._shapes.width(size), self._shapes.width(max(self._sizes))
        if size > self._width or self._saved(by=needed) >= self._shapes.change:
            self._width, self._wasted = needed, 0.0
        self._wasted += max(self._saved(by=wanted), 0.0)
        if self._wasted > self._shapes.change:
            self._width, self._wasted = wanted, 0.0
        return self._width

    def _saved(self, *, by: int) -> float:
        """Return the seconds that a batch of another width would have saved."""
        return self._shapes.seconds(self._width) - self._shapes.seconds(by)


def shapes_of(turns: Costs, steady: Costs) -> Shapes | None:
    """Return what widths cost; None where too little was timed, since it would not pay."""
    return Shapes(turns, steady) if set(WIDTHS) <= steady.keys() else None


def padded_costs(turns: Costs, steady: Costs) -> Costs:
    """Return what batches cost by their size in a `PaddedContext`, if their widths stay."""
    shapes = shapes_of(turns, steady)
    if shapes is None:
        return turns
    sizes = range(2, WIDTHS[-1] + 1)
    return turns | {size: shapes.seconds(shapes.width(size)) for size in sizes}
