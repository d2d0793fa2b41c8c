"""Tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rapid_cli.cli.render.objects import print_json
from rapid_cli.text.printable import printable_line

Rows = Sequence[Sequence[str]]


def print_list(columns: Sequence[str], rows: Rows, objects: object, *, as_json: bool) -> None:
    """Print the same things as a table or as JSON."""
    if as_json:
        print_json(objects)
    else:
        print_table(columns, rows)


def print_table(columns: Sequence[str], rows: Rows) -> None:
    """Print rows, a line each: aligned on a terminal, tab-separated in a pipe."""
    rows = _printable(columns, rows)
    if not sys.stdout.isatty():
        print("\n".join("\t".join(row) for row in rows))
        return
    for cells in _padded(rows):
        print("  ".join(cells).rstrip())


def print_markdown(columns: Sequence[str], rows: Rows) -> None:
    """Print a Markdown table, which is as readable on a terminal as in a document."""
    for number, cells in enumerate(_padded(_printable(columns, rows))):
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"|{'|'.join('-' * (len(cell) + 2) for cell in cells)}|")


def in_megabytes(size_bytes: int) -> str:
    """Return a size for a column of megabytes, without the unit, as programs read it."""
    return f"{size_bytes / 1e6:.0f}"


def _printable(columns: Sequence[str], rows: Rows) -> list[list[str]]:
    return [[printable_line(cell) for cell in row] for row in (columns, *rows)]


def _padded(rows: Rows) -> list[list[str]]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
