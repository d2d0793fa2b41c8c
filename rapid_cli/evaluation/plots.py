"""The plot of an evaluation: the share of right answers by pack and variant, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rapid_cli.evaluation.report import Row
from rapid_cli.figures import save

WIDTH = 0.8
"""What the bars of one pack take of the room between two."""


def draw(path: Path, rows: Sequence[Row]) -> None:
    """Draw a bar for each row."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    packs = list(dict.fromkeys(row.pack for row in rows))
    variants = list(dict.fromkeys(row.variant for row in rows))
    figure = Figure(figsize=(max(6.0, 1.2 * len(rows)), 4.5), layout="constrained")
    axes = figure.subplots()
    for number, variant in enumerate(variants):
        mine = [row for row in rows if row.variant == variant]
        width = WIDTH / len(variants)
        shift = (number + 0.5) * width - WIDTH / 2
        errors = [
            [row.right - row.right_low for row in mine],
            [row.right_high - row.right for row in mine],
        ]
        axes.bar(
            [packs.index(row.pack) + shift for row in mine],
            [row.right for row in mine],
            width,
            yerr=errors,
            capsize=3,
            label=variant,
        )
    axes.set_xticks(range(len(packs)), [_plain(f"{pack}\n{_count(pack, rows)}") for pack in packs])
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("share of right answers")
    figure.legend(loc="outside upper center", ncols=min(4, len(variants)), fontsize="small")
    save(figure, path)


def _count(pack: str, rows: Sequence[Row]) -> str:
    return f"{max(row.questions for row in rows if row.pack == pack)} questions"


def _plain(text: str) -> str:
    """Return a text that is drawn as it is: a dollar sign would begin a formula."""
    return text.replace("$", r"\$")
