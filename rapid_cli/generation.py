"""From readings to rounds of tokens: contexts, drafters, what they cost, and the loop over them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np

from rapid_cli.answers import LONGEST_DRAFT, Answer, Options, Origin, Prefilled
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import Drafter, ModelDrafter, PromptLookupDrafter, no_drafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.planning import Arm, FixedGamma, PlainFirst, Planner, SpeedPlanner
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import verify
from rapid_cli.measuring import Clock, Costs, Profiles, draft_costs, verify_costs
from rapid_cli.models import LanguageModel, ReadableContext
from rapid_cli.reading import Reading

PLAIN_ROUNDS = 3
"""Rounds decoded without a draft at the start, to know what plain decoding does on this text."""
CONFIDENCE = 0.3
"""The drafter stops a draft where its best token is less likely than this."""


def generate(
    result: Answer, contexts: ExitStack, profiles: Profiles, clock: Clock
) -> Generator[Prefilled, None, Iterator[Round]]:
    """Open the contexts, read the prompts, and return the rounds of the answer.

    What was read when goes into `result.seconds`. The rounds are decoded as they are taken.
    """
    options, pair, reading = result.options, result.pair, result.target
    assert reading is not None
    rng = np.random.default_rng(options.seed)
    before = clock()
    target = yield from _read("target", pair.target, reading, options, contexts)
    result.seconds.prefill_target = clock() - before
    drafters: list[Drafter] = []
    arms: list[Arm] = []
    for kind in options.strategy.drafters:
        drafter, arm = yield from _DRAFTERS[kind](result, contexts, profiles, rng, clock)
        drafters.append(drafter)
        arms.append(arm)
    verifier = partial(
        verify,
        sampling=options.sampling,
        eta=options.eta if options.strategy.transfer else 0.0,
        rng=rng,
    )
    return decode(
        target,
        reading.prompt.all[-1],
        drafters or [no_drafter],
        verifier,
        _planner(result, target, arms, profiles, clock),
        max_tokens=options.max_tokens,
        is_end=pair.target.vocabulary.is_end,
        clock=clock,
    )


def _read(
    role: Origin,
    model: LanguageModel,
    reading: Reading,
    options: Options,
    contexts: ExitStack,
) -> Generator[Prefilled, None, ReadableContext]:
    """Open a context and let the model read its prompt, except the last token."""
    prompt = reading.prompt.all
    rows = options.longest_draft + 1
    length = len(prompt) + options.max_tokens + rows
    context = contexts.enter_context(model.open(length=length, rows=rows))
    for done in context.read(prompt[:-1]):
        yield Prefilled(role, done, len(prompt) - 1)
    return context


def _model_drafter(
    result: Answer,
    contexts: ExitStack,
    profiles: Profiles,
    rng: np.random.Generator,
    clock: Clock,
) -> Generator[Prefilled, None, tuple[Drafter, Arm]]:
    """Let the drafter's model read the passages."""
    options, model, reading = result.options, result.pair.drafter, result.drafter
    assert reading is not None
    before = clock()
    context = yield from _read("drafter", model, reading, options, contexts)
    result.seconds.prefill_drafter = clock() - before
    last = reading.prompt.all[-1]
    key = f"{model.fingerprint} drafting"
    # A fixed draft length needs no costs, and its context may be too short to time them.
    costs = profiles.get(key, len(context)) if options.gamma is None else {}
    if costs is None:
        costs = draft_costs(context, last, options.sampling, clock)
        profiles.put(key, len(context), costs)
    drafter = ModelDrafter(
        context,
        last,
        sampling=options.sampling,
        rng=rng,
        confidence=CONFIDENCE,
        is_end=result.pair.target.vocabulary.is_end,
    )
    return drafter, model_arm(costs)


def _lookup_drafter(
    result: Answer,
    _contexts: ExitStack,
    _profiles: Profiles,
    _rng: np.random.Generator,
    _clock: Clock,
) -> Generator[Prefilled, None, tuple[Drafter, Arm]]:
    """Look drafts up in what the target has read."""
    yield from ()
    assert result.target is not None
    return PromptLookupDrafter(result.target.prompt.all), lookup_arm()


_DRAFTERS = {"model": _model_drafter, "prompt-lookup": _lookup_drafter}


def _planner(
    result: Answer,
    target: ReadableContext,
    arms: Sequence[Arm],
    profiles: Profiles,
    clock: Clock,
) -> Planner:
    """Return the planner of the answer; what is not known of the target's costs is measured."""
    options, model = result.options, result.pair.target
    if options.gamma is not None or not arms:
        return planner_for(options, {}, arms)
    costs = profiles.get(model.fingerprint, len(target))
    if costs is None:
        assert result.target is not None
        costs = verify_costs(target, result.target.prompt.all[-1], clock)
        profiles.put(model.fingerprint, len(target), costs)
    return planner_for(options, costs, arms)


def model_arm(costs: Costs) -> Arm:
    """Return what the planner knows of a model drafter with these costs."""
    return Arm(CostCurve(costs, at_zero=0.0))


def lookup_arm() -> Arm:
    """Return what the planner knows of prompt lookup: it costs nothing, and is often wrong."""
    return Arm(CostCurve({1: 0.0}, at_zero=0.0), expected_acceptance=0.3)


def planner_for(options: Options, costs: Costs, arms: Sequence[Arm]) -> Planner:
    """Plan by what was asked for, or by what things cost here; plain decoding is timed first."""
    if not arms:
        return FixedGamma(0)
    if options.gamma is not None:
        return PlainFirst(FixedGamma(options.gamma), PLAIN_ROUNDS)
    planner = SpeedPlanner(
        CostCurve(costs),
        arms,
        shortest=0 if options.strategy.may_rest else 1,
        longest=LONGEST_DRAFT,
        learn_costs=options.seed is None,
    )
    return PlainFirst(planner, PLAIN_ROUNDS)
