"""`rapid models list`, `check` and `clear`, once their command lines are understood."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from rapid_cli.api.report import Json
from rapid_cli.cli.boundary import FAILED
from rapid_cli.cli.commands.trust import models_file_in_force
from rapid_cli.cli.options.models import CheckOptions
from rapid_cli.cli.render.console import console
from rapid_cli.cli.render.findings import print_findings
from rapid_cli.cli.render.models import ModelRow, PairRow, print_models
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.streams import require_output
from rapid_cli.doctor.model import CheckedModel
from rapid_cli.doctor.pair import CheckedPair
from rapid_cli.doctor.pair import check as check_pair
from rapid_cli.errors import ModelError
from rapid_cli.llama import engine, machine, read_format, read_shape
from rapid_cli.models.hub import find
from rapid_cli.models.specs import ModelPair, ModelsFile, ModelSpec
from rapid_cli.session.copies import WeightCopy
from rapid_cli.session.offers import is_here
from rapid_cli.session.pairs import Pairs
from rapid_cli.session.session import Session

MISSING = {"path": "missing", "package": "not installed", "repo": "not downloaded"}


def list_models(models: Path | None, *, json: bool) -> None:
    """List the models and pairs of models.toml and copies of weights; nothing is downloaded."""
    models_file = models_file_in_force(models, console())
    with Session(models_file) as session:
        rows = [_row(session, name) for name in models_file.models]
        pairs = [_pair_row(models_file, pair) for pair in models_file.pairs.values()]
        copies = session.copies.entries()
        used = {copy.path for copy in copies if _is_used(copy, session)}
        print_models(rows, pairs, copies, used, as_json=json)


def check(options: CheckOptions) -> None:
    """Check a pair, print what was found, and exit with 1 if it cannot work."""
    require_output()
    models_file = models_file_in_force(options.models, console())
    chosen = models_file.pair(options.pair)
    with Session(models_file) as session:
        checked = check_pair(session.pairs, chosen, options.target, options.drafter)
    if options.json:
        print_json(_checked_json(chosen.name, checked))
    else:
        print_findings(checked.findings)
    if not checked.ok:
        raise typer.Exit(FAILED)


def _checked_json(pair: str, checked: CheckedPair) -> Json:
    return {
        "pair": pair,
        "ok": checked.ok,
        "target": _seen_json(checked.target),
        "drafter": _seen_json(checked.drafter or checked.target),
        "findings": [asdict(finding) for finding in checked.findings],
        "memory": [asdict(at) for at in checked.memory],
    }


def _seen_json(seen: CheckedModel) -> Json:
    return {"name": seen.spec.name, "path": str(seen.path) if seen.path else None}


def clear(models: Path | None) -> None:
    """Remove the copies of weights, what tuning found, and how models were seen to run."""
    models_file = models_file_in_force(models, console())
    with Session(models_file) as session:
        freed, forgotten = session.copies.clear(), session.tuned.clear()
        session.preflight.forget()
    tuned = f"{forgotten} model{'' if forgotten == 1 else 's'}"
    print(f"freed {freed / 1e6:,.0f} MB, forgot the tuning of {tuned} and how models ran here")


def _pair_row(models_file: ModelsFile, pair: ModelPair) -> PairRow:
    state = "present" if is_here(models_file, pair) else "not all here"
    return PairRow(pair.name, state, pair.target, pair.drafter, pair.note)


def _row(session: Session, name: str) -> ModelRow:
    models_file, pairs = session.models_file, session.pairs
    spec = models_file.model(name)
    users = [pair.name for pair in models_file.pairs.values() if name in pair.models]
    path = find(spec.location)
    if path is None:
        kind = "path" if spec.path else "package" if spec.package else "repo"
        return ModelRow(name, str(spec.location), MISSING[kind], users)
    try:
        shape, weights = read_shape(path), read_format(path)
    except ModelError as error:
        return ModelRow(name, str(path), f"unusable: {error.message}", users)
    return ModelRow(
        name,
        str(path),
        "present",
        users,
        size_bytes=max(path.stat().st_size, shape.tensor_bytes),  # one of several files, maybe
        quantization=weights.label,
        context_length=spec.context_length or spec.scaled(shape.context_length),
        tuned=_tuned(session, path, spec),
        runs=_runs(pairs, path, spec),
    )


def _runs(pairs: Pairs, path: Path, spec: ModelSpec) -> str:
    """Tell whether a model was seen to run here, and how if not as it is."""
    run = pairs.seen_running(path, spec)
    if run is None:
        return "not tried"
    return f"{run.way.name}: {run.cause}; {run.remedy}" if run.note else run.way.name


def _is_used(copy: WeightCopy, session: Session) -> bool:
    """Tell whether a tuning chose a copy, on whatever machine, or a pair drafts with it."""
    models_file, tuned = session.models_file, session.pairs.tuned
    wanted = [
        (find(models_file.model(pair.target).location), pair.drafter_format)
        for pair in models_file.pairs.values()
    ]
    wanted += [(Path(each.path), each.settings.format) for each in tuned.entries()]
    return not copy.stale and (copy.source, copy.format) in wanted


def _tuned(session: Session, path: Path, spec: ModelSpec) -> str:
    """Tell whether a model runs as it was tuned, and why not if it was tuned at all."""
    if not spec.tuned:
        return "forbidden"
    pairs = session.models_file.pairs.values()
    lower = any(pair.lower_precision for pair in pairs if pair.target == spec.name)
    here = machine(gpu=spec.gpu_layers != 0)
    found, note = session.pairs.tuned.find(path, here, engine(), lower_precision=lower)
    if found is None:
        return f"stale: {note}" if note else "no"
    return "yes"
