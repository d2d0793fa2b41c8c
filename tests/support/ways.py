"""How models run on this machine, for what opens weights without the commands."""

from __future__ import annotations

from pathlib import Path

from rapid_cli.models.specs import ModelSpec
from rapid_cli.preflight.preflight import first_that_works


def as_it_runs(path: Path, spec: ModelSpec) -> ModelSpec:
    """Return `spec` changed so that llama.cpp does not crash on the CPU here."""
    return first_that_works(path, spec, offloads=False).way.applied(spec)
