"""Plots of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rapid_cli.bench.report import LengthRow, Row
from rapid_cli.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(path: Path, title: str, rows: Sequence[Row], lengths: Sequence[LengthRow]) -> None:
    """Draw speed-up and acceptance over length, the cost curves, and predicted over measured."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(11, 8), layout="constrained")
    ((speed, accepted), (costs, predicted)) = figure.subplots(2, 2)
    figure.suptitle(title, parse_math=False)
    _over_length(speed, rows, "speedup", "speed-up over plain decoding")
    speed.axhline(1, color="grey", linewidth=0.8)
    _over_length(accepted, rows, "acceptance_rate", "acceptance rate")
    _cost_curves(costs, lengths)
    _predictions(predicted, rows)
    speed.legend(fontsize="x-small")
    save(figure, path)


def label(row: Row) -> str:
    """Name the line that a row belongs to."""
    parts = [row.variant]
    if row.drafter:
        parts.append(f"by {row.drafter}")
    if row.assumed_acceptance is not None:
        parts.append(f"(acceptance {row.assumed_acceptance:g} assumed)")
    return " ".join(parts)


def _over_length(axes: Axes, rows: Sequence[Row], field: str, name: str) -> None:
    for line in dict.fromkeys(map(label, rows)):
        points = [
            (row.context_length, getattr(row, field))
            for row in rows
            if label(row) == line and getattr(row, field) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=line)
    axes.set_xlabel("context length, tokens")
    axes.set_ylabel(name)


def _cost_curves(axes: Axes, lengths: Sequence[LengthRow]) -> None:
    for row in lengths:
        curve = row.verify_milliseconds
        axes.plot(list(curve), list(curve.values()), marker="o", label=f"{row.context_length}")
    axes.set_xlabel("tokens in a batch of the target")
    axes.set_ylabel("milliseconds")
    axes.legend(title="context length", fontsize="x-small")


def _predictions(axes: Axes, rows: Sequence[Row]) -> None:
    measured = [row.tokens_per_second for row in rows]
    axes.scatter(measured, [row.predicted_tokens_per_second for row in rows])
    limit = max(measured, default=1) * 1.1
    axes.plot([0, limit], [0, limit], color="grey", linewidth=0.8)
    axes.set_xlabel("measured tokens a second")
    axes.set_ylabel("predicted from the costs")
