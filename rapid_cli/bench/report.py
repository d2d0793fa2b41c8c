"""What a benchmark found, as rows of numbers: medians over the runs of each variant."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from rapid_cli.bench.measurements import LengthProfile, Sample
from rapid_cli.decoding.measuring import Costs


@dataclass(frozen=True, slots=True)
class Row:
    """A variant at a context length. Speeds are in tokens a second, spread over `runs` runs."""

    context_length: int
    variant: str
    drafter: str | None
    assumed_acceptance: float | None
    runs: int
    tokens_per_second: float
    slowest: float
    fastest: float
    speedup: float | None
    predicted_tokens_per_second: float
    acceptance_rate: float | None
    mean_acceptance_length: float
    gamma_mean: float
    first_draft_seconds: float | None
    first_token_seconds: float


@dataclass(frozen=True, slots=True)
class LengthRow:
    """A context length: reading speed, and what batches and drafts of k tokens cost."""

    context_length: int
    prefill_tokens_per_second: float
    cache_bytes: int
    verify_milliseconds: dict[int, float]
    steady_milliseconds: dict[int, float]
    drafter_tokens: dict[str, int]
    draft_milliseconds: dict[str, dict[int, float]]


def rows(samples: Sequence[Sample], plain: str) -> list[Row]:
    """Return a row for each variant and length.

    A speed-up is the median over the repeats of a run against the run of the variant `plain` in
    the same repeat: a machine that is slow for a while slows both.
    """
    base = {
        (sample.profile.length, sample.seed): _speed(sample)
        for sample in samples
        if sample.variant.name == plain
    }
    groups: dict[tuple[int, int], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.profile.length, id(sample.variant)), []).append(sample)
    return [_row(group, base) for group in groups.values()]


def length_row(profile: LengthProfile) -> LengthRow:
    """Return what was measured at a length."""
    return LengthRow(
        profile.length,
        profile.length / profile.prefill_seconds,
        profile.cache_bytes,
        _milliseconds(profile.verify_costs),
        _milliseconds(profile.steady_costs),
        {name: drafter.length for name, drafter in profile.drafters.items()},
        {name: _milliseconds(drafter.costs) for name, drafter in profile.drafters.items()},
    )


def _milliseconds(costs: Costs) -> dict[int, float]:
    return {size: 1e3 * seconds for size, seconds in costs.items()}


def _row(group: Sequence[Sample], base: Mapping[tuple[int, int], float]) -> Row:
    first, speeds = group[0], [_speed(sample) for sample in group]
    rates = [s.stats.acceptance_rate for s in group if s.stats.acceptance_rate is not None]
    drafts = [s.first_draft_seconds for s in group if s.first_draft_seconds is not None]
    pairs = ((_speed(s), base.get((s.profile.length, s.seed))) for s in group)
    ratios = [speed / plain for speed, plain in pairs if plain]
    return Row(
        context_length=first.profile.length,
        variant=first.variant.name,
        drafter=first.variant.drafter,
        assumed_acceptance=first.variant.assumed_acceptance,
        runs=len(group),
        tokens_per_second=median(speeds),
        slowest=min(speeds),
        fastest=max(speeds),
        speedup=median(ratios) if ratios else None,
        predicted_tokens_per_second=median(s.stats.tokens / s.predicted_seconds for s in group),
        acceptance_rate=median(rates) if rates else None,
        mean_acceptance_length=median(s.stats.mean_acceptance_length or 0 for s in group),
        gamma_mean=median(s.stats.gamma_mean or 0 for s in group),
        first_draft_seconds=median(drafts) if drafts else None,
        first_token_seconds=median(s.first_token_seconds for s in group),
    )


def _speed(sample: Sample) -> float:
    return sample.stats.tokens / sample.decode_seconds


def peak_memory_bytes() -> int:
    """Return the most memory this process has held."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415 - a machine that only measures speed may lack it

        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - not everywhere

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
