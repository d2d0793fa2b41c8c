"""The tables of a page while their cells come."""

from __future__ import annotations

from collections.abc import Mapping

from rapid_cli.reader.formats.html.grid import Budget, Cell, Table, cell, table_blocks
from rapid_cli.reader.formats.html.lines import Lines
from rapid_cli.reader.sections import Line

_DEEPEST_TABLE = 20


class Tables:
    """Open tables, rows and cells; a whole table is written to `lines` once it ends."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._tables: list[Table] = []
        self._rows: list[list[Cell]] = []  # of each open table and row, its cells
        # Of each open cell: the lines and the gap before it, its tag and attributes.
        self._cells: list[tuple[list[Line], bool, str, Mapping[str, str]]] = []
        self._budget = Budget()

    @property
    def are_open(self) -> bool:
        """Whether lines may be those of a cell, or come before a table that is not yet written."""
        return bool(self._tables or self._rows or self._cells)

    def start_table(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a table."""
        self._tables.append(Table())
        self._rows.append([])

    def end_table(self, tag: str) -> None:  # noqa: ARG002
        """End a table, and write its rows."""
        self._lines.write()
        table = self._tables.pop()
        table.add(self._rows.pop())  # cells outside of any row
        self._write(table)

    def start_section(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a section such as thead."""
        if self._tables:
            self._tables[-1].begin(tag)

    def end_section(self, tag: str) -> None:  # noqa: ARG002
        """End a section."""
        if self._tables:
            self._tables[-1].begin("")

    def start_row(self, tag: str, attributes: Mapping[str, str]) -> None:  # noqa: ARG002
        """Begin a row."""
        self._rows.append([])

    def end_row(self, tag: str) -> None:  # noqa: ARG002
        """End a row; one outside of any table is written at once."""
        self._lines.write()
        table = self._tables[-1] if self._tables else Table()
        table.add(self._rows.pop())
        if not self._tables:
            self._write(table)

    def start_cell(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin a cell, whose lines are apart until it ends."""
        lines = self._lines
        if lines.pieces:
            lines.write()
        self._cells.append((lines.lines, lines.gap, tag, attributes))
        if self._rows and len(self._cells) <= _DEEPEST_TABLE:
            lines.lines, lines.gap = [], False

    def end_cell(self, tag: str) -> None:
        """End a cell."""
        lines = self._lines
        lines.write()
        inside = lines.lines
        lines.lines, gap, tag, attributes = self._cells.pop()
        if inside is not lines.lines:
            lines.gap = gap
            self._rows[-1].append(cell(inside, tag, attributes))
            if self._tables and (attributes or tag == "th"):
                self._mark(self._tables[-1], self._rows[-1][-1])

    def _mark(self, table: Table, latest: Cell) -> None:
        table.has_heads |= latest.is_head
        table.has_spans |= latest.columns > 1 or latest.rows > 1

    def _write(self, table: Table) -> None:
        for block, gap in table_blocks(table, self._budget):
            self._lines.gap |= gap
            self._lines.add(block)
