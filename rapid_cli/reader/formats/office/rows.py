"""Rows of tables as lines that can be understood alone: each cell after the head of its column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from rapid_cli.reader.sections import Line

_HEAD_WITHIN = 10  # rows from the top; above it are titles and dates
_LONGEST_HEAD = 120  # characters
_HEADS_MOST = 6_000_000
"""Characters that repeated heads may add to a table; in a longer one they come every 20 rows."""
_HEADS_EVERY = 20
_NO_ROW = -2  # is where heads are repeated
_NUMBER = re.compile(r"[-+(]?[\d.,:/\s%€$£-]*\d[\d.,:/\s%€$£)-]*")


def row_lines(
    rows: Sequence[Sequence[str]], remarks: Mapping[int, Sequence[str]] = MappingProxyType({})
) -> Iterator[Line]:
    """Yield a line for each row of a table that has text, `head: value | head: value`.

    `remarks` are lines to come after a row, by its number from 0; -1 is for before all rows.
    """
    cleaned = [[" ".join(cell.split()) for cell in row] for row in rows]
    yield from map(Line, remarks.get(-1, ()))
    for at, text in _texts(cleaned, _head_place(cleaned)):
        if text:
            yield Line(text)
        yield from map(Line, remarks.get(at, ()))


def _texts(rows: Sequence[Sequence[str]], place: int | None) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each row, of which the one in `place` has the heads."""
    if place is None:
        yield from ((at, _plain(row)) for at, row in enumerate(rows))
        return
    yield from ((at, _plain(row)) for at, row in enumerate(rows[:place]))
    heads, below = rows[place], len(rows) - place - 1
    is_long = below * sum(map(len, heads)) > _HEADS_MOST
    yield place, _plain(heads) if is_long or not below else ""
    for at in range(place + 1, len(rows)):
        if not is_long:
            yield at, _headed(heads, rows[at])
            continue
        if at > place + 1 and (at - place - 1) % _HEADS_EVERY == 0:
            yield _NO_ROW, _plain(heads)
        yield at, _plain(rows[at])


def _plain(row: Sequence[str]) -> str:
    last = max((place for place, cell in enumerate(row) if cell), default=-1)
    return " | ".join(row[: last + 1])


def _headed(heads: Sequence[str], row: Sequence[str]) -> str:
    cells = []
    for place, cell in enumerate(row):
        head = heads[place] if place < len(heads) else ""
        if cell:
            cells.append(f"{head}: {cell}" if head and head != cell else cell)
    return " | ".join(cells)


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
