"""From logits to the distribution that tokens are drawn from, and drawing from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.context import Logits, Tokens

UNDERFLOW_NATS = 87.0
"""exp(-87) is the last normal float32: what lies further below the maximum has probability 0."""
MANY = 0.25
"""With a larger share of candidates, picking them out costs more than computing with all."""
FEW = 0.01
"""Up to such a share of the vocabulary, searching for tokens costs less than laying all out."""
SMALLEST = 1e-30
"""The probability of what has none."""
BLOCK = 1024
"""Tokens that are summed up together when one is drawn."""

Indices = NDArray[np.intp]
Probabilities = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """Temperature and filters; temperature 0 is greedy, `top_k` 0 and `top_p` 1 filter nothing."""

    temperature: float = 0.1
    top_k: int = 0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Probabilities of the tokens that have any, of a vocabulary of `size`.

    `tokens` are in ascending order and `probabilities`, of the same shape, sum to 1. At a low
    temperature these are a handful out of 150,000, and all work is done on them alone. `certainty`
    is the log-probability in nats that the model itself gives its likeliest token, before
    temperature and filters: 0 where it is sure.
    """

    tokens: Indices
    probabilities: Probabilities
    size: int
    certainty: float = 0.0

    def of(self, token: int) -> float:
        """Return the probability of one token."""
        place = int(np.searchsorted(self.tokens, token))
        found = place < len(self.tokens) and self.tokens[place] == token
        return float(self.probabilities[place]) if found else 0.0

    def nats_behind(self, token: int, temperature: float) -> float:
        """Return the nats by which a token was below the likeliest, before the `temperature`."""
        return temperature * math.log(self.confidence / max(self.of(token), SMALLEST))

    def at(self, tokens: Indices) -> Probabilities:
        """Return the probabilities of `tokens`, ascending, in their shape."""
        if len(self.tokens) == self.size:
            return self.probabilities if len(tokens) == self.size else self.probabilities[tokens]
        if len(tokens) > FEW * self.size:
            dense = np.zeros(self.size, self.probabilities.dtype)
            dense[self.tokens] = self.probabilities
            return dense[tokens]
        places = np.minimum(np.searchsorted(self.tokens, tokens), len(self.tokens) - 1)
        return np.where(self.tokens[places] == tokens, self.probabilities[places], 0)

    def places(self, tokens: Indices) -> Indices:
        """Return where in `self.tokens` those of `tokens` stand that are among them, in order."""
        places = np.minimum(np.searchsorted(self.tokens, tokens), len(self.tokens) - 1)
        return np.asarray(places[self.tokens[places] == tokens])

    def reweighted(self, weights: Probabilities) -> Distribution:
        """Return the distribution over the same tokens that is proportional to `weights`."""
        return Distribution(self.tokens, weights / weights.sum(), self.size)

    @property
    def confidence(self) -> float:
        """The probability of the most likely token."""
        return float(self.probabilities.max())

    @property
    def likeliest(self) -> int:
        """The most likely token."""
        return int(self.tokens[self.probabilities.argmax()])


def distribution(
    logits: Logits, sampling: SamplingParams, also: Indices | None = None
) -> Distribution:
    """Return softmax(logits / temperature) after the filters; `logits` has shape (vocabulary,).

    Tokens too unlikely for a float32 have probability 0, but for those of `also`.
    """
    highest = logits.max()
    if sampling.temperature == 0:
        return certain(int(logits.argmax()), len(logits))
    lowest = highest - UNDERFLOW_NATS * sampling.temperature
    candidates = _above(logits, lowest)
    unlikely = None if also is None else also[logits[also] < lowest]
    if unlikely is not None and len(unlikely):
        candidates = _with(candidates, unlikely, logits)
        nats = logits[candidates].astype(np.float64) - highest
    else:
        nats = _taken(logits, candidates) - highest
    weights = np.exp(nats / sampling.temperature)
    own = weights if sampling.temperature == 1 else np.exp(nats)
    certainty = -float(np.log(own.sum()))
    if 0 < sampling.top_k < len(candidates):
        kept = np.sort(np.argpartition(nats, -sampling.top_k)[-sampling.top_k :])
        candidates, weights = candidates[kept], weights[kept]
    if sampling.top_p < 1:
        kept = _nucleus(weights, sampling.top_p)
        candidates, weights = candidates[kept], weights[kept]
    weights /= weights.sum()
    return Distribution(candidates, weights, len(logits), certainty)


def log_likelihood(logits: Logits, tokens: Tokens) -> float:
    """Return the nats of `tokens` under softmax(logits), which has a row for each of them."""
    rows = logits[: len(tokens)]
    highest = rows.max(axis=1)
    totals = np.log(np.exp(rows - highest[:, None]).sum(axis=1)) + highest
    return float((rows[np.arange(len(tokens)), list(tokens)] - totals).sum())


def certain(token: int, size: int) -> Distribution:
    """Return the distribution that always draws `token`."""
    return Distribution(np.array([token]), np.ones(1, np.float32), size)


def sample(chances: Distribution, rng: np.random.Generator) -> int:
    """Draw a token: first a block of the vocabulary, then a token of it.

    A running sum over 150,000 probabilities would take ten times as long as the softmax does.
    """
    starts = np.arange(0, len(chances.tokens), BLOCK)
    sums = np.add.reduceat(chances.probabilities, starts, dtype=np.float64)
    start = starts[_draw(sums, rng)]
    place = _draw(chances.probabilities[start : start + BLOCK], rng)
    return int(chances.tokens[start + place])


def _draw(weights: Probabilities, rng: np.random.Generator) -> int:
    """Return a place, drawn in proportion to its weight."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    drawn = np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")
    return min(int(drawn), len(cumulative) - 1)


def _above(logits: Logits, lowest: float) -> Indices:
    """Return the tokens with a logit of at least `lowest`; all of them if that is no more work."""
    above = logits >= lowest
    if np.count_nonzero(above) > MANY * len(logits):
        return _all_tokens(len(logits))
    return np.flatnonzero(above)


def _taken(logits: Logits, tokens: Indices) -> Logits:
    return logits if len(tokens) == len(logits) else logits[tokens]


def _with(candidates: Indices, others: Indices, logits: Logits) -> Indices:
    """Return candidates and others in order; all tokens may be candidates already."""
    if len(candidates) == len(logits):
        return candidates
    return np.sort(np.concatenate([candidates, others]))


@lru_cache(maxsize=4)
def _all_tokens(size: int) -> Indices:
    return np.arange(size)


def _nucleus(weights: Probabilities, top_p: float) -> Indices:
    """Return, in order, the places of the fewest largest weights whose share reaches `top_p`."""
    order = np.argsort(-weights, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    return np.sort(order[: int(np.searchsorted(share, top_p)) + 1])
