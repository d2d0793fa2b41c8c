"""Tables with merged cells: what a cell says stands in each row and column that it covers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_LONGEST_REPEATED = 300  # characters of HTML; more is a part of the page and no entry
_UNREPEATED = ("<table", "<h")
_MOST_REPEATED = 2_000_000  # characters in all


@dataclass(slots=True)
class Cell:
    """A cell from a column of the grid on, over so many; `above` where it continues that above."""

    start: int
    span: int
    html: str
    above: bool = False

    @property
    def repeats(self) -> bool:
        """Tell whether its text is an entry, that is said of each row and column."""
        return len(self.html) <= _LONGEST_REPEATED and not any(
            mark in self.html for mark in _UNREPEATED
        )


def table_html(rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table without merged cells."""
    columns = _columns(rows)
    left = _MOST_REPEATED
    pieces = ["<table>"]
    for row in _filled(rows):
        pieces.append("<tr>")
        for cell in row:
            times = _places(cell, columns) if len(row) > 1 and cell.repeats else 1
            left -= len(cell.html) * times
            pieces += [f"<td>{cell.html}</td>"] * (max(times, 1) if left > 0 else 1)
        pieces.append("</tr>")
    pieces.append("</table>")
    return "".join(pieces)


def _places(cell: Cell, columns: Sequence[int]) -> int:
    """Return how many columns begin within a cell."""
    return bisect_left(columns, cell.start + cell.span) - bisect_left(columns, cell.start)


def _columns(rows: Iterable[Sequence[Cell]]) -> tuple[int, ...]:
    """Return where the columns begin: in forms each row divides the grid otherwise, so the most
    usual row decides.
    """
    usual = Counter(tuple(cell.start for cell in row) for row in rows if len(row) > 1)
    return max(usual, key=lambda starts: (usual[starts], len(starts)), default=())


def _filled(rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
    """Yield the rows with the text of cells from above where those go on."""
    above: dict[int, Cell] = {}
    for row in rows:
        for cell in row:
            first = above.get(cell.start)
            if not cell.above:
                above[cell.start] = cell
            elif first is not None:  # Word shows nothing of what is in the cell itself
                cell.html = first.html if first.repeats else ""
        yield row
