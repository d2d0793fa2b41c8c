"""From readings to rounds of tokens: reading, drafting meanwhile, planning, and the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from itertools import islice

import numpy as np

from rapid_cli.answering import drafting_ahead
from rapid_cli.answering.answer import (
    LONGEST_DRAFT,
    Answer,
    Drafted,
    Note,
    Options,
    Prefilled,
)
from rapid_cli.answering.detokenizer import answer_text
from rapid_cli.answering.drafters import OPENERS, Drafters, Preparation, open_reader
from rapid_cli.answering.prefill import Contexts, PromptReader
from rapid_cli.answering.readings import Task
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import no_drafter
from rapid_cli.decoding.loop import decode
from rapid_cli.decoding.measuring import Clock, Costs, Profiles, verify_costs
from rapid_cli.decoding.planning import Arm, FixedGamma, PlainFirst, Planner, SpeedPlanner, never
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import verify
from rapid_cli.models.interface import ReadableContext

PLAIN_ROUNDS = 3
"""Rounds decoded without a draft at the start, to know what plain decoding does on this text."""


def generate(
    result: Answer,
    task: Task,
    contexts: Contexts,
    profiles: Profiles,
    *,
    started: float,
    clock: Clock,
) -> Generator[Preparation, None, Iterator[Round]]:
    """Read the prompts, and return the rounds of the answer.

    What was read when goes into `result.seconds`, which count from `started` where they count from
    anything. The rounds are decoded as they are taken.
    """
    options, pair, reading = result.options, result.pair, result.target
    assert reading is not None
    rng = np.random.default_rng(options.seed)
    kept_as = task.title if reading.is_whole and not task.is_passing else None
    target = open_reader("target", pair.target, reading, options, contexts)
    yield from _recall(target, kept_as, result, clock)
    drafters = Drafters()
    for kind in options.strategy.drafters:
        yield from OPENERS[kind](
            drafters, result, task, contexts, profiles=profiles, rng=rng, clock=clock
        )
    steps: Iterator[Prefilled | Note | Drafted]
    steps = _timed(target.finish(reading.prompt, kept_as=kept_as), result, clock)
    if drafters.writer is not None and target.left(reading.prompt) >= drafting_ahead.LEAST_LEFT:
        steps = _while_drafting(steps, drafters, result, rng, started=started, clock=clock)
    yield from steps
    last = reading.prompt.all[-1]
    rounds = decode(
        target.context,
        last,
        drafters.all or [no_drafter],
        partial(
            verify,
            sampling=options.sampling,
            eta=options.eta if options.strategy.transfer else 0.0,
            rng=rng,
        ),
        _planner(result, target.context, drafters, profiles, clock),
        max_tokens=options.max_tokens,
        is_end=pair.target.vocabulary.is_end,
        clock=clock,
    )
    return _remembered(rounds, target, last)


def _recall(
    target: PromptReader, kept_as: str | None, result: Answer, clock: Clock
) -> Iterator[Note]:
    """Let the target hold what is known of its prompt."""
    assert result.target is not None
    prompt, before = result.target.prompt, clock()
    yield from target.recall(prompt, kept_as=kept_as, fresh=result.options.fresh)
    result.seconds.prefill_target = clock() - before
    result.restored_tokens = max(0, target.reused - prompt.instructions)


def _remembered(rounds: Iterator[Round], target: PromptReader, last: int) -> Iterator[Round]:
    """Let the reader know what the target reads of its answer: all but the last token."""
    for done in rounds:
        target.took([last, *done.tokens[:-1]])
        last = done.tokens[-1]
        yield done


def _timed(
    steps: Iterator[Prefilled | Note], result: Answer, clock: Clock
) -> Iterator[Prefilled | Note]:
    """Yield the steps of reading, and add what they take to the target's seconds."""
    before = clock()
    for step in steps:
        result.seconds.prefill_target = (result.seconds.prefill_target or 0) + clock() - before
        yield step
        before = clock()


def _while_drafting(
    steps: Iterator[Prefilled | Note],
    drafters: Drafters,
    result: Answer,
    rng: np.random.Generator,
    *,
    started: float,
    clock: Clock,
) -> Iterator[Prefilled | Note | Drafted]:
    """Let the drafter write ahead while the target reads.

    With a seed what it writes is only shown, since how far it comes depends on the clock, and on
    whether the text is new.
    """
    options, target, writer = result.options, result.pair.target, drafters.writer
    assert writer is not None
    drafting = islice(writer.write_ahead(*rng.spawn(1)), options.max_tokens)
    together = (
        drafting_ahead.beside(steps, drafting)
        if target.offloaded
        else drafting_ahead.in_turns(steps, drafting, clock)
    )
    written: list[int] = []
    for step in together:
        if not isinstance(step, list):
            yield step
            continue
        if not written:
            result.seconds.first_draft = clock() - started
        written += step
        yield Drafted(answer_text(written, target))
    if options.seed is None:
        drafters.notes.append(tuple(written))
    else:
        writer.forget_ahead()


def _planner(
    result: Answer,
    target: ReadableContext,
    drafters: Drafters,
    profiles: Profiles,
    clock: Clock,
) -> Planner:
    """Return the planner of the answer; what is not known of the target's costs is measured."""
    options, model = result.options, result.pair.target
    is_waiting = drafters.writer.is_ahead if drafters.writer else never
    if options.gamma is not None or not drafters.arms:
        return planner_for(options, {}, drafters.arms, is_waiting)
    costs = profiles.get(model.fingerprint, len(target))
    if costs is None:
        assert result.target is not None
        costs = verify_costs(target, result.target.prompt.all[-1], clock)
        profiles.put(model.fingerprint, len(target), costs)
    return planner_for(options, costs, drafters.arms, is_waiting)


def planner_for(
    options: Options,
    costs: Costs,
    arms: Sequence[Arm],
    is_waiting: Callable[[Tokens], bool] = never,
) -> Planner:
    """Plan by what was asked for, or by what things cost here; plain decoding is timed first.

    `is_waiting` tells whether a draft is there that the target has yet to check.
    """
    if not arms:
        return FixedGamma(0)
    if options.gamma is not None:
        return PlainFirst(FixedGamma(options.gamma), PLAIN_ROUNDS, is_waiting)
    planner = SpeedPlanner(
        CostCurve(costs),
        arms,
        shortest=0 if options.strategy.may_rest else 1,
        longest=LONGEST_DRAFT,
        learn_costs=options.seed is None,
    )
    return PlainFirst(planner, PLAIN_ROUNDS, is_waiting)
