"""Whether a difference may be chance: bootstrap intervals, and McNemar's exact test."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
RESAMPLES = 10_000
LEAST_CLUSTERS = 5
"""With fewer documents, questions are drawn one by one, and not by document."""
_DRAWN_AT_ONCE = 1_000_000
_SEED = 0

Interval = tuple[float, float]


def interval(values: Sequence[float], clusters: Sequence[Hashable]) -> Interval | None:
    """Return the 95% bootstrap interval of the mean of `values`, the same at each call.

    Whole clusters are drawn if there are LEAST_CLUSTERS of them, and single values otherwise: the
    questions about one document are right and wrong together. None without values.
    """
    if not values:
        return None
    if not is_clustered(clusters):
        clusters = range(len(values))
    sums, counts = _by_cluster(values, clusters)
    low, high = np.quantile(_means(sums, counts), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def is_clustered(clusters: Sequence[Hashable]) -> bool:
    """Tell whether there are enough clusters to draw whole ones."""
    return len(set(clusters)) >= LEAST_CLUSTERS


def _by_cluster(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of values, and their counts, by cluster."""
    number = {cluster: at for at, cluster in enumerate(dict.fromkeys(clusters))}
    of_each = [number[cluster] for cluster in clusters]
    sums = np.bincount(of_each, weights=np.asarray(values, float)).astype(np.float64)
    return sums, np.bincount(of_each).astype(np.float64)


def _means(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of as many samples of clusters, drawn with replacement."""
    rng = np.random.default_rng(_SEED)
    size = len(sums)
    block = max(1, _DRAWN_AT_ONCE // size)
    means = []
    for start in range(0, RESAMPLES, block):
        drawn = rng.integers(size, size=(min(block, RESAMPLES - start), size))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)


def mcnemar(better: int, worse: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    `better` and `worse` count the questions that only one of the two answered right.
    """
    total, fewer = better + worse, min(better, worse)
    tail = sum(comb(total, count) for count in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**total))
