"""Whether observed counts agree with a distribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

Outcome = TypeVar("Outcome")


def agrees(counts: Mapping[Outcome, int], expected: Mapping[Outcome, float]) -> bool:
    """Tell whether `counts` could be draws from `expected` (chi-square, five sigma)."""
    total = sum(counts.values())
    if any(expected.get(outcome, 0) == 0 for outcome in counts):
        return False
    means = np.array([probability * total for probability in expected.values()])
    observed = np.array([counts.get(outcome, 0) for outcome in expected])
    tested = means >= 5
    statistic = float(((observed[tested] - means[tested]) ** 2 / means[tested]).sum())
    freedom = int(tested.sum()) - 1
    return statistic < freedom + 5 * np.sqrt(2 * freedom)
