"""Tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rapid_cli.text.printable import printable_line

Rows = Sequence[Sequence[str]]


def print_table(rows: Rows) -> None:
    """Print rows, a line each: aligned on a terminal, tab-separated in a pipe."""
    rows = [[printable_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        print("\n".join("\t".join(row) for row in rows))
        return
    for cells in _padded(rows):
        print("  ".join(cells).rstrip())


def print_markdown(columns: Sequence[str], rows: Rows) -> None:
    """Print a Markdown table, which is as readable on a terminal as in a document."""
    lines = _padded([columns, *([printable_line(cell) for cell in row] for row in rows)])
    for number, cells in enumerate(lines):
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (len(cell) + 2) for cell in cells)}|")


def _padded(rows: Rows) -> list[list[str]]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
