"""Plots of a benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rapid_cli.bench.report import LengthRow, Row
from rapid_cli.figures import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

MOST_LINES = 5
"""More lines in one panel cannot be told apart."""
Panel = tuple[str | None, float | None]
"""The drafter that a panel is about, and the acceptance assumed, if that has panels of its own."""


def draw(path: Path, title: str, rows: Sequence[Row], lengths: Sequence[LengthRow]) -> None:
    """Draw speed-up and acceptance over length, the cost curves, and predicted over measured."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(11, 9), layout="constrained")
    figure.suptitle(title, parse_math=False)
    parts = figure.subfigures(2, 1, height_ratios=(1.6, 1))
    over_length, others = cast("Iterable[SubFigure]", parts)  # told wrongly by its types
    _over_length(over_length, rows)
    costs, predicted = others.subplots(1, 2)
    _cost_curves(costs, lengths)
    _predictions(predicted, rows)
    save(figure, path)


def label(row: Row) -> str:
    """Name the line that a row belongs to, within the panel of its drafter."""
    if row.assumed_acceptance is None:
        return row.variant
    return f"{row.variant} (acceptance {row.assumed_acceptance:g} assumed)"


def panels(rows: Sequence[Row]) -> dict[Panel, list[Row]]:
    """Return the rows of each panel: one for each drafter, and more where lines would be too many.

    What drafts with no model is in all of them, to be compared with.
    """
    drafted = [row for row in rows if row.drafter]
    common = [row for row in rows if not row.drafter and row.speedup != 1.0]
    keys: dict[Panel, list[Row]] = {(row.drafter, None): [] for row in drafted or rows}
    for row in drafted:
        keys[row.drafter, None].append(row)
    if max(len(_lines([*found, *common])) for found in keys.values()) > MOST_LINES:
        keys = {(row.drafter, row.assumed_acceptance): [] for row in drafted}
        for row in drafted:
            keys[row.drafter, row.assumed_acceptance].append(row)
    return {key: [*found, *common] for key, found in keys.items()}


def _lines(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(map(label, rows)))


def _over_length(figure: SubFigure, rows: Sequence[Row]) -> None:
    """Draw two panels for each drafter, one above the other, with one legend for all."""
    found = panels(rows)
    axes = figure.subplots(2, len(found), sharex=True, sharey="row", squeeze=False)
    colours = {line: f"C{number}" for number, line in enumerate(_lines(rows))}
    for (drafter, acceptance), (speed, accepted), mine in zip(
        found, axes.T, found.values(), strict=True
    ):
        name = f"drafts by {drafter}" if drafter else ""
        more = "" if acceptance is None else f"\nacceptance {acceptance:g} assumed"
        speed.set_title(f"{name}{more}", fontsize="small", parse_math=False)
        _draw_lines(speed, mine, "speedup", colours)
        speed.axhline(1, color="grey", linewidth=0.8)
        _draw_lines(accepted, mine, "acceptance_rate", colours)
        accepted.set_xlabel("context length, tokens")
    axes[0, 0].set_ylabel("speed-up over plain decoding")
    axes[1, 0].set_ylabel("acceptance rate")
    named = {line.get_label(): line for each in axes.flat for line in each.get_lines()}
    shown = {name: line for name, line in named.items() if name in colours}
    if shown:
        figure.legend(
            shown.values(), shown, loc="outside lower center", ncols=3, fontsize="x-small"
        )


def _draw_lines(axes: Axes, rows: Sequence[Row], field: str, colours: dict[str, str]) -> None:
    lengths = sorted({row.context_length for row in rows})
    for line in _lines(rows):
        points = [
            (row.context_length, getattr(row, field))
            for row in rows
            if label(row) == line and getattr(row, field) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=line, color=colours[line])
    if lengths:
        axes.set_xscale("log")
        axes.set_xticks(lengths, [f"{length:,}" for length in lengths])
        axes.minorticks_off()


def _cost_curves(axes: Axes, lengths: Sequence[LengthRow]) -> None:
    for row in lengths:
        curve = row.verify_milliseconds
        axes.plot(list(curve), list(curve.values()), marker="o", label=f"{row.context_length:,}")
    axes.set_xlabel("tokens in a batch of the target")
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    axes.legend(title="context length", fontsize="x-small")


def _predictions(axes: Axes, rows: Sequence[Row]) -> None:
    measured = [row.tokens_per_second for row in rows]
    axes.scatter(measured, [row.predicted_tokens_per_second for row in rows])
    limit = max(measured, default=1) * 1.1
    axes.plot([0, limit], [0, limit], color="grey", linewidth=0.8)
    axes.set_xlabel("measured tokens a second")
    axes.set_ylabel("predicted from the costs")
