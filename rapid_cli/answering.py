"""Answering one question: find passages, read, decode; told as a stream of events."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from rapid_cli.answers import (
    Answer,
    Decoded,
    Event,
    Finished,
    Options,
    Origin,
    Pair,
    Piece,
    Retrieved,
    Seconds,
)
from rapid_cli.decoding.stats import Round
from rapid_cli.documents import Document
from rapid_cli.generation import generate
from rapid_cli.measuring import Clock, Profiles
from rapid_cli.models import Tokenizer
from rapid_cli.reading import (
    Search,
    Task,
    fits,
    read_passages,
    read_what_fits,
    read_whole,
    text_tokens,
)


def answer(
    question: str,
    documents: Sequence[Document],
    search: Search,
    pair: Pair,
    options: Options,
    *,
    profiles: Profiles,
    seconds: Seconds,
    started: float,
    clock: Clock,
) -> Iterator[Event]:
    """Answer `question` about `documents`, yielding events; the last one is Finished.

    `search` finds passages for the question, `profiles` keeps what things cost on this machine.
    `seconds` holds what was timed before, `started` is the clock's time when the person began
    to wait.
    """
    result = Answer(question, options, pair, seconds)
    task = Task(
        question,
        documents,
        search,
        answer_room=options.max_tokens + options.longest_draft + 1,
        context_length=options.context_length,
        retrieve_tokens=options.retrieve_tokens,
    )
    before = clock()
    _plan_readings(result, task)
    seconds.retrieve = clock() - before
    assert result.target is not None
    yield Retrieved(result.sources, result.target.coverage, result.truncated)
    with ExitStack() as contexts:
        rounds = yield from generate(result, contexts, profiles, clock)
        yield from _write(rounds, result, started, clock)
    seconds.total = clock() - started
    yield Finished(result)


def _plan_readings(result: Answer, task: Task) -> None:
    """Decide what target and drafter read, and which passages count as sources."""
    strategy, pair = result.options.strategy, result.pair
    whole = read_whole(task, pair.target)
    result.document_tokens = text_tokens(whole, task, pair.target)
    short = read_passages(task, pair.drafter, result.document_tokens)
    result.sources = short.passages
    if strategy.target_reads == "passages":
        result.target = read_passages(task, pair.target, result.document_tokens)
    else:
        result.truncated = not fits(whole, task, pair.target)
        result.target = read_what_fits(task, pair.target) if result.truncated else whole
    if "model" in strategy.drafters:
        result.drafter = short


def _write(
    rounds: Iterator[Round], result: Answer, started: float, clock: Clock
) -> Iterator[Piece | Decoded]:
    """Turn rounds into text and statistics as they come."""
    seconds, stats, before = result.seconds, result.stats, clock()
    text = _Text(result.pair.target.vocabulary)
    for done in rounds:
        stats.add(done)
        if seconds.first_token is None:
            seconds.first_token = clock() - started
        if done.drafted and seconds.first_draft is None:
            seconds.first_draft = clock() - started - done.verify_seconds
        for piece in _pieces(done, text, result):
            result.text += piece.text
            yield piece
        yield Decoded(stats, clock() - before)
    seconds.decode = clock() - before
    if rest := text.end():
        result.text += rest
        yield Piece(rest, "target")


def _pieces(done: Round, text: _Text, result: Answer) -> Iterator[Piece]:
    """Return the text of a round, token by token, with who wrote it."""
    for position, token in enumerate(done.tokens):
        if result.pair.target.vocabulary.is_end(token):
            result.finish_reason = "stop"
            return
        origin: Origin = "drafter" if position < done.accepted else "target"
        if written := text.add(token):
            yield Piece(written, origin)


class _Text:
    """Decodes tokens to text: a character may span tokens, and leading space is dropped."""

    def __init__(self, vocabulary: Tokenizer) -> None:
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = False

    def add(self, token: int) -> str:
        """Return the text that `token` completes, possibly none."""
        text = self._decoder.decode(self._vocabulary.piece(token))
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return text

    def end(self) -> str:
        """Return what an unfinished character leaves."""
        return self._decoder.decode(b"", final=True)
