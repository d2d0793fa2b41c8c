"""PDFs, page by page: pypdf reads them, and PDFium the long ones and what pypdf cannot read."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby

from rapid_cli.documents import Page
from rapid_cli.errors import DocumentError
from rapid_cli.reader.cleaning import reason
from rapid_cli.reader.page_texts import PageTexts
from rapid_cli.reader.pdfium import PdfiumFile, is_locked
from rapid_cli.reader.pypdf import LockedPdf, PypdfFile

MANY_PAGES = 200  # from here on PDFium reads first: it takes 1 ms for a page, and pypdf 16
MAX_PAGES = 20_000
NEEDS_OCR = "needs OCR"

_MAX_RANGES = 10
_RESAVE = "open it in a PDF viewer and print it to a new PDF"


class Textless(DocumentError):
    """No page of a PDF has text, but there are pages."""


def pdf_pages(raw: bytes, name: str) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """Return the pages of a PDF called `name`, and warnings; Textless if none has text."""
    with warnings.catch_warnings(action="ignore"), ExitStack() as stack:
        quick, locked = _open_quick(raw, name, stack)
        if quick and len(quick) >= MANY_PAGES:
            read = _read_quickly(quick, raw)
        else:
            read = _read(raw, name, quick, locked=locked)
        if not any(read.texts):
            raise _textless(read.texts, quick, name)
        notes = tuple(_notes(read.texts, quick))
    pages = (
        Page(number, label if label != str(number) else None, text or "")
        for number, (label, text) in enumerate(zip(read.labels, read.texts, strict=True), start=1)
    )
    return tuple(pages), notes


def page_ranges(numbers: Iterable[int]) -> str:
    """Return increasing `numbers`, at least one, as in "page 3" or "pages 1, 3-9 and 12"."""
    # Numbers in a row keep their distance from their place among all.
    grouped = groupby(enumerate(numbers), lambda place: place[1] - place[0])
    runs = [[number for _, number in group] for _, group in grouped]
    shown = [f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs]
    more = sum(map(len, runs[_MAX_RANGES:]))
    *before, last = [*shown[:_MAX_RANGES], f"{more} more"] if more else shown
    noun = "page" if len(runs) == len(runs[0]) == 1 else "pages"
    return f"{noun} {', '.join(before)} and {last}" if before else f"{noun} {last}"


def _open_quick(raw: bytes, name: str, stack: ExitStack) -> tuple[PdfiumFile | None, bool]:
    """Return the PDF as PDFium opens it, if it does and finds pages; whether it is locked."""
    try:
        quick = stack.enter_context(PdfiumFile(raw))
        count = len(quick)
    except Exception as error:  # pypdf will say what is wrong, if anything is
        return None, is_locked(error)
    _check_count(count, name)
    return quick if count else None, False


def _check_count(count: int, name: str) -> None:
    if count > MAX_PAGES:
        raise DocumentError(
            f"{name} says that it has {count:,} pages; rapid reads up to {MAX_PAGES:,}",
            "split it, such as: qpdf in.pdf --split-pages=1000 out.pdf",
        )


def _read_quickly(quick: PdfiumFile, raw: bytes) -> PageTexts:
    read = quick.read()
    if None not in read.texts:
        return read
    try:
        slow = PypdfFile(raw)
    except Exception:  # what one can read is not lost because the other cannot
        return read
    if len(slow) == len(quick):
        read.texts = [slow.text(at) if text is None else text for at, text in enumerate(read.texts)]
        return read
    # The file does not tell how many pages it has; the one that finds more of them is right.
    other = slow.read()
    return max(read, other, key=lambda each: sum(map(bool, each.texts)))


def _read(raw: bytes, name: str, quick: PdfiumFile | None, *, locked: bool) -> PageTexts:
    try:
        slow = _open_slow(raw, name, locked=locked)
    except DocumentError:
        if quick is None:
            raise
        read = quick.read()
        if not any(read.texts) and not quick.images():
            raise
        return read
    read = slow.read()
    if quick and len(quick) == len(slow):
        # None stays where neither finds text: a page without any is no damage.
        read.texts = [text or quick.text(at) or text for at, text in enumerate(read.texts)]
    return read


def _open_slow(raw: bytes, name: str, *, locked: bool) -> PypdfFile:
    try:
        slow = PypdfFile(raw)
    except Exception as error:  # damage surfaces as whatever pypdf trips over
        if locked or isinstance(error, LockedPdf):
            hint = "save a copy without it, such as: qpdf --password=... --decrypt in.pdf out.pdf"
            raise DocumentError(f"{name} is locked with a password", hint) from error
        raise DocumentError(f"{name} is not a readable PDF: {reason(error)}", _RESAVE) from error
    _check_count(len(slow), name)
    if len(slow) == 0:
        raise DocumentError(f"{name} has no pages", "check that this is the right file")
    return slow


def _textless(texts: Sequence[str | None], quick: PdfiumFile | None, name: str) -> DocumentError:
    if all(text is None for text in texts):
        return DocumentError(f"{name} is damaged: none of its pages can be read", _RESAVE)
    if quick and all(map(quick.is_blank, range(len(quick)))):
        hint = "check that this is the right file"
        return DocumentError(f"{name} has no text; all its pages are blank", hint)
    scanned = quick.images() if quick else 0
    found = f"{_pages(scanned)} {'looks' if scanned == 1 else 'look'} scanned"
    return Textless(
        f"{name} has no text; {found if scanned else 'its pages are drawn'}",
        "run again with --ocr, which needs ocrmypdf",
    )


def _notes(texts: Sequence[str | None], quick: PdfiumFile | None) -> Iterator[str]:
    numbered = list(enumerate(texts, start=1))
    if damaged := [number for number, text in numbered if text is None]:
        yield f"{page_ranges(damaged)} could not be read"
    empty = [number for number, text in numbered if text == ""]
    same = quick is not None and len(quick) == len(texts)
    blank = {number for number in empty if quick and same and quick.is_blank(number - 1)}
    if drawn := [number for number in empty if number not in blank]:
        yield f"{page_ranges(drawn)} {_have(drawn)} no text: {NEEDS_OCR}"
    if blank:
        yield f"{page_ranges(sorted(blank))} {'is' if len(blank) == 1 else 'are'} blank"


def _have(pages: Sequence[int]) -> str:
    return "has" if len(pages) == 1 else "have"


def _pages(count: int) -> str:
    return f"{count} page" if count == 1 else f"{count} pages"
