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
    SMALLEST,
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

LEEWAY = 0.1
"""Nats by which a drafter of the target's size may be less certain than the target."""
MEMORY = 0.5
"""A token that was written counts for so much of what the one after it counts for."""
ENDING = 1.0
"""Nats by which a drafter must be surer than elsewhere to end an answer within a sentence."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many drafted tokens stand, and the token that comes after them.

    `transferred` of these tokens stand where the transfer has made another one the most likely.
    """

    accepted: int
    token: int
    transferred: int = 0


@dataclass(slots=True)
class Hearing:
    """Where in an answer the drafter's opinion is heard; it follows what is written.

    That is where the drafter's certainty is not below the target's by more than `trust` nats. A
    model that would have written something else is sure of what follows only because it was
    misled: of "P" the one that means Parker goes on with "arker", and the other one with "enny". So
    `odds` counts by how many nats each one preferred other tokens to those that were written.

    To end the answer within a sentence, the drafter must be surer by `ENDING`: who has read less
    has less to say. `closes` tells whether a sentence may end with a token.
    """

    trust: float
    is_end: Callable[[int], bool]
    closes: Callable[[int], bool] = lambda _token: False
    odds: float = 0.0
    last: int | None = None

    def hears(self, p: Distribution, opinion: Distribution) -> bool:
        """Tell whether an opinion is heard at this place."""
        asked = ENDING if self._breaks_off(opinion) else 0.0
        return opinion.certainty + self.odds >= p.certainty - self.trust + asked

    def follow(
        self, token: int, p: Distribution, opinion: Distribution | None, temperature: float
    ) -> None:
        """Take note of a token that was written where the models thought so."""
        self.last = token
        if opinion is not None:
            target, drafter = (each.nats_behind(token, temperature) for each in (p, opinion))
            self.odds = MEMORY * self.odds + target - drafter

    def _breaks_off(self, opinion: Distribution) -> bool:
        """Tell whether an opinion is to end the answer within a sentence."""
        closed = self.last is not None and self.closes(self.last)
        return self.is_end(opinion.likeliest) and not closed


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
    hearing: Hearing | None = None,
    accept: Acceptance = likelihood_ratio,
) -> Verdict:
    """Check `draft` against the target's `logits`, shape (len(draft) + 1, vocabulary).

    Row k holds the target's logits for the k-th drafted token, the last row those for the
    bonus token after a draft that was accepted whole. Rows past a rejection are not looked at.
    What a draft's opinions say is transferred with the strength `eta` where they are heard, which
    is everywhere without a `hearing`. That takes note of the tokens that stand.
    """
    weigh = partial(_weighed, logits, draft, sampling=sampling, eta=eta, hearing=hearing)
    transferred = 0
    for position, token in enumerate(draft.tokens):
        place = weigh(position)
        transferred += place.is_moved
        q = draft.distributions[position] if draft.distributions else certain(token, place.p.size)
        if not accept(place.p_hat, q, token, rng):
            return Verdict(position, place.write(residual(place.p_hat, q), rng), transferred)
        place.follow(token)
    place = weigh(len(draft))
    token = place.write(place.p_hat, rng)
    return Verdict(len(draft), token, transferred + place.is_moved)


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of an answer: the distributions there, and who is to know what is written."""

    p: Distribution
    p_hat: Distribution
    follow: Callable[[int], None] = lambda _token: None

    @property
    def is_moved(self) -> bool:
        """Whether the transfer has made another token the most likely."""
        return self.p.likeliest != self.p_hat.likeliest

    def write(self, chances: Distribution, rng: np.random.Generator) -> int:
        """Draw the token that is written here."""
        token = sample(chances, rng)
        self.follow(token)
        return token


def _weighed(
    logits: Logits,
    draft: Draft,
    position: int,
    *,
    sampling: SamplingParams,
    eta: float,
    hearing: Hearing | None,
) -> _Place:
    """Return a position of the draft, weighed by the opinion of it if there is one."""
    opinion = draft.opinions[position] if position < len(draft.opinions) else None
    also = None if opinion is None else _taught(opinion)
    p = p_hat = distribution(logits[position], sampling, also=also)
    if opinion is not None and (hearing is None or hearing.hears(p, opinion)):
        p_hat = transfer(p, opinion, eta)
    if hearing is None:
        return _Place(p, p_hat)
    follow = partial(hearing.follow, p=p, opinion=opinion, temperature=sampling.temperature)
    return _Place(p, p_hat, follow)


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
