"""What a batch costs by its size, learned from what was timed."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

REMEMBERED = 15
"""A cost is the lower third of so many last timings, since a busy machine only makes it slower."""
TRUST = 3
"""A stored cost, or what a stored curve says of a size, counts as so many timings."""


class CostCurve:
    """Seconds for a batch of so many tokens.

    Between stored sizes the curve is straight. A curve that starts from nothing takes a size not
    yet tried to cost what the next smaller known one does, so that cliffs are found by trying.
    Beyond the largest known size the mean slope goes on. A larger batch is never taken to be
    cheaper than a smaller one. `at_zero` is the cost of an empty batch, if that is known.
    """

    def __init__(
        self, stored: Mapping[int, float] | None = None, *, at_zero: float | None = None
    ) -> None:
        self._timings = {
            size: deque([seconds] * TRUST, REMEMBERED) for size, seconds in (stored or {}).items()
        }
        self._straight = stored is not None
        self._at_zero = at_zero
        self._table: NDArray[np.float64] | None = None

    @property
    def known(self) -> bool:
        """Whether any size was measured."""
        return bool(self._timings)

    def observe(self, size: int, seconds: float) -> None:
        """Take note of one timing."""
        if size not in self._timings:
            expected = [self.at(size)] * TRUST if self._straight else []
            self._timings[size] = deque(expected, REMEMBERED)
        self._timings[size].append(seconds)
        self._table = None

    def points(self) -> dict[int, float]:
        """Return the measured sizes with their costs."""
        return {size: lower_third(self._timings[size]) for size in sorted(self._timings)}

    def at(self, size: int) -> float:
        """Return the seconds that a batch of `size` takes; 0 if nothing is known."""
        return float(self.upto(size)[size])

    def upto(self, largest: int) -> NDArray[np.float64]:
        """Return the seconds for batches of 0 to at least `largest` tokens."""
        if self._table is None or largest >= len(self._table):
            self._table = self._tabulate(max(largest, 32))
        return self._table

    def _tabulate(self, largest: int) -> NDArray[np.float64]:
        points = self.points()
        if not points:
            return np.zeros(largest + 1)
        if self._at_zero is not None:
            points = {0: self._at_zero} | points
        sizes, seconds = np.array(list(points)), np.maximum.accumulate(list(points.values()))
        slope = (seconds[-1] - seconds[0]) / max(sizes[-1] - sizes[0], 1)
        wanted = np.arange(largest + 1)
        inside = np.interp(wanted, sizes, seconds)
        if not self._straight:
            inside = seconds[np.maximum(np.searchsorted(sizes, wanted, side="right") - 1, 0)]
        beyond = np.maximum(wanted - sizes[-1], 0) * slope
        return np.asarray(inside + beyond)


def lower_third(timings: Collection[float]) -> float:
    """Return the timing that a third of them lie below: what it takes on a machine at rest."""
    return sorted(timings)[len(timings) // 3]
