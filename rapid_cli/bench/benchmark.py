"""Measuring speed: strategies side by side on one text, interleaved, against plain decoding."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from rapid_cli.answering.answer import Options
from rapid_cli.answering.drafters import CONFIDENCE, lookup_arm, model_arm
from rapid_cli.answering.generation import planner_for
from rapid_cli.decoding.context import Tokens, common_prefix
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import Drafter, ModelDrafter, no_drafter
from rapid_cli.decoding.lookup import PromptLookupDrafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.measuring import SIZES, Clock, Costs, draft_costs, verify_costs
from rapid_cli.decoding.planning import Arm
from rapid_cli.decoding.sampling import Distribution
from rapid_cli.decoding.stats import DecodingStats, Round
from rapid_cli.decoding.verification import likelihood_ratio, verify
from rapid_cli.models.interface import ReadableContext


class Openable(Protocol):
    """A model of which only the speed matters."""

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


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to decode; `drafter` names the model that drafts, if the strategy has one.

    With `assumed_acceptance` a coin decides what is accepted, since random weights agree on
    nothing. All other work is done as ever, and drafts run to their planned length.
    """

    name: str
    options: Options
    drafter: str | None = None
    assumed_acceptance: float | None = None


@dataclass(slots=True)
class Stage:
    """What was measured at one context length before decoding; lengths in tokens."""

    length: int
    prefill_seconds: float
    cache_bytes: int
    verify_costs: Costs
    drafter_lengths: dict[str, int] = field(default_factory=dict)
    drafter_prefill_seconds: dict[str, float] = field(default_factory=dict)
    draft_costs: dict[str, Costs] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer by one variant. Seconds to the first draft and token begin with reading."""

    stage: Stage
    variant: Variant
    seed: int
    stats: DecodingStats
    decode_seconds: float
    predicted_seconds: float
    first_draft_seconds: float | None
    first_token_seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` tokens of a prompt were read by `reader`."""

    reader: str
    done: int
    total: int


@dataclass(slots=True)
class _Reader:
    """A context, and the prompt it was last given, of which it has read all but the last token."""

    name: str
    context: ReadableContext
    prompt: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def read(self, prompt: list[int], clock: Clock) -> Generator[Progress, None, float]:
        """Read what is new in `prompt`; return the seconds that all of it takes.

        A prompt that begins like the last one is read on, and the seconds that its beginning took
        are added.
        """
        kept = common_prefix(self.prompt[:-1], prompt[:-1])
        self.seconds *= kept / max(len(self.prompt) - 1, 1)
        self.context.truncate(kept)
        started = clock()
        for done in self.context.read(prompt[kept:-1]):
            yield Progress(self.name, kept + done, len(prompt) - 1)
        self.prompt = prompt
        self.seconds += clock() - started
        return self.seconds

    def rewind(self) -> None:
        """Forget what was decoded after the prompt."""
        self.context.truncate(len(self.prompt) - 1)


@dataclass(slots=True)
class Bench:
    """What to measure, and the contexts it is measured on."""

    material: Material
    variants: Sequence[Variant]
    max_tokens: int
    clock: Clock
    target: _Reader
    drafters: dict[str, _Reader]

    def stage(self, length: int) -> Generator[Progress, None, Stage]:
        """Let all models read, and time what a batch and a draft cost at this length."""
        prompt = self.material.target_prompt(length)
        seconds = yield from self.target.read(prompt, self.clock)
        context = self.target.context
        costs = verify_costs(context, prompt[-1], self.clock)
        stage = Stage(len(prompt), seconds, context.cache_bytes, costs)
        sampling = self.variants[0].options.sampling
        for name, drafter in self.drafters.items():
            short = self.material.drafter_prompt(length)
            stage.drafter_lengths[name] = len(short)
            stage.drafter_prefill_seconds[name] = yield from drafter.read(short, self.clock)
            stage.draft_costs[name] = draft_costs(drafter.context, short[-1], sampling, self.clock)
        return stage

    def sample(self, variant: Variant, stage: Stage, seed: int) -> Sample:
        """Decode one answer from the prompts as they were read."""
        self.target.rewind()
        rng = np.random.default_rng(seed)
        drafters, arms = self._arms(variant, stage, rng)
        options, coin = variant.options, variant.assumed_acceptance
        accept = likelihood_ratio if coin is None else partial(_toss, coin)
        eta = options.eta if options.strategy.transfer else 0.0
        rounds = decode(
            self.target.context,
            self.target.prompt[-1],
            drafters or [no_drafter],
            partial(verify, sampling=options.sampling, eta=eta, rng=rng, accept=accept),
            planner_for(options, stage.verify_costs, arms),
            max_tokens=self.max_tokens,
            is_end=self.material.is_end,
            clock=self.clock,
        )
        return self._timed(rounds, variant, stage, seed, arms)

    def _arms(
        self, variant: Variant, stage: Stage, rng: np.random.Generator
    ) -> tuple[list[Drafter], list[Arm]]:
        """Return the drafters of a variant, with what the planner knows of them."""
        drafters: list[Drafter] = []
        arms: list[Arm] = []
        texts: list[Tokens] = [self.target.prompt]
        notes: list[Tokens] = []
        for kind in variant.options.strategy.drafters:
            if kind == "prompt-lookup":
                if variant.assumed_acceptance is not None:
                    continue  # a coin cannot tell what a text repeats
                lookup = PromptLookupDrafter(texts, notes)
                drafters.append(lookup)
                arms.append(lookup_arm(lookup))
            else:
                assert variant.drafter is not None
                reader = self.drafters[variant.drafter]
                texts.append(reader.prompt)
                model = self._model_drafter(variant, reader, rng, notes)
                drafters.append(model)
                arms.append(model_arm(model, stage.draft_costs[variant.drafter]))
        return drafters, arms

    def _model_drafter(
        self, variant: Variant, reader: _Reader, rng: np.random.Generator, notes: list[Tokens]
    ) -> ModelDrafter:
        reader.rewind()
        return ModelDrafter(
            reader.context,
            reader.prompt[-1],
            sampling=variant.options.sampling,
            rng=rng,
            confidence=CONFIDENCE if variant.assumed_acceptance is None else 0.0,
            is_end=self.material.is_end,
            notes=notes,
        )

    def _timed(
        self,
        rounds: Iterator[Round],
        variant: Variant,
        stage: Stage,
        seed: int,
        arms: Sequence[Arm],
    ) -> Sample:
        """Run the rounds, and predict from the cost curves what they should have taken."""
        verify_curve = CostCurve(stage.verify_costs)
        draft_curves = [CostCurve(arm.kinds[0].costs.points(), at_zero=0.0) for arm in arms]
        stats = DecodingStats()
        predicted, first_draft, first_token = 0.0, None, None
        started = self.clock()
        for done in rounds:
            stats.add(done)
            predicted += verify_curve.at(done.drafted + 1)
            if done.drafted:
                predicted += draft_curves[done.drafter].at(done.drafted)
            elapsed = self.clock() - started
            first_token = elapsed if first_token is None else first_token
            if done.drafted and first_draft is None:
                first_draft = elapsed - done.verify_seconds
        decode_seconds = self.clock() - started
        before = stage.prefill_seconds + stage.drafter_prefill_seconds.get(variant.drafter or "", 0)
        return Sample(
            stage,
            variant,
            seed,
            stats,
            decode_seconds,
            predicted,
            first_draft_seconds=None if first_draft is None else before + first_draft,
            first_token_seconds=before + (first_token or 0.0),
        )


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
) -> Iterator[Progress | Stage | Sample]:
    """Measure `variants` at each of `lengths`, in turn within each of `repeats`.

    Each repeat begins with another variant, so that none always runs on a warmer machine. Yields
    the progress of reading, a Stage at each length, and a Sample for each answer.
    """
    rows = max(*SIZES, *(1 + variant.options.longest_draft for variant in variants))
    longest = max(lengths)
    with ExitStack() as contexts:

        def reader(name: str, model: Openable, prompts: Iterable[Tokens]) -> _Reader:
            room = max(map(len, prompts)) + max_tokens + rows
            return _Reader(name, contexts.enter_context(model.open(length=room, rows=rows)))

        bench = Bench(
            material,
            variants,
            max_tokens,
            clock,
            reader("target", target, [material.target_prompt(longest)]),
            {
                # The passages of a shorter text may happen to be longer than those of a longer one.
                name: reader(name, model, map(material.drafter_prompt, lengths))
                for name, model in drafters.items()
            },
        )
        for length in sorted(lengths):
            stage = yield from bench.stage(length)
            yield stage
            for seed in range(repeats):
                first = seed % len(variants)
                for variant in (*variants[first:], *variants[:first]):
                    yield bench.sample(variant, stage, seed)


def _toss(
    chance: float, p_hat: Distribution, q: Distribution, token: int, rng: np.random.Generator
) -> bool:
    """Accept by a coin, after the work of a real decision."""
    likelihood_ratio(p_hat, q, token, rng)
    return bool(rng.random() < chance)
