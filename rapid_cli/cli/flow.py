"""Text on a terminal while it is written: its lines end between words, whatever the width is."""

from __future__ import annotations

from itertools import pairwise

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.segment import ControlType, Segment
from rich.text import Text

from rapid_cli.text.wrapping import cells, lines, rows

TAB = 8
SETTLED = 40
"""A line is printed when so many letters follow it: what comes then no longer moves its end.

A single letter may move it, and the words of Thai are known by those after them.
"""


class Flow:
    """Paragraphs on a terminal: finished lines are printed, and what may yet change is drawn below.

    The cursor rests at the beginning of what is drawn. So all of it is erased by erasing what is
    below the cursor, also where the window was made narrower and the terminal has moved its rows.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        moves = not (console.is_dumb_terminal or console.legacy_windows)
        self._drawable = console.is_terminal and moves
        self._rest = Text()
        self._drawn = False

    def add(self, text: str, style: str) -> None:
        """Add text; print the paragraphs that it completes."""
        first, *others = text.split("\n")
        self._append(first, style)
        for line in others:
            self.end()
            self._append(line, style)

    def draw(self, status: Text | None) -> None:
        """Print the lines that are finished, and draw the rest with a line on how it goes below."""
        with self._console:  # all of it is written at once, so that nothing flickers
            self.erase()
            self._print_settled()
            if self._drawable:
                self._draw_rest(status)

    def end(self) -> None:
        """Print what is left of the paragraph, and end it."""
        with self._console:
            self.erase()
            for start, end in lines(self._rest.plain, self._console.width):
                self._print(self._rest[start:end])
            self._rest = Text()

    def close(self) -> None:
        """Print what is left, if there is any, and show the cursor again."""
        if self._rest:
            self.end()
        self.erase()

    def erase(self) -> None:
        """Erase what is drawn, so that something else may be printed in its place."""
        if self._drawn:
            self._console.print(_Erased(), end="")
            self._console.show_cursor(True)
            self._drawn = False

    def _print_settled(self) -> None:
        """Print the lines whose ends no longer move."""
        found = lines(self._rest.plain, self._console.width)
        begin = 0
        for (start, end), (following, _) in pairwise(found):
            if len(self._rest) - following < SETTLED:
                break
            self._print(self._rest[start:end])
            begin = following
        if begin:
            self._rest = self._rest[begin:]

    def _draw_rest(self, status: Text | None) -> None:
        """Draw the rest, or what a low window can hold of it, and go back to where it begins."""
        width, height = self._console.size
        text = self._rest.plain
        shown = [  # without letters that the window is too narrow for: nobody knows their rows
            self._rest[start:end]
            for start, end in rows(text, width)
            if cells(text[start:end]) <= width
        ]
        below = [status] if status else []
        drawn = [*shown[-max(height - 1 - len(below), 1) :], *below]
        for line in drawn:
            line.truncate(width, overflow="ellipsis" if line is status else "crop")
        self._console.show_cursor(False)
        self._console.print(Text("\n").join(drawn), soft_wrap=True, end="\r")
        self._console.control(Control.move(0, 1 - len(drawn)))
        self._drawn = True

    def _append(self, text: str, style: str) -> None:
        """Append text to the paragraph in work, with spaces in place of tabs."""
        first, *others = text.split("\t")
        self._rest.append(first, style)
        for part in others:
            self._rest.append(" " * (TAB - cells(self._rest.plain) % TAB) + part, style)

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True)


class _Erased:
    """Erases what is below the cursor, and in its row; rich knows no name for it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment("\r\x1b[J", None, [(ControlType.CARRIAGE_RETURN,)])
