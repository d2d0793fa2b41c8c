"""What tuning tries, how it is judged, and what is chosen: no clock, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from rapid_cli.decoding.costs import lower_third
from rapid_cli.session.tuned import RunSettings

READ_TOKENS, SINGLE_STEPS, BATCHES = 4096, 128, 32
"""The work that candidates are judged by: tokens read, tokens written one by one, and batches."""
BATCH = 8
"""Tokens of a batch that is checked at once."""
GAIN = 0.05
"""What is in use stays unless another is faster by this share: a smaller gain may be chance."""
ATTENTION = (
    (False, "f16", "f16"),
    (False, "q8_0", "f16"),
    (True, "f16", "f16"),
    (True, "q8_0", "q8_0"),
)
"""Flash attention with types of keys and values; llama.cpp needs it for quantized values."""
NOISY = 1.5
"""If a candidate's slowest round took more times as long as its fastest, the machine was busy."""
UBATCH_PARTS = (1, 2, 4)
"""A batch is computed whole, in halves or in quarters."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of reading a token, of a single step, and of a batch of BATCH tokens."""

    token_seconds: float
    step_seconds: float
    batch_seconds: float

    @property
    def objective(self) -> float:
        """Seconds to read 4,096 tokens and write 256.

        Half of the 256 are written one by one, and the other half four at a time: a batch of eight
        that is checked is taken to yield so many.
        """
        reading = READ_TOKENS * self.token_seconds
        return reading + SINGLE_STEPS * self.step_seconds + BATCHES * self.batch_seconds


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate and its rounds; without any it was not tried, and `note` says why.

    What is not `allowed` may be fast, but is not chosen.
    """

    settings: RunSettings
    rounds: tuple[Speed, ...] = ()
    perplexity: float | None = None
    allowed: bool = True
    note: str = ""

    @property
    def speed(self) -> Speed | None:
        """The lower third of each timing over the rounds: other work only makes them longer."""
        if not self.rounds:
            return None
        return Speed(
            lower_third([each.token_seconds for each in self.rounds]),
            lower_third([each.step_seconds for each in self.rounds]),
            lower_third([each.batch_seconds for each in self.rounds]),
        )

    @property
    def objective(self) -> float:
        """That of its speed; infinite if it was not tried."""
        return self.speed.objective if self.speed else inf

    def timed(self, speed: Speed) -> Trial:
        """Return the trial with one more round."""
        return replace(self, rounds=(*self.rounds, speed))


@dataclass(frozen=True, slots=True)
class Comparison:
    """The trials of one setting at a context of `length` tokens; the first was in use before."""

    name: str
    length: int
    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Trial:
        """The one to use from now on."""
        return choose(self.trials)

    @property
    def noise(self) -> float:
        """How many times as long a candidate's slowest round took as its fastest, at most."""
        rounds = [[each.objective for each in trial.rounds] for trial in self.trials]
        return max((max(each) / min(each) for each in rounds if each), default=1.0)


def choose(trials: Sequence[Trial]) -> Trial:
    """Return the fastest trial that is allowed.

    The first stays unless another is faster by GAIN, and faster in most of the rounds that both
    went through, one right after the other.
    """
    first, *others = trials
    if first.rounds:
        better = [trial for trial in others if trial.allowed and _is_faster(trial, first)]
    else:
        better = [trial for trial in others if trial.allowed and trial.rounds]
    return min(better, key=lambda trial: trial.objective, default=first)


def _is_faster(trial: Trial, first: Trial) -> bool:
    pairs = list(zip(trial.rounds, first.rounds, strict=False))
    won = sum(mine.objective < other.objective for mine, other in pairs)
    return 2 * won > len(pairs) and trial.objective <= first.objective * (1 - GAIN)


def attention_candidates(settings: RunSettings, *, may_fuse: bool) -> list[RunSettings]:
    """Return `settings` and what else llama.cpp can do; never flash attention if it may not be.

    Where the choice is llama.cpp's, it uses flash attention wherever it may.
    """
    if settings.flash_attention and not may_fuse:
        settings = replace(settings, flash_attention=False, k_type="f16", v_type="f16")
    fused = may_fuse if settings.flash_attention is None else settings.flash_attention
    known = (fused, settings.k_type, settings.v_type)
    others = [each for each in ATTENTION if each != known and (may_fuse or not each[0])]
    return [settings] + [
        replace(settings, flash_attention=flash, k_type=k_type, v_type=v_type)
        for flash, k_type, v_type in others
    ]


def thread_candidates(settings: RunSettings, available: int) -> list[RunSettings]:
    """Return `settings`, and all, three quarters and half of the CPUs, two at least."""
    counts = {available, available * 3 // 4, available // 2} - {settings.threads or available}
    more = sorted((count for count in counts if count >= 2), reverse=True)
    return [settings, *(replace(settings, threads=count) for count in more)]


def ubatch_candidates(settings: RunSettings, batch: int) -> list[RunSettings]:
    """Return `settings`, and the other parts that a batch may be computed in."""
    counts = [batch // parts for parts in UBATCH_PARTS]
    others = [count for count in counts if count != min(settings.ubatch or batch, batch)]
    return [settings, *(replace(settings, ubatch=count) for count in others)]
