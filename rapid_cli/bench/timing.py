"""Timing ways to run a model side by side, in rounds that take turns."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from typing import Protocol

from rapid_cli.bench.trials import BATCH, Speed, Stage, Trial, lower_third
from rapid_cli.decoding.context import Tokens
from rapid_cli.decoding.measuring import Clock
from rapid_cli.errors import ModelError
from rapid_cli.models.interface import ReadableContext, Tokenizer
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.tuned import Settings

ROWS = 32
"""Tokens that contexts give logits for at once."""
ROUNDS, USUAL_ROUNDS = 4, 2
STEP = 256
"""Tokens that contexts read in turns before they are timed."""
MUCH_SLOWER = 1.5
HOPELESS = "much slower"
STEPS_TIMED, BATCHES_TIMED = 6, 2
SECONDS_EACH = 2.0
"""No more steps, or batches, are timed in a round after so long."""
SPARE = 64
"""Room for the steps and batches that are timed."""


class Tunable(Protocol):
    """A model whose contexts can be run in several ways."""

    @property
    def vocabulary(self) -> Tokenizer:
        """Its vocabulary."""
        ...

    @property
    def context_limit(self) -> int:
        """The most tokens it may read."""
        ...

    @property
    def fingerprint(self) -> str:
        """What its speed depends on."""
        ...

    @property
    def offloaded(self) -> bool:
        """Whether layers are computed on a GPU."""
        ...

    @property
    def may_fuse(self) -> bool:
        """Whether flash attention is as good as the other."""
        ...

    def open(
        self, *, length: int, rows: int, spec: ModelSpec
    ) -> AbstractContextManager[ReadableContext]:
        """Open a context that is run as `spec` says."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` tokens of a stage were read."""

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
    base = at = len(context)
    started = clock()
    list(context.read(tokens[at : at + piece]))
    context.extend(tokens[at + piece : at + piece + 1], rows=1)  # waits until all is computed
    token_seconds = (clock() - started) / (piece + 1)
    at += piece + 1
    seconds: dict[int, float] = {}
    for size, times in ((1, STEPS_TIMED), (BATCH, BATCHES_TIMED)):
        timings: list[float] = []
        until = clock() + SECONDS_EACH
        while not timings or (len(timings) < times and clock() < until):
            before = clock()
            context.extend(tokens[at : at + size], rows=size)
            timings.append(clock() - before)
            at += size
        seconds[size] = lower_third(timings)
    context.truncate(base)
    return Speed(token_seconds, seconds[1], seconds[BATCH])


@dataclass(frozen=True, slots=True)
class Arena:
    """Where candidates are timed: after `fill` tokens, by reading `piece` more and decoding.

    `is_late` tells when to be content with fewer tokens and rounds, `is_over` with a single round.
    """

    model: Tunable
    spec: ModelSpec
    text: str
    fill: int
    piece: int
    is_late: Callable[[], bool]
    is_over: Callable[[], bool]
    clock: Clock

    def compare(
        self, name: str, candidates: Sequence[Settings]
    ) -> Generator[Progress, None, Stage]:
        """Time all candidates on contexts of their own, which take turns."""
        length = self.fill + self.piece + SPARE
        tokens = first_tokens(self.model, self.text, length)
        trials = [Trial(each) for each in candidates]
        total, done = len(candidates) * (self.fill + ROUNDS * self.piece), 0
        with ExitStack() as opened:
            contexts = self._open(trials, length, opened)
            filled = 0
            for reached in self._read(contexts, tokens):
                filled = reached
                done += STEP * len(contexts)
                yield Progress(name, min(done, total), total)
            for number in range(len(trials)):
                if number not in contexts and not trials[number].note:
                    trials[number] = replace(trials[number], note=HOPELESS)
            for turn in range(ROUNDS):
                if turn and (self.is_over() or (turn >= USUAL_ROUNDS and self.is_late())):
                    break
                for number in [*contexts][:: -1 if turn % 2 else 1]:
                    speed = time_round(contexts[number], tokens, self.piece, self.clock)
                    trials[number] = trials[number].timed(speed)
                    done += self.piece
                    yield Progress(name, min(done, total), total)
        return Stage(name, filled + self.piece, tuple(trials))

    def _open(
        self, trials: list[Trial], length: int, opened: ExitStack
    ) -> dict[int, ReadableContext]:
        """Open a context for each trial, by its number; those that get none are told why."""
        contexts: dict[int, ReadableContext] = {}
        for number, trial in enumerate(trials):
            spec = trial.settings.applied(self.spec)
            try:
                context = self.model.open(length=length, rows=ROWS, spec=spec)
                contexts[number] = opened.enter_context(context)
            except ModelError as error:
                trials[number] = replace(trial, note=error.message)
        return contexts

    def _read(self, contexts: dict[int, ReadableContext], tokens: Tokens) -> Iterator[int]:
        """Let the contexts read what comes before in turns; yield how far they are.

        Whoever takes much longer twice in a row falls out, but the first, which all are compared
        with.
        """
        before: dict[int, float] = {}
        for start in range(0, self.fill, STEP):
            if start and self.is_late():
                return
            seconds = {}
            for number, context in contexts.items():
                began = self.clock()
                list(context.read(tokens[start : min(start + STEP, self.fill)]))
                seconds[number] = self.clock() - began
            ratios = {number: took / min(seconds.values()) for number, took in seconds.items()}
            for number, ratio in ratios.items():
                if number and min(ratio, before.get(number, 1.0)) >= MUCH_SLOWER:
                    del contexts[number]
            before = ratios
            yield min(start + STEP, self.fill)
