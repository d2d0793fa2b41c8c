"""How likely the next draft is accepted, position by position, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PRIOR_WEIGHT = 3.0
"""What was expected before anything was seen counts as so many drafted tokens."""
POOLED_WEIGHT = 4.0
"""A position is taken to be like all others until it was reached about this often itself."""
DECAY, IDLE_DECAY = 0.96, 0.995
"""What is kept of earlier evidence after a round with and without a draft."""


class AcceptanceEstimate:
    """A Beta posterior for each position of a draft, with the mean over positions as its prior.

    Evidence decays, so that a text that turns hard or easy is followed, and so that a drafter
    that was given up is tried again.
    """

    def __init__(self, longest: int, prior: float) -> None:
        """Estimate positions 1 to `longest`, expecting the share `prior` to be accepted."""
        self._prior = prior
        self._reached = np.zeros(longest)
        self._accepted = np.zeros(longest)

    def observe(self, planned: int, drafted: int, accepted: int) -> None:
        """Take note of a round in which `planned` tokens were asked for and `accepted` stand."""
        self._decay(DECAY if planned else IDLE_DECAY)
        if not planned:
            return
        self._reached[: min(accepted + 1, drafted)] += 1
        self._accepted[:accepted] += 1

    def expected_tokens(self, *, deviations: float = 0.0) -> NDArray[np.float64]:
        """Return the expected tokens of a round for draft lengths 0, 1, ..., longest.

        E(g) = 1 + sum over i <= g of the chance that positions 1 to i all stand. With
        `deviations` each chance is taken so many standard deviations above its mean.
        """
        pooled = (self._accepted.sum() + self._prior * PRIOR_WEIGHT) / (
            self._reached.sum() + PRIOR_WEIGHT
        )
        weight = self._reached + POOLED_WEIGHT
        mean = (self._accepted + POOLED_WEIGHT * pooled) / weight
        spread = np.sqrt(mean * (1 - mean) / (weight + 1))
        chances = np.minimum(mean + deviations * spread, 1)
        return np.concatenate(([1.0], 1 + np.cumsum(np.cumprod(chances))))

    def _decay(self, kept: float) -> None:
        self._reached *= kept
        self._accepted *= kept
