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
"""How fast a slow disk loads a model."""
SETTINGS = ("gpu_layers", "threads", "flash_attention", "k_type", "v_type", "ubatch", "repack")
"""The fields of a spec that a child needs to run a model, besides its name."""


def start_engine() -> Child:
    """Start loading llama.cpp, and finding the "devices" that it computes on."""
    return Child(WORKER, "engine")


def start_model(path: Path, spec: ModelSpec) -> Child:
    """Start computing with a model as a spec says; `worker.model` describes the result."""
    settings = {name: getattr(spec, name) for name in ("name", *SETTINGS)}
    return Child(WORKER, "model", json.dumps({"path": str(path), "spec": settings}))


def start_outline(path: Path, name: str) -> Child:
    """Start opening a model without its weights; there is nothing in the result."""
    return Child(WORKER, "outline", json.dumps({"path": str(path), "name": name}))


def timeout_seconds(path: Path) -> float:
    """Return after how many seconds without an answer a model counts as hanging."""
    return SECONDS + path.stat().st_size / BYTES_A_SECOND
