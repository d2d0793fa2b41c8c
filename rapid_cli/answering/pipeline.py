"""Answering one question: find passages, read, decode; told as a stream of events."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Event,
    Finished,
    Note,
    Piece,
    Prefilled,
    Thought,
)
from rapid_cli.answering.detokenizer import AnswerText
from rapid_cli.answering.generation import generate
from rapid_cli.answering.prefill import Contexts
from rapid_cli.answering.readings import (
    Task,
    fits,
    is_short,
    read_passages,
    read_what_fits,
    read_whole,
    require_room,
    with_recent_turns,
)
from rapid_cli.answering.request import Request, Retrieval, TargetPlan
from rapid_cli.decoding.stats import DecodingStats, Round
from rapid_cli.documents import Document
from rapid_cli.models.interface import LanguageModel


def answer(request: Request) -> Generator[Event, None, None]:
    """Answer a question about documents, yielding events; the last one is Finished."""
    plan = yield from _plan_target(request)
    request = _spared(request, plan)
    options, pair, seconds = request.options, request.pair, request.seconds
    retrieval = Retrieval(request, plan)
    if plan.truncated or options.strategy.target_reads == "passages":
        yield from retrieval.reading()
    generation = yield from generate(request, plan.reading, retrieval)
    text = AnswerText(pair.target)
    stats = DecodingStats(plain_seconds=generation.plain_seconds)
    yield from _write(generation.rounds, text, stats, request)
    found = yield from retrieval.reading()
    seconds.total = request.waited()
    yield Finished(
        Answer(
            request.question,
            options,
            pair,
            seconds,
            target=plan.reading,
            drafter=found if "model" in options.strategy.drafters else None,
            text=text.text,
            thinking=text.thinking,
            tokens=text.tokens,
            absent=generation.absence.found,
            finish_reason="stop" if text.is_complete else "length",
            sources=found.passages,
            document_tokens=plan.document_tokens,
            restored_tokens=generation.restored_tokens,
            forgotten_turns=plan.forgotten_turns,
            truncated=plan.truncated,
            stats=stats,
        )
    )


def read_ahead(
    document: Document, model: LanguageModel, contexts: Contexts
) -> Iterator[Prefilled | Note]:
    """Let the model read a document, so that what it has read is kept for questions to come."""
    task = Task("", [document], lambda _limit: [], answer_room=0)
    reading = read_whole(task, model)
    if not fits(reading, task, model):
        size, limit = len(reading.prompt), model.context_limit
        yield Note(f"{document.name} is not read ahead: it has {size} tokens, {limit} fit.")
        return
    reader = contexts.reader("target", model, length=len(reading.prompt), rows=1)
    yield from reader.read(reading.prompt, kept_as=document.name)


def _plan_target(request: Request) -> Generator[Note, None, TargetPlan]:
    """Decide what the target reads; where that takes passages, they are found now."""
    task, model, drafter = request.task, request.pair.target, request.pair.drafter
    strategy = request.options.strategy
    if "model" in strategy.drafters:
        require_room(with_recent_turns(task, drafter), drafter)  # before the target reads for long
    recent = with_recent_turns(task, model)
    forgotten = len(task.turns) - len(recent.turns)
    if forgotten:
        yield Note(f"The context is full: {forgotten} of the oldest turns are left out.")
    reading = read_whole(recent, model)
    document_tokens, truncated = reading.prompt.text_tokens, False
    if strategy.target_reads == "passages":
        reading = read_passages(recent, model, document_tokens)
    elif not fits(reading, recent, model):
        reading, truncated = read_what_fits(recent, model), True
    return TargetPlan(reading, document_tokens, forgotten, truncated)


def _spared(request: Request, plan: TargetPlan) -> Request:
    """Spare the target to be its own drafter on a text so short that it would read the same twice.

    It would propose what it says anyway, and know nothing better.
    """
    options, pair = request.options, request.pair
    same = pair.drafter is pair.target and is_short(request.task, plan.document_tokens)
    if not same or options.gamma is not None:
        return request
    return replace(request, options=replace(options, strategy=options.strategy.without_model()))


def _write(
    rounds: Iterator[Round], text: AnswerText, stats: DecodingStats, request: Request
) -> Iterator[Piece | Thought | Note | Decoded]:
    """Turn rounds into text as they come, and add them to `stats`."""
    seconds, before = request.seconds, request.clock()
    for done in rounds:
        stats.add(done)
        if seconds.first_token is None:
            seconds.first_token = request.waited()
        if done.drafted and seconds.first_draft is None:
            seconds.first_draft = request.waited() - done.verify_seconds
        yield from _pieces(done, text)
        yield Decoded(stats, request.clock() - before - (seconds.check or 0.0))
        if text.is_complete:
            break
    seconds.decode = request.clock() - before - (seconds.check or 0.0)
    yield from text.end()
    if text.thinking and not text.text:
        switch = ", or set reasoning = false for it in models.toml"
        yield Note(
            f"The model was still thinking when it had written {stats.tokens} tokens: "
            f"give a larger --max-tokens{switch if request.pair.target.format.switch else ''}."
        )


def _pieces(done: Round, text: AnswerText) -> Iterator[Piece | Thought]:
    """Yield the text of a round, token by token, with who wrote it."""
    for position, token in enumerate(done.tokens):
        yield from text.add(token, "drafter" if position < done.accepted else "target")
        if text.is_complete:
            return
