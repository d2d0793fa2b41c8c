"""PDFs opened by both libraries, or refused with what is wrong with them."""

from __future__ import annotations

from contextlib import ExitStack

from rapid_cli.errors import DocumentError, LibraryError
from rapid_cli.reader.cleaning import reason
from rapid_cli.reader.pdf.notes import RESAVE
from rapid_cli.reader.pdf.pdfium import PdfiumFile, is_cut, is_locked, with_end
from rapid_cli.reader.pdf.pypdf import LockedPdf, PypdfFile

MAX_PAGES = 20_000


def open_quick(raw: bytes, name: str, stack: ExitStack) -> tuple[PdfiumFile | None, bool]:
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


def open_slow(raw: bytes, name: str, *, locked: bool) -> PypdfFile:
    """Return the PDF called `name` as pypdf opens it; DocumentError if it cannot be read by it.

    `locked` tells whether PDFium found it to be.
    """
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
        raise DocumentError(f"{name} is not a readable PDF: {reason(error)}", RESAVE) from error
    if len(slow) > MAX_PAGES:
        raise _too_many(len(slow), name)
    if len(slow) == 0:
        raise DocumentError(f"{name} has no pages", "check that this is the right file")
    return slow
