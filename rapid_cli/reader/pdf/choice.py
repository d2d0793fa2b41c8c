"""Which library's text of a page is taken: the one that is more like what a reader sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

from rapid_cli.errors import DocumentError
from rapid_cli.reader.pdf.layout.doubles import has_doubles
from rapid_cli.reader.pdf.layout.legibility import is_garbled, legibility
from rapid_cli.reader.pdf.layout.spacing import is_spaced_better
from rapid_cli.reader.pdf.opening import open_slow
from rapid_cli.reader.pdf.page_texts import PageTexts
from rapid_cli.reader.pdf.pdfium import PdfiumFile, is_cut
from rapid_cli.reader.pdf.pypdf import PypdfFile
from rapid_cli.reader.pdf.seen import SeenPages, with_marks_below

SLOW_SECONDS = 12.0
"""After this time PDFium reads the pages that pypdf has not come to, as they are drawn."""

_ILLEGIBLE, _CLEARER = 0.6, 0.3  # pages of maths and tables are at 0.7 and more


def read_quickly(quick: PdfiumFile, raw: bytes) -> PageTexts:
    """Return the pages as PDFium reads them, or pypdf where PDFium finds no letters."""
    read = _seen(quick, raw, time.monotonic() + SLOW_SECONDS)
    doubtful = [at for at, text in enumerate(read.texts) if text is None or is_garbled(text)]
    if not doubtful:
        return read
    try:
        slow = PypdfFile(raw)
    except Exception:  # what one can read is not lost because the other cannot
        return read
    if len(slow) == len(quick):
        end = time.monotonic() + SLOW_SECONDS
        for at in doubtful:
            if time.monotonic() > end:
                break
            read.texts[at] = _clearer(read.texts[at], slow.text(at))
        read.bombs = slow.bombs
        return read
    # The file does not tell how many pages it has; the one that finds more of them is right.
    other = slow.read()
    return max(read, other, key=lambda each: (sum(map(bool, each.texts)), -len(each.texts)))


def read_all(raw: bytes, name: str, quick: PdfiumFile | None, *, locked: bool) -> PageTexts:
    """Return the pages as pypdf reads them, or PDFium where that is better or pypdf cannot."""
    end = time.monotonic() + SLOW_SECONDS
    try:
        slow = open_slow(raw, name, locked=locked)
    except DocumentError:
        if quick is None:
            raise
        read = _seen(quick, None, end)
        if is_cut(raw):  # fonts may be lost with the end, and leave codes in place of letters
            read.texts = [None if text and is_garbled(text) else text for text in read.texts]
        if not any(read.texts) and not quick.images():
            raise
        return read
    if quick is None or len(quick) != len(slow):
        texts = [with_marks_below(slow.text(at), slow.marks(at)) for at in range(len(slow))]
        return PageTexts(texts, slow.labels(), slow.bombs)
    seen = SeenPages(quick, lambda: slow, end)
    texts = list(_texts(slow, quick, seen))
    return PageTexts(texts, slow.labels(), slow.bombs, seen.hurried, seen.unread, seen.endless)


def _seen(quick: PdfiumFile, raw: bytes | None, end: float) -> PageTexts:
    """Return the pages as PDFium reads them, with what pypdf reads of their fields and notes."""

    def opened() -> PypdfFile | None:
        with suppress(Exception):  # as when it is asked for text
            slow = PypdfFile(raw) if raw else None
            return slow if slow and len(slow) == len(quick) else None
        return None

    seen = SeenPages(quick, opened, end)
    texts = [seen.text(at, quick.text(at)) for at in range(len(quick))]
    return PageTexts(texts, quick.labels(), set(), seen.hurried, seen.unread)


def _texts(slow: PypdfFile, quick: PdfiumFile, seen: SeenPages) -> Iterator[str | None]:
    """Yield the text of each page as pypdf reads it, or PDFium where that is better."""
    for at in range(len(slow)):
        if seen.is_late():
            yield seen.text(at, quick.text(at))
        elif slow.draws_itself(at):
            seen.endless.append(at)
            yield with_marks_below(slow.text(at), slow.marks(at))
        else:
            yield seen.text(at, _better(slow.text(at), quick.text(at)))


def _better(text: str | None, other: str | None) -> str | None:
    """Return the text of a page, or what PDFium reads there if that is more like one."""
    if text and legibility(text) >= _ILLEGIBLE:
        return other if other and _is_read_better(other, text) else text
    return _clearer(text, other)


def _is_read_better(other: str, text: str) -> bool:
    """Tell whether another reading of a page parts words, or reads once what is printed twice."""
    return is_spaced_better(other, text) or (has_doubles(text) and not has_doubles(other))


def _clearer(text: str | None, other: str | None) -> str | None:
    """Return the better one of what two libraries read, the first one in doubt."""
    if not text:  # None stays where neither finds text: a page without any is no damage
        return other or text
    return other if other and legibility(other) > legibility(text) + _CLEARER else text
