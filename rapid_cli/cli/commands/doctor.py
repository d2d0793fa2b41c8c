"""`rapid doctor`, once its command line is understood."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import typer

from rapid_cli.cli.boundary import FAILED
from rapid_cli.cli.render.console import console
from rapid_cli.cli.render.findings import print_findings
from rapid_cli.cli.render.objects import print_json
from rapid_cli.cli.streams import require_output
from rapid_cli.doctor.checks import examine
from rapid_cli.doctor.findings import nothing_failed
from rapid_cli.storage.logfile import unwritten


def run(models: Path | None, *, json: bool) -> None:
    """Print what all checks find; a failure among it is an exit code, too."""
    require_output()
    output = sys.stdout  # before the status line puts something else into its place
    # A folder that is to be checked is not to be changed.
    with unwritten(), console().status("looking at this machine"):
        findings = examine(models, output)
    ok = nothing_failed(findings)
    if json:
        print_json({"ok": ok, "findings": list(map(asdict, findings))})
    else:
        print_findings(findings)
    if not ok:
        raise typer.Exit(FAILED)
