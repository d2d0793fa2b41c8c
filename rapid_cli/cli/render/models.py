"""Models, copies of their weights and what tuning found, on stdout."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rapid_cli.bench.trials import Comparison, Trial
from rapid_cli.bench.tuner import TuningResult
from rapid_cli.cli.render.report import Json
from rapid_cli.cli.render.tables import print_markdown, print_table
from rapid_cli.models.formats import WeightFormat
from rapid_cli.session.copies import WeightCopy
from rapid_cli.session.tuned import Settings

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
        print(json.dumps(listed | {"copies": _copies_json(copies, used)}))
        return
    print_table([MODELS, *map(_model_cells, models)])
    print()
    print_table([PAIRS, *map(_pair_cells, pairs)])
    if copies:
        total = sum(copy.size_bytes for copy in copies)
        print()
        rows = [_copy_cells(copy, is_used=copy.path in used) for copy in copies]
        print_table([COPIES, *rows, ("total", "", _megabytes(total), "", "")])


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
    print(f"From now on: {_all_settings(found.settings, weights)}.")


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
    what = _NAMES[stage.name](trial.settings, weights)
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


def _weights_name(settings: Settings, weights: WeightFormat) -> str:
    return f"a copy in {settings.format}" if settings.format else f"the file, {weights.label}"


def _attention_name(settings: Settings, _weights: WeightFormat) -> str:
    flash = {None: "auto", True: "on", False: "off"}[settings.flash_attention]
    return f"flash attention {flash}, {settings.k_type} / {settings.v_type}"


def _threads_name(settings: Settings, _weights: WeightFormat) -> str:
    return f"{settings.threads or 'all'} threads"


def _ubatch_name(settings: Settings, _weights: WeightFormat) -> str:
    return f"{settings.ubatch or 'a whole batch'} at once"


_NAMES = {
    "weights": _weights_name,
    "attention": _attention_name,
    "threads": _threads_name,
    "ubatch": _ubatch_name,
}


def _all_settings(settings: Settings, weights: WeightFormat) -> str:
    return ", ".join(name(settings, weights) for name in _NAMES.values())


def _copies_json(copies: Sequence[WeightCopy], used: Collection[Path]) -> list[Json]:
    return [
        {
            "path": str(copy.path),
            "source": str(copy.source) if copy.source else None,
            "format": copy.format,
            "size_bytes": copy.size_bytes,
            "stale": copy.stale,
            "used": copy.path in used,
        }
        for copy in copies
    ]


def _model_cells(row: ModelRow) -> tuple[str, ...]:
    return (
        *(row.name, row.state, _megabytes(row.size_bytes), row.quantization),
        *(str(row.context_length or ""), row.tuned, row.runs, ", ".join(row.pairs), row.place),
    )


def _pair_cells(row: PairRow) -> tuple[str, ...]:
    return (row.name, row.state, row.target, row.drafter, row.note)


def _copy_cells(copy: WeightCopy, *, is_used: bool) -> tuple[str, ...]:
    source = copy.source.name if copy.source else "?"
    state = "stale" if copy.stale else "in use" if is_used else "not used"
    return (source, copy.format, _megabytes(copy.size_bytes), state, str(copy.path))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f}" if size else ""
