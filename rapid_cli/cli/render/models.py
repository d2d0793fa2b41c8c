"""Models, copies of their weights and what tuning found, on stdout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

from rapid_cli.api.report import Json
from rapid_cli.bench.trials import Comparison, Trial
from rapid_cli.bench.tuner import TuningResult
from rapid_cli.cli.render.console import say
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.render.tables import in_megabytes, print_markdown, print_table
from rapid_cli.models.formats import WeightFormat
from rapid_cli.session.copies import WeightCopy
from rapid_cli.session.tuned import RunSettings

MODELS = ("MODEL", "STATE", "MB", "FORMAT", "CONTEXT", "TUNED", "RUNS", "PAIRS", "PLACE")
PAIRS = ("PAIR", "STATE", "TARGET", "DRAFTER", "NOTE")
COPIES = ("COPY OF", "FORMAT", "MB", "STATE", "PLACE")
TRIALS = (
    *("of", "candidate", "context", "prefill tok/s", "decoding tok/s", "batch of 8, s"),
    *("4096 + 256, s", "perplexity", ""),
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model of models.toml; sizes are 0 and names empty where it is not here."""

    name: str
    place: str
    state: str
    pairs: list[str]
    size_bytes: int = 0
    quantization: str = ""
    context_length: int = 0
    tuned: str = "no"
    runs: str = ""


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair of models.toml, and whether it could answer as it is."""

    name: str
    state: str
    target: str
    drafter: str
    note: str


def print_models(
    models: Sequence[ModelRow],
    pairs: Sequence[PairRow],
    copies: Sequence[WeightCopy],
    used: Collection[Path],
    *,
    as_json: bool,
) -> None:
    """Print all models, the pairs of them, and the copies of weights with a sum.

    `used` are the paths of the copies that something runs in.
    """
    if as_json:
        listed = {"models": list(map(asdict, models)), "pairs": list(map(asdict, pairs))}
        listed["copies"] = [_copy_json(copy, is_used=copy.path in used) for copy in copies]
        print_json(listed)
        return
    print_table(MODELS, list(map(_model_cells, models)))
    print()
    print_table(PAIRS, [astuple(pair) for pair in pairs])
    if copies:
        total = sum(copy.size_bytes for copy in copies)
        print()
        rows = [_copy_cells(copy, is_used=copy.path in used) for copy in copies]
        print_table(COPIES, [*rows, ("total", "", in_megabytes(total), "", "")])


def print_tuning(
    name: str,
    weights: WeightFormat,
    machine: str,
    stages: Sequence[Comparison],
    found: TuningResult,
) -> None:
    """Print what was tried and what was chosen."""
    print(f"{name} ({weights.label}) on {machine}")
    rows = [
        _trial_cells(stage, trial, weights, stage.trials[0].perplexity)
        for stage in stages
        for trial in stage.trials
    ]
    print_markdown(TRIALS, rows)
    say(f"From now on: {', '.join(_names(found.settings, weights).values())}.")


def tuning_json(
    name: str,
    weights: WeightFormat,
    machine: str,
    stages: Sequence[Comparison],
    found: TuningResult,
) -> Json:
    """Return the same as one object."""
    return {
        "model": name,
        "format": weights.label,
        "machine": machine,
        "settings": asdict(found.settings),
        "stages": [_stage_json(stage) for stage in stages],
        "verify_seconds": found.verify_costs,
        "draft_seconds": found.draft_costs,
    }


def _stage_json(stage: Comparison) -> Json:
    return {
        "stage": stage.name,
        "length": stage.length,
        "candidates": [
            asdict(trial)
            | {
                "speed": asdict(trial.speed) if trial.speed else None,
                "objective_seconds": trial.speed.objective if trial.speed else None,
                "chosen": trial is stage.chosen,
            }
            for trial in stage.trials
        ],
    }


def _trial_cells(
    stage: Comparison, trial: Trial, weights: WeightFormat, original: float | None
) -> tuple[str, ...]:
    what = _names(trial.settings, weights)[stage.name]
    verdict = "chosen" if trial is stage.chosen else trial.note
    if not trial.allowed:
        verdict = "needs lower_precision = true"
    speed = trial.speed
    if speed is None:
        return (stage.name, what, str(stage.length), "", "", "", "", "", verdict)
    return (
        *(stage.name, what, str(stage.length), f"{1 / speed.token_seconds:.0f}"),
        *(f"{1 / speed.step_seconds:.1f}", f"{speed.batch_seconds:.3f}", f"{speed.objective:.1f}"),
        *(_perplexity(trial.perplexity, original), verdict),
    )


def _perplexity(value: float | None, original: float | None) -> str:
    if value is None or original is None:
        return ""
    return f"{value:.2f}" if value == original else f"{value:.2f} ({value / original - 1:+.1%})"


def _names(settings: RunSettings, weights: WeightFormat) -> dict[str, str]:
    """Return what settings are called, by the stages of tuning that choose them."""
    flash = {None: "auto", True: "on", False: "off"}[settings.flash_attention]
    copied = settings.format
    return {
        "weights": f"a copy in {copied}" if copied else f"the file, {weights.label}",
        "attention": f"flash attention {flash}, {settings.k_type} / {settings.v_type}",
        "threads": f"{settings.threads or 'all'} threads",
        "ubatch": f"{settings.ubatch or 'a whole batch'} at once",
    }


def _copy_json(copy: WeightCopy, *, is_used: bool) -> Json:
    source = str(copy.source) if copy.source else None
    return asdict(copy) | {"path": str(copy.path), "source": source, "used": is_used}


def _model_cells(row: ModelRow) -> tuple[str, ...]:
    size = in_megabytes(row.size_bytes) if row.size_bytes else ""
    return (
        *(row.name, row.state, size, row.quantization),
        *(str(row.context_length or ""), row.tuned, row.runs, ", ".join(row.pairs), row.place),
    )


def _copy_cells(copy: WeightCopy, *, is_used: bool) -> tuple[str, ...]:
    source = copy.source.name if copy.source else "?"
    state = "stale" if copy.stale else "in use" if is_used else "not used"
    return (source, copy.format, in_megabytes(copy.size_bytes), state, str(copy.path))
