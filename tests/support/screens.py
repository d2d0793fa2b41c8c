"""A terminal of any size: what one sees after what was written to it, and after a resize.

It understands what rapid writes: text, line ends, colours, going up, erasing below, the cursor. Of
the two kinds of terminals, one fills its rows anew when the window changes (`reflows`), and the
other cuts them off.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

from wcwidth import wcwidth

CONTROL = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|\x1b\]8;[^\x1b]*\x1b\\")


class Glass(io.StringIO):
    """A file that shows on a screen what is written; it takes itself for a terminal."""

    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self.screen = screen

    def write(self, text: str) -> int:
        self.screen.feed(text)
        return super().write(text)

    def isatty(self) -> bool:
        return True


@dataclass
class Row:
    """Cells, of which a wide letter takes two; and whether the text goes on in the next row."""

    cells: list[str] = field(default_factory=list)
    goes_on: bool = False

    @property
    def text(self) -> str:
        return "".join(self.cells)


class Screen:
    """A terminal; rows that have left it at the top are kept."""

    def __init__(self, width: int, height: int = 24, *, reflows: bool = True) -> None:
        self.width, self.height, self.reflows = width, height, reflows
        self.rows = [Row()]
        self.row = self.column = 0
        self.cursor_shown = True

    def feed(self, written: str) -> None:
        """Show what a terminal gets, in which line ends are those of a program."""
        place = 0
        while place < len(written):
            if found := CONTROL.match(written, place):
                self._obey(found[1] or "", found[2])
                place = found.end()
            else:
                self._put(written[place])
                place += 1

    def resize(self, width: int) -> None:
        """Make the window narrower or wider."""
        if not self.reflows:
            for row in self.rows:
                del row.cells[width:]
            self.column = min(self.column, width - 1)
        else:
            self._reflow(width)
        self.width = width

    def seen(self) -> list[str]:
        """Return the rows as they are seen."""
        return [row.text.rstrip() for row in self.rows]

    def copied(self) -> list[str]:
        """Return the lines as they are copied: rows that go on are one."""
        copied = [""]
        for row in self.rows:
            copied[-1] += row.text
            if not row.goes_on:
                copied.append("")
        return [line.rstrip() for line in copied[:-1]]

    def _obey(self, number: str, command: str | None) -> None:
        match command:
            case "A":
                top = max(len(self.rows) - self.height, 0)
                self.row = max(self.row - max(int(number or 1), 1), top)
            case "J":
                assert number in ("", "0")
                del self.rows[self.row + 1 :]
                del self.rows[self.row].cells[self.column :]
                self.rows[self.row].goes_on = False
            case "h" | "l":
                assert number == "?25"
                self.cursor_shown = command == "h"
            case "m" | None:
                pass
            case _:
                raise AssertionError(f"the terminal does not know {number}{command}")

    def _put(self, letter: str) -> None:
        if letter == "\r":
            self.column = 0
        elif letter == "\n":
            self.column = 0
            self._down(goes_on=False)
        elif (size := wcwidth(letter)) > 0:
            self._write(letter, size)
        elif size == 0 and self.rows[self.row].cells:
            cells = self.rows[self.row].cells
            at = max(self.column - 1, 0)
            at -= cells[at] == "" and at > 0
            cells[at] += letter

    def _write(self, letter: str, size: int) -> None:
        if self.column and self.column + size > self.width:
            self.column = 0
            self._down(goes_on=True)
        cells = self.rows[self.row].cells
        cells += [" "] * (self.column - len(cells))
        cells[self.column : self.column + size] = [letter, ""][:size]
        self.column += size

    def _down(self, *, goes_on: bool) -> None:
        self.rows[self.row].goes_on = goes_on
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append(Row())

    def _reflow(self, width: int) -> None:
        rows, cursor = self.rows, (self.row, self.column)
        self.width, self.rows, self.row, self.column = width, [Row()], 0, 0
        at = (0, 0)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row.cells):
                if (number, column) == cursor:
                    at = self.row, self.column
                if cell:
                    self._write(cell, 1 + (row.cells[column + 1 : column + 2] == [""]))
            if cursor[0] == number and cursor[1] >= len(row.cells):
                at = self.row, self.column
            if not row.goes_on and number + 1 < len(rows):
                self.column = 0
                self._down(goes_on=False)
        self.row, self.column = at
