"""Checking a draft: accept a prefix of it, then put one more token after it.

Equations are those of arXiv 2502.20330. This is ordinary speculative sampling for p_hat, the
target's p moved towards the drafter's q: whatever was drafted, and however long drafts are, each
token is distributed exactly as p_hat. With eta = 0, or without a drafter's opinion, p_hat is p.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from rapid_cli.decoding.context import Logits
from rapid_cli.decoding.drafting import Draft
from rapid_cli.decoding.sampling import (
    Distribution,
    Indices,
    Probabilities,
    SamplingParams,
    certain,
    distribution,
    sample,
)

TAIL = 0.1
"""The drafter teaches nothing about tokens it finds less likely than this share of its best one."""

SMALLEST = 1e-30
"""The probability of what has none."""
LEEWAY = 0.3
"""Nats by which a drafter of the target's size may be less certain than the target."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many drafted tokens stand, and the token that comes after them.

    `transferred` of these tokens stand where the transfer has made another one the most likely.
    """

    accepted: int
    token: int
    transferred: int = 0


Acceptance = Callable[[Distribution, Distribution, int, np.random.Generator], bool]
"""Decides from p_hat, q and a drafted token whether the token stands."""


def likelihood_ratio(
    p_hat: Distribution, q: Distribution, token: int, rng: np.random.Generator
) -> bool:
    """Accept with probability min(1, p_hat(token) / q(token)) (Eq. 5 with p_hat for p)."""
    return bool(rng.random() * q.of(token) < p_hat.of(token))


def verify(
    logits: Logits,
    draft: Draft,
    *,
    sampling: SamplingParams,
    eta: float,
    rng: np.random.Generator,
    trust: float = math.inf,
    accept: Acceptance = likelihood_ratio,
) -> Verdict:
    """Check `draft` against the target's `logits`, shape (len(draft) + 1, vocabulary).

    Row k holds the target's logits for the k-th drafted token, the last row those for the
    bonus token after a draft that was accepted whole. Rows past a rejection are not looked at.
    What a draft's opinions say is transferred with the strength `eta`, where the drafter's
    certainty is not below the target's by more than `trust` nats.
    """
    weigh = partial(_weighed, logits, draft, sampling=sampling, eta=eta, trust=trust)
    transferred = 0
    for position, token in enumerate(draft.tokens):
        p, p_hat = weigh(position)
        transferred += p.likeliest != p_hat.likeliest
        q = draft.distributions[position] if draft.distributions else certain(token, p.size)
        if not accept(p_hat, q, token, rng):
            return Verdict(position, sample(residual(p_hat, q), rng), transferred)
    p, p_hat = weigh(len(draft))
    return Verdict(len(draft), sample(p_hat, rng), transferred + (p.likeliest != p_hat.likeliest))


def _weighed(
    logits: Logits,
    draft: Draft,
    position: int,
    *,
    sampling: SamplingParams,
    eta: float,
    trust: float,
) -> tuple[Distribution, Distribution]:
    """Return p and p_hat at a position of the draft."""
    if position >= len(draft.opinions):
        p = distribution(logits[position], sampling)
        return p, p
    opinion = draft.opinions[position]
    p = distribution(logits[position], sampling, also=_taught(opinion))
    return p, transfer(p, opinion, eta) if opinion.certainty >= p.certainty - trust else p


def trust_in_drafter(target_parameters: int, drafter_parameters: int) -> float:
    """Return by how many nats a drafter may be less certain than the target, and be heard.

    Of two models of one size whoever is surer has mostly found the answer, and where both are
    about as sure it is more often the one that read less. Of two sizes the smaller one is the
    surer of things that are wrong, so a larger drafter may be less certain by more, and a smaller
    one must be surer.
    """
    return LEEWAY + math.log(drafter_parameters / target_parameters)


def transfer(p: Distribution, q: Distribution, eta: float) -> Distribution:
    """Return p_hat, what one distillation step of size eta makes of p (Eq. 6, 8), but not beyond q.

    The step of the paper is softmax(z/T + eta (q - p)), and as softmax(z/T) = p, that is
    p exp(eta (q - p)), normalised. Where eta is large, this goes beyond q: a token that q finds
    but a little likelier than p does passes q's best one. So no token is moved by more than
    ln(q/p), which makes it as likely as in q. Tokens that q finds less likely than 0.1 max q, the
    tail guard of the paper's published code, are moved together: they are one token here.
    """
    places = p.places(_taught(q))
    places = places[p.probabilities[places] > 0]
    if eta == 0 or not len(places):
        return p
    before = _with_rest(p.probabilities[places])
    goal = _with_rest(q.at(p.tokens[places]))
    way = np.abs(np.log(goal / before))
    factors = np.exp(np.clip(eta * (goal - before), -way, way))
    total = float(before @ factors)
    # One pass over what may be a whole vocabulary: all of it but the taught is scaled alike.
    probabilities = p.probabilities * (float(factors[-1]) / total)
    probabilities[places] = before[:-1] * factors[:-1] / total
    return replace(p, probabilities=probabilities)


def _with_rest(taught: Probabilities) -> Probabilities:
    """Return the probabilities of single tokens, and what they leave to all others."""
    taught = taught.astype(np.float64)
    return np.append(taught, max(SMALLEST, 1 - taught.sum()))


def _taught(q: Distribution) -> Indices:
    return q.tokens[q.probabilities >= TAIL * q.confidence]


def residual(p_hat: Distribution, q: Distribution) -> Distribution:
    """Return norm(max(p_hat - q, 0)), what a rejected token is replaced from.

    It makes up for what acceptance leaves out, so that the token is distributed as p_hat. Eq. 10
    of the paper has max(p - p_hat, p - q, 0) here: what came out would then depend on what was
    drafted, and where the drafter happened to propose badly, its opinion would count for nothing.
    """
    left = np.maximum(p_hat.probabilities - q.at(p_hat.tokens), 0)
    if left.sum() <= 0:  # p_hat and q agree up to rounding: nothing is left to correct
        return p_hat
    return p_hat.reweighted(left)
