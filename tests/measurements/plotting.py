"""Draw the plot of a benchmark from what `rapid bench --json` printed.

python -m tests.measurements.plotting BENCH.json PLOT.svg
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rapid_cli.bench.plots import draw
from rapid_cli.bench.report import LengthRow, Row


def length_row(stage: dict[str, Any]) -> LengthRow:
    """Return what was measured at a length; JSON has numbers as keys in the form of texts.

    Earlier versions did not time batches that keep their width.
    """
    verify, draft = stage["verify_milliseconds"], stage["draft_milliseconds"]
    return LengthRow(
        **{"steady_milliseconds": {}}
        | stage
        | {
            "verify_milliseconds": {int(size): cost for size, cost in verify.items()},
            "draft_milliseconds": {
                name: {int(size): cost for size, cost in costs.items()}
                for name, costs in draft.items()
            },
        }
    )


def main() -> None:
    source, plot = map(Path, sys.argv[1:])
    printed = json.loads(source.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in printed["rows"]]
    draw(plot, printed["title"], rows, [length_row(stage) for stage in printed["stages"]])


if __name__ == "__main__":
    main()
