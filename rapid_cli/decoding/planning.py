"""How many tokens to draft in the next round, and by which drafter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.acceptance import AcceptanceEstimate
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.stats import Round

FIRST_GAMMA = 4
"""The draft length while nothing is known of what drafting costs."""
OPTIMISM = 1.0
"""Standard deviations by which a drafter is overrated when deciding whether to try it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Draft `gamma` tokens with the drafter of that index."""

    gamma: int
    drafter: int = 0


class Planner(Protocol):
    """Plans each round, and learns from how it went."""

    def plan(self, output: Tokens) -> Plan:
        """Return the plan of the next round, which goes on from `output`."""
        ...

    def observe(self, done: Round) -> None:
        """Take note of a finished round."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of draft: its costs by length, and how likely it is to be accepted."""

    costs: CostCurve
    acceptance: AcceptanceEstimate


def _always_the_first(_output: Tokens) -> int | None:
    return 0


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of a drafter: the kinds of its drafts, and of which the next one would be.

    `kind` returns None where it has nothing to propose after an output.
    """

    kinds: Sequence[Kind]
    kind: Callable[[Tokens], int | None] = _always_the_first


@dataclass(frozen=True, slots=True)
class FixedGamma:
    """The same draft length every round, as in the paper."""

    length: int

    def plan(self, output: Tokens) -> Plan:  # noqa: ARG002 - it is a Planner
        """Return the length."""
        return Plan(self.length)

    def observe(self, done: Round) -> None:
        """Learn nothing."""


class SpeedPlanner:
    """Chooses what is expected to give the most tokens a second.

    A draft of g tokens by drafter j takes D_j(g) + C(g + 1) seconds, both read from measured
    curves, and gives E_j(g) tokens, from the acceptance seen so far of its kind. D_j(0) is what the
    opinion of a drafter that advises takes. With `shortest` 0 a round may go without a draft, and
    a drafter that might pay, by one standard deviation, is tried. What a step of one token takes
    longer because a wider one went before it is learned too,
    and who drafts after such a step has to pay for it. With `learn_costs` False only acceptance is
    learned, so that a run does not depend on the clock and a seed repeats it.
    """

    def __init__(
        self,
        target: CostCurve,
        arms: Sequence[Arm],
        *,
        shortest: int = 1,
        longest: int = 16,
        learn_costs: bool = True,
    ) -> None:
        self._target = target
        self._arms = arms
        self._estimates = {id(k.acceptance): k.acceptance for arm in arms for k in arm.kinds}
        self._offers: dict[int, Kind] = {}
        self._shortest = shortest
        self._longest = longest
        self._learn_costs = learn_costs
        self._after_drafts = CostCurve()
        self._has_drafted = False

    def plan(self, output: Tokens) -> Plan:
        """Return the plan with the best expected speed."""
        kinds = [arm.kind(output) for arm in self._arms]
        self._offers = {
            drafter: self._arms[drafter].kinds[kind]
            for drafter, kind in enumerate(kinds)
            if kind is not None
        }
        if not self._offers:
            return Plan(0)
        for drafter, offer in self._offers.items():
            if not offer.costs.known:
                return Plan(min(FIRST_GAMMA, self._longest), drafter)
        return self._fastest()

    def observe(self, done: Round) -> None:
        """Learn what the round cost and how its draft fared."""
        tried = self._offers[done.drafter] if done.planned else None
        for estimate in self._estimates.values():
            planned = done.planned if tried and estimate is tried.acceptance else 0
            estimate.observe(planned, done.drafted, done.accepted)
        if self._learn_costs:
            single_after_draft = self._has_drafted and not done.drafted
            verify = self._after_drafts if single_after_draft else self._target
            verify.observe(done.drafted + 1, done.verify_seconds)
            offer = self._offers.get(done.drafter)
            if offer and (done.drafted or not done.planned):
                offer.costs.observe(done.drafted, done.draft_seconds)
        self._has_drafted = done.drafted > 0

    def _fastest(self) -> Plan:
        hopes = {
            drafter: self._rates(offer, deviations=OPTIMISM).max()
            for drafter, offer in self._offers.items()
        }
        best = max(hopes, key=hopes.__getitem__)
        opinions = {drafter: offer.costs.at(0) for drafter, offer in self._offers.items()}
        adviser = min(opinions, key=opinions.__getitem__)
        resting = self._target.at(1) + (self._aftermath() if self._has_drafted else 0.0)
        if self._shortest == 0 and hopes[best] <= 1 / (opinions[adviser] + resting):
            return Plan(0, adviser)
        first = max(self._shortest, 1)
        return Plan(first + int(np.argmax(self._rates(self._offers[best])[first - 1 :])), best)

    def _rates(self, offer: Kind, deviations: float = 0.0) -> NDArray[np.float64]:
        """Return expected tokens a second for drafts of 1, ..., longest tokens."""
        longest = self._longest
        draft, verify = offer.costs.upto(longest), self._target.upto(longest + 1)
        tokens = offer.acceptance.expected_tokens(deviations=deviations)[1:]
        more = 0.0 if self._has_drafted else self._aftermath()
        rates: NDArray[np.float64] = tokens / (
            draft[1 : longest + 1] + verify[2 : longest + 2] + more
        )
        return rates

    def _aftermath(self) -> float:
        """Return the seconds that the step of one token after a draft takes longer than others."""
        if self._shortest > 0 or not self._after_drafts.known:
            return 0.0
        return max(self._after_drafts.at(1) - self._target.at(1), 0.0)
