"""Rows of tables as lines that can be understood alone: each cell after the head of its column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rapid_cli.reader.sections import Line

_HEAD_WITHIN = 10  # rows from the top; above it are titles and dates
_LONGEST_HEAD = 120  # characters
_HEADS_MOST = 6_000_000
"""Characters that repeated heads may add to a table; in a longer one they come every 20 rows."""
_HEADS_EVERY = 20
_NUMBER = re.compile(r"[-+(]?[\d.,:/\s%€$£-]*\d[\d.,:/\s%€$£)-]*")


def row_lines(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """Yield a line for each row of a table that has text, `head: value | head: value`."""
    cleaned = [[" ".join(cell.split()) for cell in row] for row in rows]
    place = _head_place(cleaned)
    above = cleaned if place is None else cleaned[:place]
    yield from _plain(above)
    if place is None:
        return
    heads, below = cleaned[place], cleaned[place + 1 :]
    if len(below) * sum(map(len, heads)) > _HEADS_MOST:
        for start in range(0, len(below), _HEADS_EVERY):
            yield from _plain([heads, *below[start : start + _HEADS_EVERY]])
    else:
        yield from _plain([heads] if not below else [])
        yield from _headed(heads, below)


def _plain(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    for row in rows:
        if any(row):
            last = max(place for place, cell in enumerate(row) if cell)
            yield Line(" | ".join(row[: last + 1]))


def _headed(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    for row in rows:
        cells = []
        for place, cell in enumerate(row):
            head = heads[place] if place < len(heads) else ""
            if cell:
                cells.append(f"{head}: {cell}" if head and head != cell else cell)
        if cells:
            yield Line(" | ".join(cells))


def _head_place(rows: Sequence[Sequence[str]]) -> int | None:
    """Return the row whose cells name the columns, None if there is none."""
    width = max((_filled(row) for row in rows[:200]), default=0)
    for place, row in enumerate(rows[:_HEAD_WITHIN]):
        if _filled(row) > 1 and 5 * _filled(row) >= 3 * width:
            return place if all(map(_may_be_head, row)) else None
    return None


def _filled(row: Sequence[str]) -> int:
    return sum(map(bool, row))


def _may_be_head(cell: str) -> bool:
    """Tell whether a cell may name a column: a year may, another number does not."""
    is_year = len(cell) == 4 and cell.isdecimal() and "1800" <= cell <= "2199"
    return len(cell) <= _LONGEST_HEAD and (is_year or not _NUMBER.fullmatch(cell))
