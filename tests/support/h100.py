"""What batches and drafts took on an NVIDIA H100, in milliseconds, as docs/benchmarks.md tells.

The target has the shape of Llama 3.1 8B in F16. Batches were timed in turns of different widths, as
decoding does, so they hold what a change of width costs: most of the step from 1 to 2. Random
weights, 28 November 2026, commit edb2ab0.
"""

from __future__ import annotations

import numpy as np

VERIFY = {
    4_096: {1: 6.46, 2: 10.17, 4: 9.96, 8: 10.34, 9: 10.72, 16: 11.01},
    32_768: {1: 8.27, 2: 11.29, 4: 11.19, 8: 11.53, 9: 12.04, 16: 12.39},
    120_000: {1: 13.69, 2: 15.24, 4: 15.39, 8: 15.84, 9: 16.17, 16: 16.80},
}
"""By context length, then by the tokens of a batch."""
DRAFT = {
    "same": {4_096: 33.52, 32_768: 33.46, 120_000: 34.30},
    "8B Q4_0": {4_096: 21.97, 32_768: 20.18, 120_000: 20.60},
    "1B Q8_0": {4_096: 12.29, 32_768: 12.15, 120_000: 9.69},
}
"""Four drafted tokens, by drafter and the target's context length."""
ALONE = {"8B Q4_0": 3.53, "1B Q8_0": 1.46}
"""A step of a drafter alone, without sampling from its 128,256 tokens."""
SAMPLING = 0.1
"""What a drafted token takes beside the drafter's step since then, rounded up: on the CPU of
docs/benchmarks.md, where `tests.measurements.sampling_cost` measures it."""


ENDS = 0.15
"""The chance that a draft ends after a token, since the drafter is not sure enough to go on."""


def verify(length: int, size: int) -> float:
    """Return what the target takes for a batch."""
    curve = VERIFY[length]
    return float(np.interp(size, list(curve), list(curve.values())))


def change(length: int) -> float:
    """Return what a change of width takes: a batch of 2 alone is taken to lie on the curve.

    So it was with Q4_0 weights, where 1 and 2 tokens took 5.5 and 5.2 ms without a change.
    """
    curve = VERIFY[length]
    slope = (curve[16] - curve[2]) / 14
    return curve[2] - curve[1] - slope


def steady(length: int, size: int) -> float:
    """Return what the target takes for a batch that follows one of its size."""
    return verify(length, size) - (change(length) if size > 1 else 0.0)


def drafted(drafter: str, length: int) -> float:
    """Return what a drafted token took."""
    return DRAFT[drafter][length] / 4


def drafted_now(drafter: str) -> float:
    """Return what a drafted token takes, if sampling takes no longer there than on a CPU."""
    return ALONE[drafter] + SAMPLING
