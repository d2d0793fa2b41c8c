"""Finding out how a model runs fastest here: one thing after the other, side by side each time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from rapid_cli.bench.perplexity import perplexity
from rapid_cli.bench.timing import (
    ROUNDS,
    ROWS,
    SPARE,
    Arena,
    Progress,
    Tunable,
    first_tokens,
    time_round,
)
from rapid_cli.bench.trials import (
    Stage,
    Trial,
    attention_candidates,
    choose,
    thread_candidates,
    ubatch_candidates,
)
from rapid_cli.decoding.measuring import SIZES, Clock, Costs, draft_costs, verify_costs
from rapid_cli.decoding.sampling import SamplingParams
from rapid_cli.errors import ModelError
from rapid_cli.models.specs import ModelSpec
from rapid_cli.session.tuned import Settings

WORK_TOKENS = 25_000
"""Time to read so many tokens is taken, unless a person says how much; it is for all the work."""
LEAST_SECONDS, MOST_SECONDS = 60.0, 240.0
UNTIL = {"weights": 0.2, "attention": 0.6, "threads": 0.68, "ubatch": 0.82, "costs": 1.0}
"""The share of the time after which each stage does no more than it must."""
PIECE = 256
"""Tokens whose reading is timed, unless a stage is about larger batches."""
LONGEST_FILL, SHORTEST_FILL = 1792, 256
"""Tokens read before that: attention is the more of the work the longer the context."""
FILLING = 0.6
"""The share of the time for attention that goes into reading them."""
TEXT_TOKENS = 256
"""Tokens of the text that perplexity is taken of."""
LENGTHS = (1024, 2048, 4096)
"""Contexts at which costs are measured: of a draft, and of checking one."""

Load = Callable[[Settings], AbstractContextManager[Tunable]]
"""Loads the file or its copy."""
Tuning = Generator[Progress | Stage, None, Settings]


@dataclass(frozen=True, slots=True)
class Found:
    """What is fastest, and what batches and drafts cost then, by context length."""

    settings: Settings
    fingerprint: str
    verify_costs: Mapping[int, Costs]
    draft_costs: Mapping[int, Costs]


@dataclass(slots=True)
class Tuner:
    """Tunes one model; `formats` are those of its copies, and whether each is of lower precision.

    `seconds` is about how long it may take; None leaves that to the speed of the model.
    """

    spec: ModelSpec
    load: Load
    formats: Mapping[str, bool]
    lower_precision: bool
    text: str
    sampling: SamplingParams
    threads: int
    clock: Clock
    seconds: float | None = None
    _started: float = 0.0
    _token_seconds: float = 0.0

    def run(self) -> Generator[Progress | Stage, None, Found]:
        """Try one thing after the other, each with what was best before; yields each as a Stage."""
        self._started = self.clock()
        settings = yield from self._weights(Settings.of(self.spec))
        with self.load(settings) as model:
            settings = yield from self._compare(
                "attention",
                model,
                attention_candidates(settings, may_fuse=model.may_fuse),
            )
            if not model.offloaded:
                candidates = thread_candidates(settings, self.threads)
                settings = yield from self._compare("threads", model, candidates)
            with model.open(length=PIECE, rows=ROWS, spec=self.spec) as context:
                batch = context.batch_size
            candidates = ubatch_candidates(settings, batch)
            settings = yield from self._compare("ubatch", model, candidates, piece=batch)
        return (yield from self._costs(settings))

    def _weights(self, settings: Settings) -> Tuning:
        """Compare the file as it is with its copies, one in memory at a time.

        All are loaded again and again while there is time, every second time in reverse.
        """
        candidates = [settings, *(replace(settings, format=name) for name in self.formats)]
        trials = [Trial(each, allowed=self._allowed(each)) for each in candidates]
        total, done = ROUNDS * len(trials) * PIECE, 0
        for turn in range(ROUNDS):
            for number in range(len(trials))[:: -1 if turn % 2 else 1]:
                if not trials[number].note:
                    trials[number] = self._time_weights(trials[number])
                done += PIECE
                yield Progress("weights", done, total)
            self._plan(trials)
            if self._is_late("weights"):
                break
        stage = Stage("weights", PIECE, tuple(trials))
        yield stage
        if stage.chosen.speed is None:
            raise ModelError(trials[0].note, "free memory, or use a smaller model")
        return stage.chosen.settings

    def _allowed(self, settings: Settings) -> bool:
        lower = settings.format is not None and self.formats[settings.format]
        return self.lower_precision or not lower

    def _time_weights(self, trial: Trial) -> Trial:
        """Time one format; the first time its perplexity is taken too, which warms it up."""
        try:
            with self.load(trial.settings) as model:
                tokens = first_tokens(model, self.text, PIECE + SPARE)
                spec = trial.settings.applied(self.spec)
                with model.open(length=PIECE + SPARE, rows=ROWS, spec=spec) as context:
                    if trial.perplexity is None:
                        surprise = perplexity(context, tokens[: TEXT_TOKENS + 1], rows=ROWS)
                        trial = replace(trial, perplexity=surprise)
                    else:
                        list(context.read(tokens[:ROWS]))
                    context.truncate(0)
                    trial = trial.timed(time_round(context, tokens, PIECE, self.clock))
        except ModelError as error:
            return Trial(trial.settings, allowed=trial.allowed, note=error.message)
        return trial

    def _compare(
        self, name: str, model: Tunable, candidates: Sequence[Settings], *, piece: int = PIECE
    ) -> Tuning:
        """Compare candidates on the same weights; return the settings to go on with."""
        if len(candidates) == 1:
            return candidates[0]
        fill = self._fill(len(candidates), model) if name == "attention" else 0
        arena = Arena(
            model,
            self.spec,
            self.text,
            fill,
            piece,
            is_late=lambda: self._is_late(name),
            is_over=lambda: self._is_late("costs"),
            clock=self.clock,
        )
        stage = yield from arena.compare(name, candidates)
        yield stage
        return stage.chosen.settings

    def _costs(self, settings: Settings) -> Generator[Progress, None, Found]:
        """Measure what batches and drafts cost, at as many lengths as the time allows."""
        verify: dict[int, Costs] = {}
        draft: dict[int, Costs] = {}
        with self.load(settings) as model:
            lengths = [each for each in LENGTHS if each <= model.context_limit - SPARE]
            room = max(lengths, default=PIECE) + SPARE
            tokens = first_tokens(model, self.text, room)
            spec = settings.applied(self.spec)
            with model.open(length=room, rows=max(SIZES), spec=spec) as context:
                for length in lengths:
                    start = len(context)
                    if verify and self._is_late("costs", (length - start) * self._token_seconds):
                        break
                    for read in context.read(tokens[start:length]):
                        yield Progress("costs", start + read, lengths[-1])
                    verify[length] = verify_costs(context, tokens[length], self.clock)
                    draft[length] = draft_costs(context, tokens[length], self.sampling, self.clock)
            return Found(settings, model.fingerprint, verify, draft)

    def _fill(self, candidates: int, model: Tunable) -> int:
        """Return how many tokens each candidate can read in the time there is for attention."""
        left = self._end("attention") - self.clock()
        tokens = FILLING * left / (candidates * self._token_seconds)
        longest = min(LONGEST_FILL, model.context_limit - PIECE - SPARE)
        return min(longest, max(SHORTEST_FILL, int(tokens) // PIECE * PIECE))

    def _plan(self, trials: Sequence[Trial]) -> None:
        """Take the time that the model needs, unless a person said how much it may be."""
        if speed := choose(trials).speed:
            self._token_seconds = speed.token_seconds
        if self.seconds is None:
            needed = WORK_TOKENS * self._token_seconds
            self.seconds = min(max(needed, LEAST_SECONDS), MOST_SECONDS)

    def _end(self, stage: str) -> float:
        return self._started + (self.seconds or LEAST_SECONDS) * UNTIL[stage]

    def _is_late(self, stage: str, wait: float = 0.0) -> bool:
        """Tell whether a stage would take more than its time after `wait` seconds more."""
        return self.clock() + wait > self._end(stage)
