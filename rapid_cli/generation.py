"""From readings to rounds of tokens: contexts, drafters, what they cost, and the loop over them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial

import numpy as np

from rapid_cli.answers import (
    LONGEST_DRAFT,
    Answer,
    Note,
    Options,
    Origin,
    Prefilled,
    Retrieved,
)
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import Drafter, ModelDrafter, PromptLookupDrafter, no_drafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.planning import Arm, FixedGamma, PlainFirst, Planner, SpeedPlanner
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import verify
from rapid_cli.measuring import Clock, Costs, Profiles, draft_costs, verify_costs
from rapid_cli.models import LanguageModel, ReadableContext
from rapid_cli.prefill import Contexts, PromptReader
from rapid_cli.reading import Reading, Task, read_passages, with_recent_turns
from rapid_cli.strategies import DrafterKind

Preparation = Retrieved | Note | Prefilled
"""What happens before the first token."""

PLAIN_ROUNDS = 3
"""Rounds decoded without a draft at the start, to know what plain decoding does on this text."""
CONFIDENCE = 0.3
"""The drafter stops a draft where its best token is less likely than this."""


def generate(
    result: Answer, task: Task, contexts: Contexts, profiles: Profiles, clock: Clock
) -> Generator[Preparation, None, Iterator[Round]]:
    """Read the prompts, and return the rounds of the answer.

    What was read when goes into `result.seconds`. The rounds are decoded as they are taken.
    """
    options, pair, reading = result.options, result.pair, result.target
    assert reading is not None
    rng = np.random.default_rng(options.seed)
    before = clock()
    kept_as = task.title if reading.is_whole and not task.is_passing else None
    target = yield from _read("target", pair.target, reading, options, contexts, kept_as=kept_as)
    result.seconds.prefill_target = clock() - before
    # The instructions before the text are restored too, and do not count.
    result.restored_tokens = max(
        0, target.reused + result.document_tokens - len(reading.prompt.context)
    )
    drafters: list[Drafter] = []
    arms: list[Arm] = []
    for kind in options.strategy.drafters:
        drafter, arm = yield from _DRAFTERS[kind](
            result, task, contexts, profiles=profiles, rng=rng, clock=clock
        )
        drafters.append(drafter)
        arms.append(arm)
    verifier = partial(
        verify,
        sampling=options.sampling,
        eta=options.eta if options.strategy.transfer else 0.0,
        rng=rng,
    )
    last = reading.prompt.all[-1]
    rounds = decode(
        target.context,
        last,
        drafters or [no_drafter],
        verifier,
        _planner(result, target.context, arms, profiles, clock),
        max_tokens=options.max_tokens,
        is_end=pair.target.vocabulary.is_end,
        clock=clock,
    )
    return _remembered(rounds, target, last)


def retrieve(result: Answer, task: Task) -> Retrieved:
    """Choose the passages that the drafter reads; they are the answer's sources."""
    model = result.pair.drafter
    reading = read_passages(with_recent_turns(task, model), model, result.document_tokens)
    result.sources = reading.passages
    if "model" in result.options.strategy.drafters:
        result.drafter = reading
    assert result.target is not None
    return Retrieved(result.sources, result.target.coverage, result.truncated)


def _remembered(rounds: Iterator[Round], target: PromptReader, last: int) -> Iterator[Round]:
    """Let the reader know what the target reads of its answer: all but the last token."""
    for done in rounds:
        target.took([last, *done.tokens[:-1]])
        last = done.tokens[-1]
        yield done


def _read(
    role: Origin,
    model: LanguageModel,
    reading: Reading,
    options: Options,
    contexts: Contexts,
    *,
    kept_as: str | None = None,
) -> Generator[Prefilled | Note, None, PromptReader]:
    """Let the model read its prompt, except the last token."""
    rows = options.longest_draft + 1
    length = len(reading.prompt) + options.max_tokens + rows
    reader = contexts.reader(role, model, length=length, rows=rows)
    yield from reader.read(reading.prompt, kept_as=kept_as, fresh=options.fresh)
    return reader


def _model_drafter(
    result: Answer,
    task: Task,
    contexts: Contexts,
    *,
    profiles: Profiles,
    rng: np.random.Generator,
    clock: Clock,
) -> Generator[Preparation, None, tuple[Drafter, Arm]]:
    """Let the drafter's model read the passages."""
    options, model = result.options, result.pair.drafter
    if result.drafter is None:
        yield retrieve(result, task)
    reading = result.drafter
    assert reading is not None
    before = clock()
    context = (yield from _read("drafter", model, reading, options, contexts)).context
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
    result: Answer, _task: Task, _contexts: Contexts, **_: object
) -> Generator[Preparation, None, tuple[Drafter, Arm]]:
    """Look drafts up in what the target has read."""
    yield from ()
    assert result.target is not None
    return PromptLookupDrafter(result.target.prompt.all), lookup_arm()


_OpenDrafter = Callable[..., Generator[Preparation, None, tuple[Drafter, Arm]]]
_DRAFTERS: dict[DrafterKind, _OpenDrafter] = {
    "model": _model_drafter,
    "prompt-lookup": _lookup_drafter,
}


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
