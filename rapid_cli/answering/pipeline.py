"""Answering one question: find passages, read, decode; told as a stream of events."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

from rapid_cli.answering.answer import (
    Answer,
    Decoded,
    Event,
    Finished,
    Note,
    Options,
    Pair,
    Piece,
    Prefilled,
    Retrieved,
    Seconds,
    Thought,
)
from rapid_cli.answering.detokenizer import AnswerText
from rapid_cli.answering.drafters import retrieve
from rapid_cli.answering.generation import generate
from rapid_cli.answering.prefill import Contexts
from rapid_cli.answering.readings import (
    Search,
    Task,
    fits,
    read_passages,
    read_what_fits,
    read_whole,
    require_room,
    with_recent_turns,
)
from rapid_cli.decoding.measuring import Clock, Profiles
from rapid_cli.decoding.stats import Round
from rapid_cli.documents import Document, Passage
from rapid_cli.models.interface import LanguageModel
from rapid_cli.models.prompts import Turn


def answer(
    question: str,
    documents: Sequence[Document],
    search: Search,
    pair: Pair,
    options: Options,
    *,
    contexts: Contexts,
    profiles: Profiles,
    seconds: Seconds,
    started: float,
    clock: Clock,
    turns: tuple[Turn, ...] = (),
) -> Generator[Event, None, None]:
    """Answer `question` about `documents`, yielding events; the last one is Finished.

    `search` finds passages for the question and is called no sooner than they are needed.
    `contexts` stay open: what they have read is not read again. `profiles` keeps what things
    cost on this machine. `seconds` holds what was timed before, `started` is the clock's time
    when the person began to wait. `turns` were asked and answered before, oldest first.
    """
    result = Answer(question, options, pair, seconds)
    task = Task(
        question,
        documents,
        _timed(search, seconds, clock),
        answer_room=options.max_tokens + options.longest_draft + 1,
        context_length=options.context_length,
        retrieve_tokens=options.retrieve_tokens,
        turns=turns,
    )
    yield from _plan_target(result, task)
    rounds = yield from generate(result, task, contexts, profiles, started=started, clock=clock)
    yield from _write(rounds, result, started, clock)
    if result.sources is None:
        yield retrieve(result, task)
    seconds.total = clock() - started
    yield Finished(result)


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


def _timed(search: Search, seconds: Seconds, clock: Clock) -> Search:
    """Add the time spent waiting for passages to `seconds.retrieve`."""

    def timed(limit: int) -> list[Passage]:
        before = clock()
        found = search(limit)
        seconds.retrieve = (seconds.retrieve or 0.0) + clock() - before
        return found

    return timed


def _plan_target(result: Answer, task: Task) -> Iterator[Retrieved | Note]:
    """Decide what the target reads; where that takes passages, they are found now."""
    model, drafter = result.pair.target, result.pair.drafter
    if "model" in result.options.strategy.drafters:
        require_room(with_recent_turns(task, drafter), drafter)  # before the target reads for long
    recent = with_recent_turns(task, model)
    result.forgotten_turns = len(task.turns) - len(recent.turns)
    if result.forgotten_turns:
        yield Note(
            f"The context is full: {result.forgotten_turns} of the oldest turns are left out."
        )
    whole = read_whole(recent, model)
    result.document_tokens = whole.prompt.text_tokens
    if result.options.strategy.target_reads == "passages":
        result.target = read_passages(recent, model, result.document_tokens)
    elif fits(whole, recent, model):
        result.target = whole
        return
    else:
        result.truncated = True
        result.target = read_what_fits(recent, model)
    yield retrieve(result, task)


def _write(
    rounds: Iterator[Round], result: Answer, started: float, clock: Clock
) -> Iterator[Piece | Thought | Note | Decoded]:
    """Turn rounds into text and statistics as they come."""
    seconds, stats, before = result.seconds, result.stats, clock()
    text = AnswerText(result.pair.target)
    for done in rounds:
        stats.add(done)
        if seconds.first_token is None:
            seconds.first_token = clock() - started
        if done.drafted and seconds.first_draft is None:
            seconds.first_draft = clock() - started - done.verify_seconds
        yield from _noted(_pieces(done, text, result), result)
        yield Decoded(stats, clock() - before)
        if text.stopped:
            result.finish_reason = "stop"
            break
    seconds.decode = clock() - before
    yield from _noted(text.end(), result)
    result.tokens = text.tokens
    if result.thinking and not result.text:
        yield Note(
            f"The model was still thinking when it had written {stats.tokens} tokens: "
            "give a larger --max-tokens, or set reasoning = false for it in models.toml."
        )


def _pieces(done: Round, text: AnswerText, result: Answer) -> Iterator[Piece | Thought]:
    """Return the text of a round, token by token, with who wrote it."""
    for position, token in enumerate(done.tokens):
        if result.pair.target.vocabulary.is_end(token):
            result.finish_reason = "stop"
            return
        yield from text.add(token, "drafter" if position < done.accepted else "target")
        if text.stopped:
            return


def _noted(events: Iterable[Piece | Thought], result: Answer) -> Iterator[Piece | Thought]:
    """Pass events on, and their text into the answer."""
    for event in events:
        if isinstance(event, Thought):
            result.thinking += event.text
        else:
            result.text += event.text
        yield event
