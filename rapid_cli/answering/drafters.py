"""Who drafts an answer: a model or what was read, each known to the planner."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rapid_cli.answering.answer import LONGEST_DRAFT, Options
from rapid_cli.decoding.acceptance import AcceptanceEstimate
from rapid_cli.decoding.context import Context, Tokens
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import AdvisedDrafter, Drafter, ModelDrafter, no_drafter
from rapid_cli.decoding.lookup import PromptLookupDrafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.measuring import Clock, Costs
from rapid_cli.decoding.planning import Arm, FixedGamma, Kind, Planner, SpeedPlanner
from rapid_cli.decoding.shapes import PaddedContext, padded_costs, shapes_of
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import Acceptance, Hearing, likelihood_ratio, verify

CONFIDENCE = 0.3
"""The drafter stops a draft where its best token is less likely than this."""
MODEL_ACCEPTANCE = 0.7
"""The share of a model's drafted tokens that is expected to be accepted."""
LOOKUP_ACCEPTANCE = (0.3, 0.5, 0.65, 0.8, 0.9, 0.95)
"""The same for what is looked up, by the grade of the match.

So that quoting is soon noticed, and little is tried in vain where nothing of a text is quoted."""


@dataclass(slots=True)
class Drafters:
    """The drafters of one answer, what the planner knows of each, and the loop that they serve.

    `prompt` is what the target reads. What one drafts is noted, and what it reads is kept, for
    others to look things up in. The `writer` is the drafter that is a model. `hearing` decides
    where its opinion is heard, which is everywhere without one.
    """

    options: Options
    prompt: Tokens
    rng: np.random.Generator
    is_end: Callable[[int], bool]
    hearing: Hearing | None = None
    confidence: float = CONFIDENCE
    notes: list[Tokens] = field(default_factory=list)
    writer: ModelDrafter | None = None
    _read: list[Tokens] = field(default_factory=list)
    _drafters: list[Drafter] = field(default_factory=list)
    _arms: list[Arm] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._drafters)

    def add_model(self, context: Context, prompt: Tokens, costs: Costs, pairs: Costs) -> None:
        """Let a model draft, whose `context` has read all of its `prompt` but the last token.

        `costs` are those of its drafts, and `pairs` what `pair_costs` found, if it was asked. What
        it writes ahead costs nothing any more, and is as likely to be accepted as the rest.
        """
        writer = ModelDrafter(
            context,
            prompt[-1],
            sampling=self.options.sampling,
            rng=self.rng,
            advises=self.options.strategy.transfer,
            confidence=self.confidence,
            singly=pairs.get(1, math.inf) < pairs.get(2, 0.0),
            is_end=self.is_end,
            notes=self.notes,
        )
        acceptance = AcceptanceEstimate(LONGEST_DRAFT, MODEL_ACCEPTANCE)
        kinds = [Kind(self._curve(costs), acceptance), Kind(_free(), acceptance)]
        self.writer = writer
        self._read.append(prompt)
        self._drafters.append(writer)
        self._arms.append(Arm(kinds, lambda output: int(writer.is_ahead(output))))

    def add_lookup(self, costs: Costs | None = None) -> None:
        """Let drafts be looked up in all that was read and drafted so far, which costs nothing.

        With transfer the model that writes reads them, too, in batches with these `costs`.
        """
        lookup = PromptLookupDrafter([self.prompt, *self._read], self.notes)
        adviser = self.writer if self.options.strategy.transfer else None
        curve = self._curve(costs or {}) if adviser else _free()
        accepted = [AcceptanceEstimate(LONGEST_DRAFT, share) for share in LOOKUP_ACCEPTANCE]
        self._drafters.append(AdvisedDrafter(lookup, adviser) if adviser else lookup)
        self._arms.append(Arm([Kind(curve, each) for each in accepted], lookup.grade))

    def decode(
        self,
        target: Context,
        costs: Costs,
        steady: Costs,
        *,
        max_tokens: int,
        clock: Clock,
        accept: Acceptance = likelihood_ratio,
    ) -> Iterator[Round]:
        """Decode an answer after the prompt, of which `target` has read all but the last token.

        `costs` are those of its batches in turns, and `steady` those of batches that repeat a size:
        where it pays, batches are filled up to few sizes.
        """
        options = self.options
        if shapes := shapes_of(costs, steady):
            target = PaddedContext(target, shapes)
        return decode(
            target,
            self.prompt[-1],
            self._drafters or [no_drafter],
            partial(
                verify,
                sampling=options.sampling,
                eta=options.eta if options.strategy.transfer else 0.0,
                rng=self.rng,
                hearing=self.hearing,
                accept=accept,
            ),
            self._planner(padded_costs(costs, steady)),
            max_tokens=max_tokens,
            is_end=self.is_end,
            clock=clock,
        )

    def cost_curves(self) -> list[CostCurve]:
        """Return what drafts of each drafter cost by their length, as it is known now."""
        known = [arm.kinds[0].costs.points() for arm in self._arms]
        return [CostCurve({0: 0.0} | points) for points in known]

    def _planner(self, costs: Costs) -> Planner:
        """Plan by what was asked for, or by what things cost."""
        if not self._arms:
            return FixedGamma(0)
        if self.options.gamma is not None:
            return FixedGamma(self.options.gamma)
        return SpeedPlanner(
            CostCurve(costs),
            self._arms,
            shortest=0 if self.options.strategy.may_rest else 1,
            longest=LONGEST_DRAFT,
            learn_costs=self.options.seed is None,
        )

    def _curve(self, costs: Costs) -> CostCurve:
        """Return what drafts cost by their length, where so many tokens read have these `costs`.

        An opinion of the position after a draft takes one token more.
        """
        if not self.options.strategy.transfer:
            return CostCurve(costs, at_zero=0.0)
        return CostCurve({size - 1: seconds for size, seconds in costs.items()})


def _free() -> CostCurve:
    return CostCurve({1: 0.0}, at_zero=0.0)
