"""How many tokens to draft in the next round, and by which drafter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rapid_cli.decoding.acceptance import AcceptanceEstimate
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

    def plan(self) -> Plan:
        """Return the plan of the next round."""
        ...

    def observe(self, done: Round) -> None:
        """Take note of a finished round."""
        ...


@dataclass(frozen=True, slots=True)
class Arm:
    """What is known of a drafter beforehand: costs by draft length, and expected acceptance."""

    costs: CostCurve
    expected_acceptance: float = 0.7


@dataclass(frozen=True, slots=True)
class FixedGamma:
    """The same draft length every round, as in the paper."""

    length: int

    def plan(self) -> Plan:
        """Return the length."""
        return Plan(self.length)

    def observe(self, done: Round) -> None:
        """Learn nothing."""


class PlainFirst:
    """Decodes a few rounds without drafts before another planner takes over.

    Their times are what plain decoding costs on this very document.
    """

    def __init__(self, planner: Planner, rounds: int) -> None:
        self._planner = planner
        self._left = rounds

    def plan(self) -> Plan:
        """Return an empty draft for the first rounds."""
        return Plan(0) if self._left else self._planner.plan()

    def observe(self, done: Round) -> None:
        """Let the other planner learn from every round."""
        self._left = max(self._left - 1, 0)
        self._planner.observe(done)


class SpeedPlanner:
    """Chooses what is expected to give the most tokens a second.

    A draft of g tokens by drafter j takes D_j(g) + C(g + 1) seconds, both read from measured
    curves, and gives E_j(g) tokens, from the acceptance seen so far. With `shortest` 0 a round
    may go without a draft, and a drafter that might pay, by one standard deviation, is tried.
    With `learn_costs` False only acceptance is learned, so that a run does not depend on the
    clock and a seed repeats it.
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
        self._drafts = [arm.costs for arm in arms]
        self._acceptance = [AcceptanceEstimate(longest, arm.expected_acceptance) for arm in arms]
        self._shortest = shortest
        self._longest = longest
        self._learn_costs = learn_costs

    def plan(self) -> Plan:
        """Return the plan with the best expected speed."""
        for index, curve in enumerate(self._drafts):
            if not curve.known:
                return Plan(min(FIRST_GAMMA, self._longest), index)
        hopes = [self._rates(index, deviations=OPTIMISM).max() for index in self._arms]
        best = int(np.argmax(hopes))
        if self._shortest == 0 and hopes[best] <= 1 / self._target.at(1):
            return Plan(0)
        first = max(self._shortest, 1)
        return Plan(first + int(np.argmax(self._rates(best)[first - 1 :])), best)

    def observe(self, done: Round) -> None:
        """Learn what the round cost and how its draft fared."""
        for index in self._arms:
            planned = done.planned if index == done.drafter else 0
            self._acceptance[index].observe(planned, done.drafted, done.accepted)
        if self._learn_costs:
            self._target.observe(done.drafted + 1, done.verify_seconds)
            if done.drafted:
                self._drafts[done.drafter].observe(done.drafted, done.draft_seconds)

    @property
    def _arms(self) -> range:
        return range(len(self._drafts))

    def _rates(self, index: int, deviations: float = 0.0) -> NDArray[np.float64]:
        """Return expected tokens a second of a drafter for draft lengths 1, ..., longest.

        In the rounds in which it has nothing to propose, the target steps alone.
        """
        acceptance = self._acceptance[index]
        offered = acceptance.availability
        longest = self._longest
        draft, verify = self._drafts[index].upto(longest), self._target.upto(longest + 1)
        seconds = draft[1 : longest + 1] + verify[2 : longest + 2]
        tokens = acceptance.expected_tokens(deviations=deviations)[1:]
        alone = (1 - offered) * self._target.at(1)
        rates: NDArray[np.float64] = (offered * tokens + 1 - offered) / (offered * seconds + alone)
        return rates
