"""Processes in which llama.cpp is loaded, or computes with a model, before it does so here."""

from __future__ import annotations

import json
from pathlib import Path

from rapid_cli.machine.child import Child
from rapid_cli.models.specs import ModelSpec

WORKER = "rapid_cli.preflight.worker"
SECONDS = 300.0
"""The first look at a GPU may take minutes, in which its driver compiles."""
BYTES_A_SECOND = 20e6
"""A slow disk, from which a model is loaded."""
SETTINGS = ("gpu_layers", "threads", "flash_attention", "k_type", "v_type", "ubatch", "repack")
"""What of a spec a child needs to run a model, besides its name."""


def start_engine() -> Child:
    """Begin to load llama.cpp, and to find the "devices" that it computes on."""
    return Child(WORKER, "engine")


def start_model(path: Path, spec: ModelSpec) -> Child:
    """Begin to compute with a model as a spec says; `worker.model` tells what that finds."""
    settings = {name: getattr(spec, name) for name in ("name", *SETTINGS)}
    return Child(WORKER, "model", json.dumps({"path": str(path), "spec": settings}))


def patience(path: Path) -> float:
    """Return the seconds after which a model that has said nothing hangs."""
    return SECONDS + path.stat().st_size / BYTES_A_SECOND
