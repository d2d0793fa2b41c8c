"""Timing ways to run a model side by side, in rounds that take turns."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from rapid_cli.bench.budget import TimeBudget
from rapid_cli.bench.trials import BATCH, Comparison, Speed, Trial
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.costs import lower_third
from rapid_cli.decoding.measuring import Clock
from rapid_cli.errors import ModelError
from rapid_cli.models.interface import LanguageModel, ReadableContext
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.tuned import RunSettings

ROWS = 32
"""Tokens that contexts give logits for at once."""
ROUNDS, USUAL_ROUNDS = 4, 2
"""The most rounds that a candidate is timed in, and those it is timed in if time gets short."""
STEP = 256
"""Tokens that each context reads in its turn before anything is timed."""
MUCH_SLOWER = 1.5
"""Who takes so many times as long as the fastest, twice in a row, is timed no further."""
MUCH_SLOWER_NOTE = "much slower"
STEPS_TIMED, BATCHES_TIMED = 6, 2
SECONDS_EACH = 2.0
"""No more steps, or batches, are timed in a round after so long."""
SPARE = 64
"""Room for the steps and batches that are timed."""


class Tunable(LanguageModel, Protocol):
    """A language model whose contexts can be run in several ways."""

    @property
    def may_fuse(self) -> bool:
        """Whether flash attention is as good as the other."""
        ...

    def open(
        self, *, length: int, rows: int, spec: ModelSpec | None = None
    ) -> AbstractContextManager[ReadableContext]:
        """Open a context that is run as `spec` says, or else as the model was loaded to."""
        ...


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """`done` of `total` tokens were read to tune the setting called `what`."""

    what: str
    done: int
    total: int


def first_tokens(model: Tunable, text: str, count: int) -> list[int]:
    """Return the first tokens of a text, begun as the model wants it."""
    vocabulary = model.vocabulary
    begin = [vocabulary.bos] if vocabulary.adds_bos else []
    return (begin + vocabulary.tokenize(text[: 16 * count]))[:count]


def time_round(context: ReadableContext, tokens: Tokens, piece: int, clock: Clock) -> Speed:
    """Time reading `piece` tokens, single steps and batches, and leave `context` as it was.

    `tokens` begin with what it has read.
    """
    base = len(context)
    end = base + piece
    started = clock()
    list(context.read(tokens[base:end]))
    context.extend(tokens[end : end + 1], rows=1)  # waits until all is computed
    token_seconds = (clock() - started) / (piece + 1)
    step_seconds = _time_batches(context, tokens, 1, STEPS_TIMED, clock)
    batch_seconds = _time_batches(context, tokens, BATCH, BATCHES_TIMED, clock)
    context.truncate(base)
    return Speed(token_seconds, step_seconds, batch_seconds)


def _time_batches(
    context: ReadableContext, tokens: Tokens, size: int, most: int, clock: Clock
) -> float:
    """Return the seconds of a batch of `size` tokens, from `most` of them if there is time."""
    timings: list[float] = []
    until = clock() + SECONDS_EACH
    while not timings or (len(timings) < most and clock() < until):
        start, before = len(context), clock()
        context.extend(tokens[start : start + size], rows=size)
        timings.append(clock() - before)
    return lower_third(timings)


@dataclass(slots=True)
class _Candidate:
    """A trial, and the context it runs on, if it could be opened and is not much slower.

    `slowdown` is how many times as long as the fastest it last took to read.
    """

    trial: Trial
    context: ReadableContext | None
    slowdown: float = 1.0


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Times candidates after `fill` tokens, by reading `piece` more and decoding.

    When the time of their setting is over it is content with fewer tokens and rounds, and when all
    time is over with a single round.
    """

    model: Tunable
    spec: ModelSpec
    text: str
    fill: int
    piece: int
    budget: TimeBudget
    clock: Clock

    def compare(
        self, name: str, settings: Sequence[RunSettings]
    ) -> Generator[TuningProgress, None, Comparison]:
        """Time all on contexts of their own, which take turns."""
        length = self.fill + self.piece + SPARE
        tokens = first_tokens(self.model, self.text, length)
        total, done = len(settings) * (self.fill + ROUNDS * self.piece), 0
        with ExitStack() as opened:
            candidates = [self._open(each, length, opened) for each in settings]
            steps = (self._fill(name, candidates, tokens), self._rounds(name, candidates, tokens))
            for read in chain(*steps):
                done += read
                yield TuningProgress(name, min(done, total), total)
            filled = max((len(context) for _, context in _running(candidates)), default=self.fill)
        return Comparison(name, filled + self.piece, tuple(each.trial for each in candidates))

    def _open(self, settings: RunSettings, length: int, opened: ExitStack) -> _Candidate:
        """Open a context; if that cannot be, the trial says why."""
        try:
            context = self.model.open(length=length, rows=ROWS, spec=settings.applied(self.spec))
            return _Candidate(Trial(settings), opened.enter_context(context))
        except ModelError as error:
            return _Candidate(Trial(settings, note=error.message), None)

    def _fill(self, name: str, candidates: list[_Candidate], tokens: Tokens) -> Iterator[int]:
        """Let the contexts read what comes before in turns; yield how many tokens they read.

        Who is much slower falls out, but the first never does: all are compared with it.
        """
        for start in range(0, self.fill, STEP):
            if start and self.budget.is_over(name):
                return
            step = tokens[start : min(start + STEP, self.fill)]
            running = _running(candidates)
            seconds = [self._read(context, step) for _, context in running]
            for (candidate, _), took in zip(running, seconds, strict=True):
                before, candidate.slowdown = candidate.slowdown, took / min(seconds)
                is_slow = min(before, candidate.slowdown) >= MUCH_SLOWER
                if is_slow and candidate is not candidates[0]:
                    candidate.context = None
                    candidate.trial = replace(candidate.trial, note=MUCH_SLOWER_NOTE)
            yield STEP * len(_running(candidates))

    def _read(self, context: ReadableContext, tokens: Tokens) -> float:
        """Read, and return the seconds that it took."""
        started = self.clock()
        list(context.read(tokens))
        return self.clock() - started

    def _rounds(self, name: str, candidates: list[_Candidate], tokens: Tokens) -> Iterator[int]:
        """Time round after round, every second one in reverse; yield how many tokens were read."""
        running = _running(candidates)
        for number in range(ROUNDS):
            is_short = number >= USUAL_ROUNDS and self.budget.is_over(name)
            if number and (is_short or self.budget.is_over("costs")):
                return
            for candidate, context in running[:: -1 if number % 2 else 1]:
                speed = time_round(context, tokens, self.piece, self.clock)
                candidate.trial = candidate.trial.timed(speed)
                yield self.piece


def _running(candidates: Sequence[_Candidate]) -> list[tuple[_Candidate, ReadableContext]]:
    """Return the candidates that have a context, with it."""
    return [(each, each.context) for each in candidates if each.context is not None]
