"""CSV and TSV: a table in a text, whatever separates its cells."""

from __future__ import annotations

import csv
from itertools import islice

from rapid_cli.reader.formats.office.rows import row_lines
from rapid_cli.reader.plain import decode_text
from rapid_cli.reader.sections import Line

_DELIMITERS = ",;\t|"
_LOOKED_AT = 100  # rows
_TRIAL = 200_000  # characters


def table_lines(raw: bytes, name: str) -> tuple[list[Line], tuple[str, ...]]:  # noqa: ARG001
    """Return the rows of a table, and warnings about its encoding; what is no table is text."""
    text, notes = decode_text(raw)
    try:
        delimiter = _delimiter(text)
        rows = list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))
    except csv.Error:  # a quote that is never closed
        return [Line(line) for line in text.split("\n")], notes
    return list(row_lines(rows)), notes


def _delimiter(text: str) -> str:
    """Return what separates most cells, in the same number of them in most rows."""
    lines = text[:_TRIAL].splitlines(keepends=True)
    return max(_DELIMITERS, key=lambda each: _regularity(lines, each))


def _regularity(lines: list[str], delimiter: str) -> tuple[float, int]:
    """Return the share of rows that are as wide as most are, and how wide; 0 for one column."""
    try:
        rows = list(islice(csv.reader(lines, delimiter=delimiter), _LOOKED_AT))
    except csv.Error:
        return 0, 0
    widths = [len(row) for row in rows if row]
    usual = max(set(widths), key=widths.count) if widths else 1
    return (widths.count(usual) / len(widths), usual) if usual > 1 else (0, 0)
