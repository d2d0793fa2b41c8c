"""What recurrent states cost: those of models whose layers keep one in place of keys and values.

Such a state cannot be cut back as keys and values are. llama.cpp can keep the last few states of
some architectures (snapshots), and of all of them a state can be copied and put back (checkpoints).
"""

from __future__ import annotations

SNAPSHOTS = 8
"""States kept before the last. Twice as many pass llama.cpp's limit on the nodes of a graph."""
SNAPSHOT_ARCHITECTURES = frozenset({"lfm2", "lfm2moe", "nemotron_h", "qwen35", "qwen35moe"})
"""Those whose snapshots were tried and found exact; the tests try each."""
CHECKPOINTS = 4
"""Copies of the state that a context holds at most, in the computer's own memory."""


def snapshots_of(architecture: str) -> int:
    """Return how many states before the last one are kept of a model of `architecture`."""
    return SNAPSHOTS if architecture in SNAPSHOT_ARCHITECTURES else 0
