"""Chat templates rendered in this process: quick, and without the limits of the worker."""

from __future__ import annotations

import json

import pytest

from rapid_cli.models.templates import rendering, worker


class InProcess:
    """Takes the place of the process that renders; what goes in and out is JSON all the same."""

    def __init__(self, _: str, *, given: bytes) -> None:
        self._request = json.loads(given)

    def result(self, _: float) -> dict[str, object]:
        told: dict[str, object] = json.loads(json.dumps(worker.render(self._request)))
        return told


def render_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no process be started for a template."""
    monkeypatch.setattr(rendering, "Child", InProcess)
