"""What is said of the pages of a PDF: which have no text, and what of them cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rapid_cli.errors import DocumentError
from rapid_cli.reader.pdf.layout.legibility import is_garbled
from rapid_cli.reader.pdf.page_texts import NEEDS_OCR, PageTexts, Textless
from rapid_cli.reader.pdf.pdfium import PdfiumFile, is_cut

RESAVE = "open it in a PDF viewer and print it to a new PDF"

_MAX_RANGES = 10
_BOMB = "it may be made to exhaust memory; look at it in a PDF viewer"
_FEW = 200
"""Characters: how much text there is at most on a page that is a picture."""


def textless(read: PageTexts, quick: PdfiumFile | None, name: str) -> DocumentError:
    """Return why no page of a PDF called `name` has text: Textless if there are pages to see."""
    if any(read.texts[at] is None for at in read.bombs):
        return DocumentError(f"{name} has pages that expand too far to be read", _BOMB)
    if all(text is None for text in read.texts):
        return DocumentError(f"{name} is damaged: none of its pages can be read", RESAVE)
    if quick and all(map(quick.is_blank, range(len(quick)))):
        hint = "check that this is the right file"
        return DocumentError(f"{name} has no text; all its pages are blank", hint)
    scanned = quick.images() if quick else 0
    found = f"{_pages(scanned)} {'looks' if scanned == 1 else 'look'} scanned"
    return Textless(
        f"{name} has no text; {found if scanned else 'its pages are drawn'}",
        "run again with --ocr, which needs ocrmypdf",
    )


def page_notes(read: PageTexts, quick: PdfiumFile | None) -> Iterator[str]:
    """Yield what is to be said of pages."""
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
    short = [n for n, text in numbered if text and len(text) <= _FEW and n - 1 not in read.endless]
    if quick and same and (pictures := [n for n in short if quick.is_picture(n - 1)]):
        show, them = ("is a picture", "it") if len(pictures) == 1 else ("are pictures", "them")
        unread = f"what is written in {them} is not read"
        yield f"{page_ranges(pictures)} {show} with few words: {unread}"
    if read.unread:
        pages = page_ranges(at + 1 for at in read.unread)
        yield f"{pages} {_have(read.unread)} fields or notes that are not read"
    if read.hurried:
        pages = page_ranges(at + 1 for at in read.hurried)
        yield f"{pages} took too long: columns may be mixed there, powers and forms not told"
    if blank:
        yield f"{page_ranges(sorted(blank))} {'is' if len(blank) == 1 else 'are'} blank"


def file_notes(raw: bytes, quick: PdfiumFile | None) -> Iterator[str]:
    """Yield what is to be said of the whole file."""
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
