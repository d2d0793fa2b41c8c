"""Measuring speed: strategies side by side on one text, interleaved, against plain decoding."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from rapid_cli.answering.drafters import CONFIDENCE, Drafters
from rapid_cli.bench.measurements import (
    DrafterProfile,
    LengthProfile,
    PrefillProgress,
    Sample,
    Variant,
)
from rapid_cli.decoding.context import Tokens, common_prefix
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.measuring import (
    SIZES,
    Clock,
    Costs,
    draft_costs,
    pair_costs,
    steady_costs,
    verify_costs,
)
from rapid_cli.decoding.sampling import Distribution, SamplingParams
from rapid_cli.decoding.shapes import padded_costs
from rapid_cli.decoding.stats import DecodingStats, Round
from rapid_cli.decoding.verification import Hearing, likelihood_ratio, trust_in_drafter
from rapid_cli.models.interface import ReadableContext, reachable


class Openable(Protocol):
    """A model of which only the speed matters."""

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        ...

    def open(self, *, length: int, rows: int) -> AbstractContextManager[ReadableContext]:
        """Open a context."""
        ...


class Material(Protocol):
    """What is read: one text, cut to any length."""

    def target_prompt(self, length: int) -> list[int]:
        """Return a prompt of `length` tokens over the beginning of the text."""
        ...

    def drafter_prompt(self, length: int) -> list[int]:
        """Return the short prompt that goes with `target_prompt(length)`."""
        ...

    def is_end(self, token: int) -> bool:
        """Tell whether `token` ends an answer."""
        ...


@dataclass(slots=True)
class _Reader:
    """A context, and the prompt it was last given, of which it has read all but the last token."""

    name: str
    context: ReadableContext
    prompt: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def read(self, prompt: list[int], clock: Clock) -> Generator[PrefillProgress, None, float]:
        """Read what is new in `prompt`; return the seconds that all of it takes.

        A prompt that begins like the last one is read on, and the seconds that its beginning took
        are added.
        """
        kept = reachable(self.context, common_prefix(self.prompt[:-1], prompt[:-1]))
        self.seconds *= kept / max(len(self.prompt) - 1, 1)
        self.context.truncate(kept)
        started = clock()
        for done in self.context.read(prompt[kept:-1]):
            yield PrefillProgress(self.name, kept + done, len(prompt) - 1)
        self.context.anchor()
        self.prompt = prompt
        self.seconds += clock() - started
        return self.seconds

    def rewind(self) -> None:
        """Forget what was decoded after the prompt."""
        self.context.truncate(len(self.prompt) - 1)


def run(
    target: Openable,
    drafters: Mapping[str, Openable],
    material: Material,
    *,
    lengths: Sequence[int],
    variants: Sequence[Variant],
    repeats: int,
    max_tokens: int,
    clock: Clock,
) -> Iterator[PrefillProgress | LengthProfile | Sample]:
    """Measure `variants` at each of `lengths`, in turn within each of `repeats`.

    Each repeat begins with another variant, so that none always runs on a warmer machine. Yields
    the progress of reading, a profile of each length, and a sample for each answer.
    """
    rows = max(*SIZES, *(1 + variant.options.longest_draft for variant in variants))
    with ExitStack() as contexts:

        def reader(name: str, model: Openable, prompts: Iterable[Tokens]) -> _Reader:
            room = max(map(len, prompts)) + max_tokens + rows
            return _Reader(name, contexts.enter_context(model.open(length=room, rows=rows)))

        text_reader = reader("target", target, [material.target_prompt(max(lengths))])
        # The passages of a shorter text may happen to be longer than those of a longer one.
        passage_readers = {
            name: reader(name, model, map(material.drafter_prompt, lengths))
            for name, model in drafters.items()
        }
        trusts = {
            name: trust_in_drafter(target.parameters, drafter.parameters)
            for name, drafter in drafters.items()
        }
        bench = _Bench(material, max_tokens, clock, text_reader, passage_readers, trusts)
        for length in sorted(lengths):
            profile = yield from bench.profile(length, variants[0].options.sampling)
            yield profile
            for seed in range(repeats):
                first = seed % len(variants)
                for variant in (*variants[first:], *variants[:first]):
                    yield bench.sample(variant, profile, seed)


@dataclass(frozen=True, slots=True)
class _Bench:
    """What is read, and the contexts that read it."""

    material: Material
    max_tokens: int
    clock: Clock
    target: _Reader
    drafters: Mapping[str, _Reader]
    trusts: Mapping[str, float]

    def profile(
        self, length: int, sampling: SamplingParams
    ) -> Generator[PrefillProgress, None, LengthProfile]:
        """Let all models read, and time what a batch and a draft cost at this length."""
        prompt, clock = self.material.target_prompt(length), self.clock
        seconds = yield from self.target.read(prompt, clock)
        cache_bytes = self.target.context.cache_bytes
        costs = verify_costs(self.target.context, prompt[-1], clock)
        steady: Costs = {}
        if self.target.context.cuts_freely:  # else padding could not be forgotten easily
            steady = steady_costs(self.target.context, prompt[-1], costs, clock)
        profiles: dict[str, DrafterProfile] = {}
        for name, drafter in self.drafters.items():
            short = self.material.drafter_prompt(length)
            took = yield from drafter.read(short, clock)
            drafting = draft_costs(drafter.context, short[-1], sampling, clock)
            weighing = verify_costs(drafter.context, short[-1], clock)
            pairs = pair_costs(drafter.context, short[-1], clock)
            profiles[name] = DrafterProfile(len(short), took, drafting, weighing, pairs)
        return LengthProfile(len(prompt), seconds, cache_bytes, costs, steady, profiles)

    def sample(self, variant: Variant, profile: LengthProfile, seed: int) -> Sample:
        """Decode one answer from the prompts as they were read."""
        self.target.rewind()
        options, coin = variant.options, variant.assumed_acceptance
        drafters = Drafters(
            options,
            self.target.prompt,
            rng=np.random.default_rng(seed),
            is_end=self.material.is_end,
            hearing=Hearing(self.trusts.get(variant.drafter or "", 0.0), self.material.is_end),
            confidence=CONFIDENCE if coin is None else 0.0,
        )
        weighing: Costs = {}
        if variant.drafter is not None:
            reader = self.drafters[variant.drafter]
            reader.rewind()
            known = profile.drafters[variant.drafter]
            drafters.add_model(reader.context, reader.prompt, known.costs, known.pair_costs)
            weighing = known.weighing_costs
        if "prompt-lookup" in options.strategy.drafters and coin is None:
            drafters.add_lookup(weighing)  # a coin could not tell what a text repeats
        curves = drafters.cost_curves()
        steady = _steady(variant, profile)
        rounds = drafters.decode(
            self.target.context,
            profile.verify_costs,
            steady,
            max_tokens=self.max_tokens,
            clock=self.clock,
            accept=likelihood_ratio if coin is None else partial(_toss, coin),
        )
        return self._timed(rounds, variant, profile, seed, curves)

    def _timed(
        self,
        rounds: Iterator[Round],
        variant: Variant,
        profile: LengthProfile,
        seed: int,
        draft_curves: Sequence[CostCurve],
    ) -> Sample:
        """Run the rounds, and predict from the cost curves what they should have taken."""
        steady = _steady(variant, profile)
        verify_curve = CostCurve(padded_costs(profile.verify_costs, steady))
        stats = DecodingStats()
        predicted, first_draft, first_token = 0.0, None, None
        started = self.clock()
        for done in rounds:
            stats.add(done)
            predicted += verify_curve.at(done.drafted + 1)
            if draft_curves:
                predicted += draft_curves[done.drafter].at(done.drafted)
            elapsed = self.clock() - started
            first_token = elapsed if first_token is None else first_token
            if done.drafted and first_draft is None:
                first_draft = elapsed - done.verify_seconds
        decode_seconds = self.clock() - started
        before = profile.prefill_seconds
        if variant.drafter is not None:
            before += profile.drafters[variant.drafter].prefill_seconds
        return Sample(
            profile,
            variant,
            seed,
            stats,
            decode_seconds,
            predicted,
            first_draft_seconds=None if first_draft is None else before + first_draft,
            first_token_seconds=before + (first_token or 0.0),
        )


def _steady(variant: Variant, profile: LengthProfile) -> Costs:
    """Return what decides about padding: nothing where drafts are as long as asked for."""
    return profile.steady_costs if variant.options.gamma is None else {}


def _toss(
    chance: float, p_hat: Distribution, q: Distribution, token: int, rng: np.random.Generator
) -> bool:
    """Accept by a coin, after the work of a real decision."""
    likelihood_ratio(p_hat, q, token, rng)
    return bool(rng.random() < chance)
