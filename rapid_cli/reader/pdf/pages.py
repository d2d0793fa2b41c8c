"""PDFs, page by page: pypdf reads them, and PDFium the long ones and what pypdf cannot read."""

from __future__ import annotations

import warnings
from contextlib import ExitStack

from rapid_cli.documents import Page
from rapid_cli.reader.cleaning import one_line
from rapid_cli.reader.pdf.choice import read_all, read_quickly
from rapid_cli.reader.pdf.layout.hyphens import joined
from rapid_cli.reader.pdf.notes import file_notes, page_notes, textless
from rapid_cli.reader.pdf.opening import open_quick
from rapid_cli.reader.pdf.outline import outline_sections

MARK = b"%PDF-"
MANY_PAGES = 200  # from here on PDFium reads first: it takes 1 ms for a page, and pypdf 16

_FARTHEST_MARK = 1024  # bytes of junk that both libraries tolerate before it


def pdf_pages(
    raw: bytes, name: str, *, careful: bool = False
) -> tuple[tuple[Page, ...], tuple[str, ...]]:
    """Return the pages of a PDF called `name`, and warnings; Textless if none has text.

    With `careful`, PDFium is not used.
    """
    raw = from_mark(raw)
    with warnings.catch_warnings(action="ignore"), ExitStack() as stack:
        quick, locked = (None, False) if careful else open_quick(raw, name, stack)
        if quick and len(quick) >= MANY_PAGES:
            read = read_quickly(quick, raw)
        else:
            read = read_all(raw, name, quick, locked=locked)
        if not any(read.texts):
            raise textless(read, quick, name)
        read.texts = joined(read.texts)
        notes = (*page_notes(read, quick), *file_notes(raw, quick))
        # Where the two libraries count other pages, the outline leads astray.
        outlined = quick if quick and len(quick) == len(read.texts) else None
        sections = outline_sections(outlined, read.texts) if outlined else [()] * len(read.texts)
    pages = (
        Page(number, _label(label, number), text or "", begun)
        for number, (label, text, begun) in enumerate(
            zip(read.labels, read.texts, sections, strict=True), start=1
        )
    )
    return tuple(pages), notes


def from_mark(raw: bytes) -> bytes:
    """Return the bytes of a PDF without what stands before it, if that is more than is allowed."""
    start = raw.find(MARK)
    return raw[start:] if start > _FARTHEST_MARK else raw


def _label(label: str | None, number: int) -> str | None:
    """Return what is printed on a page where that says more than its number."""
    line = one_line(label or "").strip()
    return line if line and line != str(number) else None
