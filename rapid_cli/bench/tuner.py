"""Finding out how a model runs fastest here: one setting after the other, each side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from rapid_cli.bench.budget import TimeBudget
from rapid_cli.bench.perplexity import perplexity
from rapid_cli.bench.timing import (
    ROUNDS,
    ROWS,
    SPARE,
    SideBySide,
    Tunable,
    TuningProgress,
    first_tokens,
    time_round,
)
from rapid_cli.bench.trials import (
    Comparison,
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
from rapid_cli.session.tuned import RunSettings

PIECE = 256
"""Tokens whose reading is timed, unless larger batches are what is compared."""
LONGEST_FILL, SHORTEST_FILL = 1792, 256
"""Tokens read before that: attention is the more of the work the longer the context."""
FILLING = 0.6
"""The share of the time for attention that goes into reading them."""
PERPLEXITY_TOKENS = 256
"""Tokens of the text that perplexity is taken of."""
LENGTHS = (1024, 2048, 4096)
"""Contexts at which costs are measured: of a draft, and of checking one."""

Load = Callable[[RunSettings], AbstractContextManager[Tunable]]
"""Loads the file or its copy."""
SettingsTuning = Generator[TuningProgress | Comparison, None, RunSettings]
"""Compares ways to run a model, and returns the best."""


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What is fastest, and what batches and drafts cost then, by context length."""

    settings: RunSettings
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
    _budget: TimeBudget = field(init=False)

    def run(self) -> Generator[TuningProgress | Comparison, None, TuningResult]:
        """Compare one setting after the other, each with what was best before."""
        self._budget = TimeBudget(self.clock, self.seconds)
        settings = yield from self._weights(RunSettings.of(self.spec))
        with self.load(settings) as model:
            candidates = attention_candidates(settings, may_fuse=model.may_fuse)
            fill = self._longest_fill(len(candidates), model)
            settings = yield from self._compare("attention", model, candidates, fill=fill)
            if not model.offloaded:
                candidates = thread_candidates(settings, self.threads)
                settings = yield from self._compare("threads", model, candidates)
            with model.open(length=PIECE, rows=ROWS, spec=self.spec) as context:
                batch = context.batch_size
            candidates = ubatch_candidates(settings, batch)
            settings = yield from self._compare("ubatch", model, candidates, piece=batch)
        return (yield from self._costs(settings))

    def _weights(self, settings: RunSettings) -> SettingsTuning:
        """Compare the file as it is with its copies, one in memory at a time.

        All are loaded again and again while there is time, every second time in reverse.
        """
        candidates = [settings, *(replace(settings, format=name) for name in self.formats)]
        trials = [Trial(each, allowed=self._is_allowed(each)) for each in candidates]
        total, done = ROUNDS * len(trials) * PIECE, 0
        for turn in range(ROUNDS):
            for number in range(len(trials))[:: -1 if turn % 2 else 1]:
                if not trials[number].note:
                    trials[number] = self._time_weights(trials[number])
                done += PIECE
                yield TuningProgress("weights", done, total)
            best = choose(trials).speed
            self._budget.plan(best.token_seconds if best else self._budget.token_seconds)
            if self._budget.is_over("weights"):
                break
        comparison = Comparison("weights", PIECE, tuple(trials))
        yield comparison
        if comparison.chosen.speed is None:
            raise ModelError(trials[0].note, "free memory, or use a smaller model")
        return comparison.chosen.settings

    def _is_allowed(self, settings: RunSettings) -> bool:
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
                        known = perplexity(context, tokens[: PERPLEXITY_TOKENS + 1], rows=ROWS)
                        trial = replace(trial, perplexity=known)
                    else:
                        list(context.read(tokens[:ROWS]))
                    context.truncate(0)
                    return trial.timed(time_round(context, tokens, PIECE, self.clock))
        except ModelError as error:
            return Trial(trial.settings, allowed=trial.allowed, note=error.message)

    def _compare(
        self,
        name: str,
        model: Tunable,
        candidates: Sequence[RunSettings],
        *,
        fill: int = 0,
        piece: int = PIECE,
    ) -> SettingsTuning:
        """Compare candidates on the same weights; return the settings to go on with."""
        if len(candidates) == 1:
            return candidates[0]
        timed = SideBySide(model, self.spec, self.text, fill, piece, self._budget, self.clock)
        comparison = yield from timed.compare(name, candidates)
        yield comparison
        return comparison.chosen.settings

    def _longest_fill(self, candidates: int, model: Tunable) -> int:
        """Return how many tokens each candidate can read in the time there is for attention."""
        seconds = FILLING * self._budget.left("attention")
        tokens = seconds / (candidates * self._budget.token_seconds)
        longest = min(LONGEST_FILL, model.context_limit - PIECE - SPARE)
        return min(longest, max(SHORTEST_FILL, int(tokens) // PIECE * PIECE))

    def _costs(self, settings: RunSettings) -> Generator[TuningProgress, None, TuningResult]:
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
                    reading = (length - start) * self._budget.token_seconds
                    if verify and self._budget.left("costs") < reading:
                        break
                    for read in context.read(tokens[start:length]):
                        yield TuningProgress("costs", start + read, lengths[-1])
                    verify[length] = verify_costs(context, tokens[length], self.clock)
                    draft[length] = draft_costs(context, tokens[length], self.sampling, self.clock)
            return TuningResult(settings, model.fingerprint, verify, draft)
