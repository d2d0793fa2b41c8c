"""From what is to be read to rounds of tokens: reading, drafting meanwhile, and the loop."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from rapid_cli.answering import drafting_ahead
from rapid_cli.answering.absence import Absence, Witness
from rapid_cli.answering.answer import Drafted, Note, Prefilled, Retrieved
from rapid_cli.answering.detokenizer import answer_text, may_end_sentence
from rapid_cli.answering.drafters import Drafters
from rapid_cli.answering.prefill import PromptReader
from rapid_cli.answering.readings import Reading
from rapid_cli.answering.request import Request, Retrieval
from rapid_cli.decoding.context import Context, Tokens
from rapid_cli.decoding.drafting import ModelDrafter
from rapid_cli.decoding.measuring import (
    Costs,
    draft_costs,
    pair_costs,
    steady_costs,
    step_cost,
    verify_costs,
)
from rapid_cli.decoding.stats import Round
from rapid_cli.decoding.verification import Hearing
from rapid_cli.models.interface import PromptTokens

Preparation = Retrieved | Note | Prefilled | Drafted
"""What happens before the first token."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The rounds of an answer, decoded as they are taken; the tokens of the text not read again.

    `plain_seconds` is what a step without a draft takes, if it is known before. `absence` tells,
    once rounds were taken, whether the answer is that the text does not say.
    """

    rounds: Iterator[Round]
    restored_tokens: int
    absence: Absence
    plain_seconds: float | None = None


def generate(
    request: Request, reading: Reading, retrieval: Retrieval
) -> Generator[Preparation, None, Generation]:
    """Read the prompts, the target's `reading` first, and return the rounds of the answer.

    What was read when goes into the request's seconds.
    """
    options, model, prompt = request.options, request.pair.target, reading.prompt
    rng = np.random.default_rng(options.seed)
    is_kept = reading.is_whole and not request.task.is_temporary
    kept_as = request.task.title if is_kept else None
    reader = request.open("target", reading)
    yield from _recall(reader, prompt, kept_as, request)
    restored = max(0, reader.reused - prompt.instructions)
    is_end = model.vocabulary.is_end
    hearing = Hearing(request.pair.trust, is_end, partial(may_end_sentence, model.vocabulary))
    drafters = Drafters(options, prompt.all, rng=rng, is_end=is_end, hearing=hearing)
    weighing: Costs = {}
    absence = Absence(model, request.seconds, request.clock)
    if "model" in options.strategy.drafters:
        weighing = yield from _add_model(drafters, absence, request, retrieval)
    if "prompt-lookup" in options.strategy.drafters:
        drafters.add_lookup(weighing)
    steps: Iterator[Prefilled | Note | Drafted]
    steps = _timed(reader.finish(prompt, kept_as=kept_as), request)
    if drafters.writer and reader.left(prompt) >= drafting_ahead.LEAST_LEFT:
        steps = _while_drafting(steps, drafters.writer, drafters.notes, request, rng)
    yield from steps
    last = prompt.all[-1]
    costs = _verify_costs(request, model.fingerprint, reader.context, last) if drafters else {}
    steady = _steady_costs(request, reader, last, costs) if drafters else {}
    rounds = drafters.decode(
        reader.context, costs, steady, max_tokens=options.max_tokens, clock=request.clock
    )
    rounds = _remembered(rounds, reader, last)
    absence.witnesses.append(Witness(reader, reading))
    if options.abstains and absence.can_be_said(options.max_tokens):
        rounds = absence.rounds(rounds)
    return Generation(rounds, restored, absence, costs.get(1))


def _add_model(
    drafters: Drafters, absence: Absence, request: Request, retrieval: Retrieval
) -> Generator[Retrieved | Note | Prefilled, None, Costs]:
    """Let the drafter's model read the passages, and draft; return what its batches cost.

    They matter, and are measured, if it advises others.
    """
    reading = yield from retrieval.reading()
    clock, model, options = request.clock, request.pair.drafter, request.options
    before, prompt = clock(), reading.prompt
    reader = request.open("drafter", reading)
    yield from reader.read(prompt, fresh=options.fresh)
    request.seconds.prefill_drafter = clock() - before
    last, planned = prompt.all[-1], options.gamma is None
    costs: Costs = {}
    pairs: Costs = {}
    if planned:
        measure = partial(draft_costs, reader.context, last, options.sampling, clock)
        costs = request.costs(f"{model.fingerprint} drafts", reader.context, measure)
    if planned and not options.strategy.transfer:  # else it never has two tokens to read
        measure = partial(pair_costs, reader.context, last, clock)
        pairs = request.costs(f"{model.fingerprint} pairs", reader.context, measure)
    drafters.add_model(reader.context, prompt.all, costs, pairs)
    absence.witnesses.append(Witness(reader, reading, drafters.writer))
    if not (planned and options.strategy.transfer):
        return {}
    return _verify_costs(request, model.fingerprint, reader.context, last)


def _verify_costs(request: Request, key: str, context: Context, last: int) -> Costs:
    """Return what batches of a model cost; of a single token alone if lengths are not planned."""
    if request.options.gamma is not None:
        return step_cost(context, last, request.clock)
    return request.costs(key, context, partial(verify_costs, context, last, request.clock))


def _steady_costs(request: Request, reader: PromptReader, last: int, turns: Costs) -> Costs:
    """Return what batches of the target cost that repeat a size.

    Nothing where that does not matter: where lengths are not planned, and so stay the same, or
    where padding could not be forgotten easily.
    """
    context = reader.context
    if request.options.gamma is not None or not context.cuts_freely:
        return {}
    measure = partial(steady_costs, context, last, turns, request.clock)
    return request.costs(f"{request.pair.target.fingerprint} steady", context, measure)


def _recall(
    reader: PromptReader, prompt: PromptTokens, kept_as: str | None, request: Request
) -> Iterator[Note]:
    """Let the target hold what is known of its prompt."""
    before = request.clock()
    yield from reader.recall(prompt, kept_as=kept_as, fresh=request.options.fresh)
    request.seconds.prefill_target = request.clock() - before


def _timed(steps: Iterator[Prefilled | Note], request: Request) -> Iterator[Prefilled | Note]:
    """Yield the steps of reading, and add what they take to the target's seconds."""
    seconds, before = request.seconds, request.clock()
    for step in steps:
        seconds.prefill_target = (seconds.prefill_target or 0) + request.clock() - before
        yield step
        before = request.clock()


def _while_drafting(
    steps: Iterator[Prefilled | Note],
    writer: ModelDrafter,
    notes: list[Tokens],
    request: Request,
    rng: np.random.Generator,
) -> Iterator[Prefilled | Note | Drafted]:
    """Let the drafter write ahead while the target reads.

    With a seed what it writes is only shown, since how far it comes depends on the clock, and on
    whether the text is new.
    """
    options, target = request.options, request.pair.target
    drafting = islice(writer.write_ahead(*rng.spawn(1)), options.max_tokens)
    together = (
        drafting_ahead.beside(steps, drafting)
        if target.offloaded
        else drafting_ahead.in_turns(steps, drafting, request.clock)
    )
    written: list[int] = []
    for step in together:
        if not isinstance(step, list):
            yield step
            continue
        if not written:
            request.seconds.first_draft = request.waited()
        written += step
        yield Drafted(answer_text(written, target))
    if options.seed is None:
        notes.append(tuple(written))
    else:
        writer.forget_ahead()


def _remembered(rounds: Iterator[Round], reader: PromptReader, last: int) -> Iterator[Round]:
    """Let the reader know what the target reads of its answer: all but the last token."""
    for done in rounds:
        reader.took([last, *done.tokens[:-1]])
        last = done.tokens[-1]
        yield done
