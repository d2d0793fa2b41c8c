"""PDFs, page by page: pypdf reads them, and PDFium the long ones and what pypdf cannot read."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby

from rapid_cli.documents import Page
from rapid_cli.errors import DocumentError, LibraryError
from rapid_cli.reader.cleaning import one_line, reason
from rapid_cli.reader.pdf.legibility import is_garbled, legibility
from rapid_cli.reader.pdf.page_texts import PageTexts
from rapid_cli.reader.pdf.pdfium import PdfiumFile, is_cut, is_locked, with_end
from rapid_cli.reader.pdf.pypdf import LockedPdf, PypdfFile

MARK = b"%PDF-"
MANY_PAGES = 200  # from here on PDFium reads first: it takes 1 ms for a page, and pypdf 16
SLOW_SECONDS = 12.0
"""After this time PDFium reads the pages that pypdf has not come to."""
MAX_PAGES = 20_000
NEEDS_OCR = "needs OCR"

_FARTHEST_MARK = 1024  # bytes of junk that both libraries tolerate before it
_ILLEGIBLE, _CLEARER = 0.6, 0.3  # pages of maths and tables are at 0.7 and more
_MAX_RANGES = 10
_RESAVE = "open it in a PDF viewer and print it to a new PDF"
_BOMB = "it may be made to exhaust memory; look at it in a PDF viewer"


class Textless(DocumentError):
    """No page of a PDF has text, but there are pages."""


def pdf_pages(
    raw: bytes, name: str, *, careful: bool = False
) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """Return the pages of a PDF called `name`, and warnings; Textless if none has text.

    With `careful`, PDFium is not used.
    """
    if (start := raw.find(MARK)) > _FARTHEST_MARK:
        raw = raw[start:]
    with warnings.catch_warnings(action="ignore"), ExitStack() as stack:
        quick, locked = (None, False) if careful else _open_quick(raw, name, stack)
        if quick and len(quick) >= MANY_PAGES:
            read = _read_quickly(quick, raw)
        else:
            read = _read(raw, name, quick, locked=locked)
        if not any(read.texts):
            raise _textless(read, quick, name)
        notes = (*_page_notes(read, quick), *_file_notes(raw, quick))
    pages = (
        Page(number, _label(label, number), text or "")
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


def _label(label: str | None, number: int) -> str | None:
    """Return what is printed on a page where that says more than its number."""
    line = one_line(label or "").strip()
    return line if line and line != str(number) else None


def _open_quick(raw: bytes, name: str, stack: ExitStack) -> tuple[PdfiumFile | None, bool]:
    """Return the PDF as PDFium opens it, if it does and finds pages; whether it is locked."""
    try:
        quick = stack.enter_context(_pdfium(raw))
        count = len(quick)
    except LibraryError:
        raise
    except Exception as error:  # pypdf will say what is wrong, if anything is
        return None, is_locked(error)
    if count > MAX_PAGES and quick.has_page(count - 1):
        raise _too_many(count, name)
    # PDFium believes what a file says of its pages, and pypdf counts them.
    return quick if 0 < count <= MAX_PAGES else None, False


def _pdfium(raw: bytes) -> PdfiumFile:
    try:
        return PdfiumFile(raw)
    except LibraryError:
        raise
    except Exception as error:
        if is_locked(error) or not is_cut(raw):
            raise
        return PdfiumFile(with_end(raw))


def _too_many(count: int, name: str) -> DocumentError:
    return DocumentError(
        f"{name} has {count:,} pages; rapid reads up to {MAX_PAGES:,}",
        "split it, such as: qpdf in.pdf --split-pages=1000 out.pdf",
    )


def _read_quickly(quick: PdfiumFile, raw: bytes) -> PageTexts:
    read = quick.read()
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


def _read(raw: bytes, name: str, quick: PdfiumFile | None, *, locked: bool) -> PageTexts:
    try:
        slow = _open_slow(raw, name, locked=locked)
    except DocumentError:
        if quick is None:
            raise
        read = quick.read()
        if is_cut(raw):  # fonts may be lost with the end, and leave codes in place of letters
            read.texts = [None if text and is_garbled(text) else text for text in read.texts]
        if not any(read.texts) and not quick.images():
            raise
        return read
    same = quick if quick and len(quick) == len(slow) else None
    texts = list(_texts(slow, same))
    return PageTexts(texts, slow.labels(), slow.bombs)


def _texts(slow: PypdfFile, quick: PdfiumFile | None) -> Iterator[str | None]:
    """Yield the text of each page as pypdf reads it, or PDFium where that is better."""
    end = time.monotonic() + SLOW_SECONDS
    for at in range(len(slow)):
        if quick and time.monotonic() > end:
            yield quick.text(at)
        else:
            text = slow.text(at)
            yield _better(text, quick, at) if quick else text


def _better(text: str | None, quick: PdfiumFile, at: int) -> str | None:
    """Return the text of a page, or what PDFium reads there if that is more like one."""
    if text and legibility(text) >= _ILLEGIBLE:
        return text
    return _clearer(text, quick.text(at))


def _clearer(text: str | None, other: str | None) -> str | None:
    """Return the better one of what two libraries read, the first one in doubt."""
    if not text:  # None stays where neither finds text: a page without any is no damage
        return other or text
    return other if other and legibility(other) > legibility(text) + _CLEARER else text


def _open_slow(raw: bytes, name: str, *, locked: bool) -> PypdfFile:
    try:
        slow = PypdfFile(raw)
    except Exception as error:  # damage surfaces as whatever pypdf trips over
        # What is locked in a way that pypdf does not know may have no password at all.
        if isinstance(error, LockedPdf) or (locked and not isinstance(error, NotImplementedError)):
            hint = "save a copy without it, such as: qpdf --password=... --decrypt in.pdf out.pdf"
            raise DocumentError(f"{name} is locked with a password", hint) from error
        if is_cut(raw):
            message = f"{name} is cut short: its end is missing"
            raise DocumentError(message, "copy or download it again") from error
        raise DocumentError(f"{name} is not a readable PDF: {reason(error)}", _RESAVE) from error
    if len(slow) > MAX_PAGES:
        raise _too_many(len(slow), name)
    if len(slow) == 0:
        raise DocumentError(f"{name} has no pages", "check that this is the right file")
    return slow


def _textless(read: PageTexts, quick: PdfiumFile | None, name: str) -> DocumentError:
    if any(read.texts[at] is None for at in read.bombs):
        return DocumentError(f"{name} has pages that expand too far to be read", _BOMB)
    if all(text is None for text in read.texts):
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


def _page_notes(read: PageTexts, quick: PdfiumFile | None) -> Iterator[str]:
    numbered = list(enumerate(read.texts, start=1))
    lost = [number for number, text in numbered if text is None]
    if bombs := [number for number in lost if number - 1 in read.bombs]:
        expand = "expands" if len(bombs) == 1 else "expand"
        yield f"{page_ranges(bombs)} {expand} too far to be read"
    if garbled := [number for number, text in numbered if text and is_garbled(text)]:
        yield f"{page_ranges(garbled)} may be garbled: fonts there do not tell their letters"
    if partly := sorted({at + 1 for at in read.bombs} - set(lost)):
        yield f"{page_ranges(partly)} may not be read to the end"
    if damaged := [number for number in lost if number - 1 not in read.bombs]:
        yield f"{page_ranges(damaged)} could not be read"
    empty = [number for number, text in numbered if text == ""]
    same = quick is not None and len(quick) == len(numbered)
    blank = {number for number in empty if quick and same and quick.is_blank(number - 1)}
    if drawn := [number for number in empty if number not in blank]:
        yield f"{page_ranges(drawn)} {_have(drawn)} no text: {NEEDS_OCR}"
    if blank:
        yield f"{page_ranges(sorted(blank))} {'is' if len(blank) == 1 else 'are'} blank"


def _file_notes(raw: bytes, quick: PdfiumFile | None) -> Iterator[str]:
    if is_cut(raw):
        yield "its end is missing: pages may be missing too"
    if quick and (count := quick.attachments()):
        yield f"{count} attached {'file is' if count == 1 else 'files are'} not read"
    if quick and quick.is_dynamic_form():
        yield "it is a form that Adobe Reader fills: what is shown there may not be read"


def _have(pages: Sequence[int]) -> str:
    return "has" if len(pages) == 1 else "have"


def _pages(count: int) -> str:
    return f"{count} page" if count == 1 else f"{count} pages"
