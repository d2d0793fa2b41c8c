"""Timing what a context costs here: batches of the target, tokens of the drafter."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Protocol

from rapid_cli.decoding.context import Context
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.sampling import SamplingParams, distribution

Clock = Callable[[], float]
Costs = dict[int, float]
"""Seconds by batch size."""

SIZES = (1, 2, 4, 8, 9, 16)
"""Batch sizes timed: 9 stands where kernels for few rows end on CUDA."""
WIDTHS = (2, 4, 8, 16)
"""Batch sizes that others may be filled up to."""
NOTICED = 0.05
"""A change of width matters if it takes this share of the smallest batch, or more."""
REPEATS = 3
TIME_LIMIT_SECONDS = 2.0
"""Larger batches are left out if timing them would take longer; the curve goes on straight."""


class Profiles(Protocol):
    """Costs that were measured before on this machine."""

    def get(self, key: str, length: int) -> Costs | None:
        """Return the costs at about `length` tokens of context, if they are known."""
        ...

    def put(self, key: str, length: int, costs: Costs) -> None:
        """Keep costs for later runs."""
        ...


def verify_costs(context: Context, token: int, clock: Clock) -> Costs:
    """Time batches of SIZES tokens after what `context` has read, and leave it as it was.

    The sizes take turns, as they do in decoding: llama.cpp prepares anew for a batch of another
    size than the last one. Only single tokens, which plain decoding repeats, are repeated.
    """
    sizes = _affordable(context, token, clock)
    timings: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(REPEATS):
        for size in sizes:
            timings[size].append(_time(context, [token] * size, clock))
    timings[1] = [_time(context, [token], clock) for _ in range(2 * REPEATS)][REPEATS:]
    return {size: median(seconds) for size, seconds in timings.items()}


def steady_costs(context: Context, token: int, turns: Costs, clock: Clock) -> Costs:
    """Time batches that repeat one size, and leave the context as it was.

    `turns` is what they take in turns. The smallest of WIDTHS is timed first; the others only if it
    is clearly faster than in turns, and if they do not take long.
    """
    first, *others = WIDTHS
    costs = {first: _steady(context, token, first, clock)}
    in_turns = CostCurve(turns).at(first)
    changing_matters = in_turns - costs[first] >= NOTICED * in_turns
    if changing_matters and WIDTHS[-1] in turns:
        costs |= {width: _steady(context, token, width, clock) for width in others}
    return costs


def pair_costs(context: Context, token: int, clock: Clock) -> Costs:
    """Time three tokens: one by one, or the first two at once; leave the context as it was."""
    base = len(context)
    ways = {1: ([token], [token], [token]), 2: ([token, token], [token])}
    timings: dict[int, list[float]] = {first: [] for first in ways}
    for _ in range(1 + REPEATS):
        for first, batches in ways.items():
            started = clock()
            for batch in batches:
                context.extend(batch, rows=1)
            timings[first].append(clock() - started)
            context.truncate(base)
    return {first: median(seconds[1:]) for first, seconds in timings.items()}


def step_cost(context: Context, token: int, clock: Clock) -> Costs:
    """Time single tokens after what `context` has read, and leave it as it was."""
    return {1: median(_time(context, [token], clock) for _ in range(REPEATS))}


def draft_costs(context: Context, token: int, sampling: SamplingParams, clock: Clock) -> Costs:
    """Time drafts of 1 and 4 tokens, step by step; each first cuts the last one back to a token.

    Cutting takes next to nothing, but for models with recurrent states.
    """
    base = len(context)
    timings: dict[int, list[float]] = {1: [], 4: []}
    for _ in range(REPEATS):
        started = clock()
        context.truncate(min(base + 1, len(context)))
        for position in range(4):
            distribution(context.extend([token], rows=1)[-1], sampling)
            if position + 1 in timings:
                timings[position + 1].append(clock() - started)
    context.truncate(base)
    return {size: median(seconds) for size, seconds in timings.items()}


def _affordable(context: Context, token: int, clock: Clock) -> list[int]:
    """Return the sizes that can be timed within the limit, trying each once.

    There are at least two: from one alone, larger batches would seem to cost nothing more.
    """
    started, sizes = clock(), []
    for size in SIZES:
        _time(context, [token] * size, clock)
        sizes.append(size)
        if len(sizes) > 1 and REPEATS * (clock() - started) > TIME_LIMIT_SECONDS:
            break
    return sizes


def _steady(context: Context, token: int, size: int, clock: Clock) -> float:
    """Return the seconds of a batch that follows others of its size."""
    return median([_time(context, [token] * size, clock) for _ in range(1 + REPEATS)][1:])


def _time(context: Context, tokens: list[int], clock: Clock) -> float:
    """Return the seconds of a batch; of several tokens with cutting back to the first of them.

    That takes next to nothing, but for models with recurrent states.
    """
    base = len(context)
    started = clock()
    context.extend(tokens, rows=len(tokens))
    if len(tokens) > 1:
        context.truncate(base + 1)
    seconds = clock() - started
    context.truncate(base)
    return seconds
