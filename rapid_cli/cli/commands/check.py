"""`rapid models check`, once its command line is understood."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path

import typer

from rapid_cli.cli.boundary import FAILED
from rapid_cli.cli.render.findings import print_findings
from rapid_cli.cli.render.report import Json
from rapid_cli.cli.streams import require_output
from rapid_cli.doctor.model import CheckedModel
from rapid_cli.doctor.pair import CheckedPair, check
from rapid_cli.models.models_file import find_models_file, load_models_file
from rapid_cli.session.session import Session


def run(
    pair: str | None,
    *,
    models: Path | None,
    target: Path | None,
    drafter: Path | None,
    json: bool,
) -> None:
    """Check a pair, print what was found, and exit with 1 if it cannot work."""
    require_output()
    models_file = load_models_file(find_models_file(models))
    chosen = models_file.pair(pair)
    with Session(models_file) as session:
        checked = check(session.pairs, chosen, target, drafter)
    if json:
        print(jsonlib.dumps(_json(chosen.name, checked)))
    else:
        print_findings(checked.findings)
    if not checked.ok:
        raise typer.Exit(FAILED)


def _json(pair: str, checked: CheckedPair) -> Json:
    drafter = checked.drafter or checked.target
    return {
        "pair": pair,
        "ok": checked.ok,
        "target": _model(checked.target),
        "drafter": _model(drafter),
        "findings": [asdict(finding) for finding in checked.findings],
        "memory": [asdict(at) for at in checked.memory],
    }


def _model(model: CheckedModel) -> Json:
    return {"name": model.spec.name, "path": str(model.path) if model.path else None}
