"""Pages as a reader sees them: looked at letter by letter where their text may be otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from rapid_cli.reader.cleaning import apart
from rapid_cli.reader.pdf.layout.direction import has_from_right
from rapid_cli.reader.pdf.layout.doubles import has_stutter
from rapid_cli.reader.pdf.layout.legibility import is_garbled, legibility
from rapid_cli.reader.pdf.layout.letters import Line
from rapid_cli.reader.pdf.layout.page_layout import laid_out
from rapid_cli.reader.pdf.layout.pieces import Pieces, may_have_columns, overlap
from rapid_cli.reader.pdf.layout.placing import Mark
from rapid_cli.reader.pdf.layout.raised import is_script, moved_pairs, with_scripts
from rapid_cli.reader.pdf.pdfium import PdfiumFile
from rapid_cli.reader.pdf.pypdf import PypdfFile

_WORSE = 0.1
"""By how much less legible the letters of PDFium may be than the text that they replace."""

_WITHIN = 1.0
"""Points from the edges of a piece of text that are in its first and last letters."""


class SeenPages:
    """The pages of a PDF by the places of their letters, until a time.

    `hurried` are the places of pages that came too late, and `unread` of those whose fields and
    notes could not be read; PDFium is kept from `endless` ones.
    """

    def __init__(
        self, quick: PdfiumFile, open_slow: Callable[[], PypdfFile | None], end: float
    ) -> None:
        self.hurried: list[int] = []
        self.unread: list[int] = []
        self.endless: list[int] = []
        self._quick, self._open_slow, self._end = quick, open_slow, end
        self._slow: PypdfFile | None = None
        self._opened = False

    def is_late(self) -> bool:
        """Tell whether there is no more time."""
        return time.monotonic() > self._end

    def text(self, at: int, text: str | None) -> str | None:
        """Return the text of a page as a reader sees it, from what a library reads there."""
        marked = self._quick.has_marks(at)
        if not marked and (not text or is_garbled(text)):
            return text
        pieces = self._quick.pieces(at)
        differs = marked or _may_differ(text or "", pieces)
        scripted = self._has_scripts(at, pieces)
        if not (differs or scripted):
            return text
        if self.is_late():
            self.hurried.append(at)
            return text
        lines = self._quick.lines(at)
        if differs:
            text = self._laid(text, lines, self._marks(at) if marked else [])
        return with_scripts(text, lines) if scripted and text else text

    def _has_scripts(self, at: int, pieces: Pieces) -> bool:
        return any(
            is_script(
                self._quick.letter_at(at, base._replace(left=base.right - _WITHIN)),
                self._quick.letter_at(at, script._replace(left=script.left + _WITHIN)),
            )
            for base, script in moved_pairs(pieces)
        )

    def _laid(self, text: str | None, lines: Sequence[Line], marks: Sequence[Mark]) -> str | None:
        laid = laid_out(lines, marks)
        if laid is None:
            return text
        laid = apart(laid)
        return laid if _is_as_good(laid, text) else with_marks_below(text, marks)

    def _marks(self, at: int) -> Sequence[Mark]:
        if not self._opened:
            self._opened, self._slow = True, self._open_slow()
        if self._slow is None:
            self.unread.append(at)
            return []
        return self._slow.marks(at)


def _may_differ(text: str, pieces: Pieces) -> bool:
    return has_from_right(text) or has_stutter(text) or overlap(pieces) or may_have_columns(pieces)


def with_marks_below(text: str | None, marks: Sequence[Mark]) -> str | None:
    """Return the text of a page with what stands beside it below, where no places are known."""
    if not marks:
        return text
    return "\n".join([*([text] if text else []), *(mark.text for mark in marks)])


def _is_as_good(laid: str, text: str | None) -> bool:
    return not text or legibility(laid) >= legibility(text) - _WORSE
