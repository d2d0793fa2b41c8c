"""Lines while they are written: pieces of text, gaps between paragraphs, numbers before them."""

from __future__ import annotations

from collections.abc import Sequence

from rapid_cli.reader.cleaning import without_embedded
from rapid_cli.reader.formats.html.marks import END, is_marked, only_pictures, resolved
from rapid_cli.reader.formats.html.notes import after_mark
from rapid_cli.reader.sections import Line

_LONGEST_HEADING = 300  # characters; a longer one was never closed


class Lines:
    """The lines so far, and the pieces of the next one."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.gap = False
        self.verbatim = 0  # how many tags deep in what keeps its shape
        self.pieces: list[str] = []
        self._open: list[str] = []  # marks that have begun, and go on in the next line
        self._labels: list[str] = []  # numbers of list items whose text is still to come
        self._note = ""  # the number of the note that begins here
        self._pictured = ""  # the last line, if it is only what is said of a picture

    def take(self, text: str) -> None:
        """Take text that is one line."""
        self.pieces.append(text)

    def take_lines(self, text: str) -> None:
        """Take text in which an end of a line is one."""
        first, *others = text.split("\n")
        self.pieces.append(first)
        for other in others:
            self.write()
            self.pieces.append(other)

    def begin(self, mark: str) -> None:
        """Begin a mark."""
        self._open.append(mark)
        self.pieces.append(mark)

    def end(self) -> None:
        """End the mark that was begun last."""
        self._open.pop()
        self.pieces.append(END)

    def is_within(self, mark: str) -> bool:
        """Tell whether such a mark has begun and not ended."""
        return mark in self._open

    def is_empty(self) -> bool:
        """Tell whether nothing of the next line is there yet."""
        return len(self.pieces) == len(self._open)

    def label(self, label: str) -> None:
        """Put the number of a list item before the text that comes next."""
        self._labels.append(label)

    def end_item(self) -> None:
        """End a list item, whose number stands alone if it has no text."""
        self.write()
        if self._labels:
            self.add([Line(self._begun(""))])

    def begin_note(self, number: str) -> None:
        """Put the number of a note before the text that comes next, unless it has it itself."""
        self._note = number

    def write(self) -> None:
        """End the line, if there is any text for it."""
        if not self.pieces:
            return
        text = "".join(self.pieces)
        self.pieces[:] = self._open
        if not self.verbatim and (not text or text.isspace()):
            return
        text = text.replace("\u00ad", "")
        pictured = False
        if is_marked(text):
            text = self._folded(text) + END * len(self._open)
            pictured = only_pictures(text)
            text = resolved(text)
        line = self._folded(without_embedded(text))
        if line or (self.verbatim and self.lines):
            self._add_text(line)
            self._pictured = line if pictured else ""

    def add(self, lines: Sequence[Line]) -> None:
        """Add whole lines, after an empty one if there is a gap."""
        if self.gap and self.lines:
            self.lines.append(Line(""))
        self.gap = False
        self.lines += lines

    def mark_heading(self, start: int, level: int) -> None:
        """Make a heading of the lines from `start` on."""
        title = " ".join(line.text for line in self.lines[start:]).strip()
        if title and len(title) <= _LONGEST_HEADING:
            gap = [Line("")] if start else []
            self.lines[start:] = [*gap, Line(title, level, title)]

    def _folded(self, text: str) -> str:
        return text.rstrip() if self.verbatim else " ".join(text.split())

    def _add_text(self, text: str) -> None:
        # A caption often says of a picture what its alternative text says too.
        # Another cell has lines of its own, and a table may have come between.
        said = self._pictured
        if said and text.casefold().startswith(said.casefold()) and self._ends_with(said):
            self.lines.pop()
        self.add([Line(self._begun(text) if self._labels or self._note else text)])

    def _ends_with(self, text: str) -> bool:
        return bool(self.lines) and self.lines[-1].text == text

    def _begun(self, text: str) -> str:
        """Return a text after the numbers that stand before it."""
        begun = " ".join([*self._labels, text]).strip() if self._labels else text
        self._labels.clear()
        number, self._note = self._note, ""
        has_number = not number or after_mark(begun, number) is not None
        return begun if has_number else f"[{number}] {begun}"
