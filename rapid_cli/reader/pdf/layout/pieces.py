"""Where the pieces of text of a page stand: a quick look for what the text alone does not tell."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rapid_cli.reader.pdf.layout.letters import LEAST_SIZE, SHARED_HEIGHT

Pieces = NDArray[np.float64]
"""Boxes as (n, 4): left, bottom, right, top; in the order in which a page draws its text."""

GAP = 0.8
"""Of the height of letters: from there on, a blank parts columns and not words."""
FEWEST = 3
"""Rows that must show a gutter."""
NARROWEST = 7.0
"""Heights of letters: how wide lines of prose are at least in the middle."""
SHIFT = 0.12
"""Of the height of a letter: the farthest at which a second one is still the same."""


def overlap(pieces: Pieces) -> bool:
    """Tell whether two pieces may begin at the same place, as letters do that are printed twice."""
    if len(pieces) < 2:
        return False
    reach = SHIFT * float(np.median(heights(pieces)))
    # Two points that are so near share a square of double the width in one of four grids.
    squares = pieces[:, :2] / (2 * reach)
    return any(
        len({(x, y) for x, y in np.floor(squares + shift).tolist()}) < len(pieces)
        for shift in ((0, 0), (0, 0.5), (0.5, 0), (0.5, 0.5))
    )


def may_have_columns(pieces: Pieces) -> bool:
    """Tell whether pieces may be drawn row by row over columns."""
    runs = _runs(pieces)
    if len(runs) <= FEWEST:
        return False
    one, other = runs[:-1], runs[1:]
    jumps = _are_beside(one, other) & (other[:, 0] - one[:, 2] >= _reach(one, other))
    if np.count_nonzero(jumps) < FEWEST:
        return False
    one, other = one[jumps], other[jumps]
    gutter, count = gutter_of(zip(one[:, 2].tolist(), other[:, 0].tolist(), strict=True))
    beside = (one[:, 2] <= gutter) & (gutter <= other[:, 0])
    return count >= FEWEST and all(
        np.median((side[:, 2] - side[:, 0]) / heights(side)) >= NARROWEST
        for side in (one[beside], other[beside])
    )


def gutter_of(gaps: Iterable[tuple[float, float]]) -> tuple[float, int]:
    """Return the middle of where most gaps are, some from left to right, and how many are there."""
    ends = sorted(end for left, right in gaps for end in ((left, -1), (right, 1)))
    best, count, most = (0.0, 0.0), 0, 0
    for (place, step), (following, _) in pairwise([*ends, ends[-1]]):
        count -= step
        if count > most:
            best, most = (place, following), count
    return sum(best) / 2, most


def _runs(pieces: Pieces) -> Pieces:
    """Return boxes around pieces that follow each other without a wide blank."""
    one, other = pieces[:-1], pieces[1:]
    gaps, reach = other[:, 0] - one[:, 2], _reach(one, other)
    adjoins = _are_beside(one, other) & (-reach <= gaps) & (gaps < reach)
    starts = np.flatnonzero(np.concatenate([[True], ~adjoins])[: len(pieces)])
    lowest = np.minimum.reduceat(pieces, starts) if len(starts) else pieces
    highest = np.maximum.reduceat(pieces, starts) if len(starts) else pieces
    return np.concatenate([lowest[:, :2], highest[:, 2:]], axis=1)


def heights(pieces: Pieces) -> NDArray[np.float64]:
    """Return the heights of pieces, never nothing."""
    return np.maximum(pieces[:, 3] - pieces[:, 1], LEAST_SIZE)


def _reach(one: Pieces, other: Pieces) -> NDArray[np.float64]:
    return GAP * np.minimum(heights(one), heights(other))


def _are_beside(one: Pieces, other: Pieces) -> NDArray[np.bool_]:
    """Tell of pairs whether both stand at the same height; as `Box.is_beside`."""
    shared = np.minimum(one[:, 3], other[:, 3]) - np.maximum(one[:, 1], other[:, 1])
    return shared >= SHARED_HEIGHT * np.minimum(heights(one), heights(other))
