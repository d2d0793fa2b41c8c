"""What tuning tries, how it is judged, and what is chosen: no clock, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapid_cli.session.tuned import Settings

READ, STEPS, BATCHES = 4096, 128, 32
"""What candidates are judged by: tokens read, single steps, and batches."""
BATCH = 8
"""Tokens of a batch that is checked at once."""
GAIN = 0.05
"""What is in use stays unless something is faster by this share: less may be chance."""
CACHES = (
    (False, "f16", "f16"),
    (False, "q8_0", "f16"),
    (True, "f16", "f16"),
    (True, "q8_0", "q8_0"),
)
"""Flash attention with types of keys and values; llama.cpp needs it for quantized values."""
UNREST = 1.5
"""Rounds of one candidate that differ more than this were disturbed by other work."""
UBATCHES = (1, 2, 4)
"""The divisors of a batch that give the tokens computed at once."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of reading a token, of a single step, and of a batch of BATCH tokens."""

    token_seconds: float
    step_seconds: float
    batch_seconds: float

    @property
    def objective(self) -> float:
        """Seconds to read 4,096 tokens and write 256.

        Half of the 256 are written one by one, the other half four at a time: that many are taken
        to come of each batch of eight that is checked.
        """
        return READ * self.token_seconds + STEPS * self.step_seconds + BATCHES * self.batch_seconds


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate and its rounds; without any it was not tried, and `note` says why.

    What is not `allowed` may be fast, but is not chosen.
    """

    settings: Settings
    rounds: tuple[Speed, ...] = ()
    perplexity: float | None = None
    allowed: bool = True
    note: str = ""

    @property
    def speed(self) -> Speed | None:
        """Of each timing the lower third, since a busy machine only makes it slower."""
        if not self.rounds:
            return None
        return Speed(
            lower_third([each.token_seconds for each in self.rounds]),
            lower_third([each.step_seconds for each in self.rounds]),
            lower_third([each.batch_seconds for each in self.rounds]),
        )

    def timed(self, speed: Speed) -> Trial:
        """Return the trial with one more round."""
        return replace(self, rounds=(*self.rounds, speed))


@dataclass(frozen=True, slots=True)
class Stage:
    """What was tried of one thing at a context of `length` tokens, what was in use first."""

    name: str
    length: int
    trials: tuple[Trial, ...]

    @property
    def chosen(self) -> Trial:
        """The one to use from now on."""
        return choose(self.trials)

    @property
    def unrest(self) -> float:
        """How many times as long the slowest round of a candidate took as its fastest, at most."""
        rounds = [[each.objective for each in trial.rounds] for trial in self.trials]
        return max((max(each) / min(each) for each in rounds if each), default=1.0)


def choose(trials: Sequence[Trial]) -> Trial:
    """Return the fastest trial that is allowed.

    The first stays unless another is faster by GAIN, and faster in most of the rounds that both
    went through, one right after the other.
    """
    first = trials[0]
    if first.speed is None:
        return min((t for t in trials if t.allowed and t.speed), key=_objective, default=first)
    better = [trial for trial in trials[1:] if trial.allowed and _is_faster(trial, first)]
    return min(better, key=_objective, default=first)


def _is_faster(trial: Trial, first: Trial) -> bool:
    pairs = list(zip(trial.rounds, first.rounds, strict=False))
    won = sum(mine.objective < other.objective for mine, other in pairs)
    return 2 * won > len(pairs) and _objective(trial) <= _objective(first) * (1 - GAIN)


def _objective(trial: Trial) -> float:
    assert trial.speed is not None
    return trial.speed.objective


def lower_third(timings: Sequence[float]) -> float:
    """Return what a third of the timings are below of."""
    return sorted(timings)[len(timings) // 3]


def attention_candidates(settings: Settings, *, may_fuse: bool) -> list[Settings]:
    """Return `settings` and what else llama.cpp can do; never flash attention if it may not be.

    Where the choice is llama.cpp's, it uses flash attention wherever it may.
    """
    if settings.flash_attention and not may_fuse:
        settings = replace(settings, flash_attention=False, k_type="f16", v_type="f16")
    fused = may_fuse if settings.flash_attention is None else settings.flash_attention
    known = (fused, settings.k_type, settings.v_type)
    others = [each for each in CACHES if each != known and (may_fuse or not each[0])]
    return [settings] + [
        replace(settings, flash_attention=flash, k_type=k_type, v_type=v_type)
        for flash, k_type, v_type in others
    ]


def thread_candidates(settings: Settings, available: int) -> list[Settings]:
    """Return `settings`, and all, three quarters and half of the CPUs, two at least."""
    counts = {available, available * 3 // 4, available // 2} - {settings.threads or available}
    more = sorted((count for count in counts if count >= 2), reverse=True)
    return [settings, *(replace(settings, threads=count) for count in more)]


def ubatch_candidates(settings: Settings, batch: int) -> list[Settings]:
    """Return `settings`, and parts of a batch."""
    counts = [batch // part for part in UBATCHES]
    others = [count for count in counts if count != min(settings.ubatch or batch, batch)]
    return [settings, *(replace(settings, ubatch=count) for count in others)]
