"""Who drafts an answer: drafters by kind, opened on what they read, and known to the planner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from rapid_cli.answering.answer import (
    LONGEST_DRAFT,
    Answer,
    Drafted,
    Note,
    Options,
    Origin,
    Prefilled,
    Retrieved,
)
from rapid_cli.answering.prefill import Contexts, PromptReader
from rapid_cli.answering.readings import Reading, Task, read_passages, with_recent_turns
from rapid_cli.answering.strategies import DrafterKind
from rapid_cli.decoding.acceptance import AcceptanceEstimate
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.costs import CostCurve
from rapid_cli.decoding.drafting import Drafter, ModelDrafter
from rapid_cli.decoding.lookup import PromptLookupDrafter
from rapid_cli.decoding.measuring import Clock, Costs, Profiles, draft_costs
from rapid_cli.decoding.planning import Arm, Kind
from rapid_cli.models.interface import LanguageModel

Preparation = Retrieved | Note | Prefilled | Drafted
"""What happens before the first token."""

CONFIDENCE = 0.3
"""The drafter stops a draft where its best token is less likely than this."""
MODEL_ACCEPTANCE = 0.7
"""The share of a model's drafted tokens that is expected to be accepted."""
LOOKUP_ACCEPTANCE = (0.3, 0.5, 0.65, 0.8, 0.9, 0.95)
"""The same for what is looked up, by the grade of the match.

So that quoting is soon noticed, and little is tried in vain where nothing of a text is quoted."""


@dataclass(slots=True)
class Drafters:
    """Who drafts an answer, what the planner knows of them, and what they let each other know."""

    all: list[Drafter] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)
    notes: list[Tokens] = field(default_factory=list)
    writer: ModelDrafter | None = None


def retrieve(result: Answer, task: Task) -> Retrieved:
    """Choose the passages that the drafter reads; they are the answer's sources."""
    model = result.pair.drafter
    reading = read_passages(with_recent_turns(task, model), model, result.document_tokens)
    result.sources = reading.passages
    if "model" in result.options.strategy.drafters:
        result.drafter = reading
    assert result.target is not None
    return Retrieved(result.sources, result.target.coverage, result.truncated)


def open_reader(
    role: Origin, model: LanguageModel, reading: Reading, options: Options, contexts: Contexts
) -> PromptReader:
    """Open a context with room for the prompt, the answer and a draft."""
    rows = options.longest_draft + 1
    length = len(reading.prompt) + options.max_tokens + rows
    return contexts.reader(role, model, length=length, rows=rows)


def _open_model_drafter(
    drafters: Drafters,
    result: Answer,
    task: Task,
    contexts: Contexts,
    *,
    profiles: Profiles,
    rng: np.random.Generator,
    clock: Clock,
) -> Iterator[Preparation]:
    """Let the drafter's model read the passages."""
    options, model = result.options, result.pair.drafter
    if result.drafter is None:
        yield retrieve(result, task)
    reading = result.drafter
    assert reading is not None
    before = clock()
    reader = open_reader("drafter", model, reading, options, contexts)
    yield from reader.read(reading.prompt, fresh=options.fresh)
    context = reader.context
    result.seconds.prefill_drafter = clock() - before
    last = reading.prompt.all[-1]
    key = f"{model.fingerprint} drafting"
    # A fixed draft length needs no costs, and its context may be too short to time them.
    costs = profiles.get(key, len(context)) if options.gamma is None else {}
    if costs is None:
        costs = draft_costs(context, last, options.sampling, clock)
        profiles.put(key, len(context), costs)
    drafters.writer = ModelDrafter(
        context,
        last,
        sampling=options.sampling,
        rng=rng,
        confidence=CONFIDENCE,
        is_end=result.pair.target.vocabulary.is_end,
        notes=drafters.notes,
    )
    drafters.all.append(drafters.writer)
    drafters.arms.append(model_arm(drafters.writer, costs))


def _open_lookup_drafter(
    drafters: Drafters, result: Answer, _task: Task, _contexts: Contexts, **_: object
) -> Iterator[Preparation]:
    """Look drafts up in what the target and the drafter read, and in what was drafted."""
    yield from ()
    readings = [reading for reading in (result.target, result.drafter) if reading is not None]
    lookup = PromptLookupDrafter([each.prompt.all for each in readings], drafters.notes)
    drafters.all.append(lookup)
    drafters.arms.append(lookup_arm(lookup))


OPENERS: dict[DrafterKind, Callable[..., Iterator[Preparation]]] = {
    "model": _open_model_drafter,
    "prompt-lookup": _open_lookup_drafter,
}


def model_arm(drafter: ModelDrafter, costs: Costs) -> Arm:
    """Return what the planner knows of a model drafter with these costs.

    What it wrote ahead costs nothing any more, and is as likely to be accepted as the rest.
    """
    acceptance = AcceptanceEstimate(LONGEST_DRAFT, MODEL_ACCEPTANCE)
    kinds = [Kind(CostCurve(costs, at_zero=0.0), acceptance), Kind(_free(), acceptance)]
    return Arm(kinds, lambda output: int(drafter.is_ahead(output)))


def lookup_arm(drafter: PromptLookupDrafter) -> Arm:
    """Return what the planner knows of prompt lookup: it costs nothing, and is often wrong."""
    kinds = [Kind(_free(), AcceptanceEstimate(LONGEST_DRAFT, each)) for each in LOOKUP_ACCEPTANCE]
    return Arm(kinds, drafter.grade)


def _free() -> CostCurve:
    return CostCurve({1: 0.0}, at_zero=0.0)
