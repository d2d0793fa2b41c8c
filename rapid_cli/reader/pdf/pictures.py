"""Pages of PDFs as pictures, with the words of a quote marked."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from io import BytesIO

from rapid_cli.documents import PagePicture
from rapid_cli.errors import DocumentError
from rapid_cli.machine.libraries import importing
from rapid_cli.reader.cleaning import reason
from rapid_cli.reader.pdf.layout.marking import marked
from rapid_cli.reader.pdf.notes import RESAVE
from rapid_cli.reader.pdf.opening import open_quick, open_slow
from rapid_cli.reader.pdf.pages import from_mark
from rapid_cli.reader.pdf.pdfium import PdfiumFile, Pixels

LEAST_WIDTH, MOST_WIDTH = 100, 4_000
MOST_PIXELS = 12_000_000
"""Pixels of a picture, whatever the page's size: some 36 MB while it is drawn."""
MARKER, FRAME = (255, 225, 60), (225, 70, 20)
"""Red, green and blue: what marked words are painted over with, and the line around them."""
_MARGIN = 1 / 600
"""Of the width of a picture: how far a mark reaches beyond its words."""

_Mark = tuple[int, int, int, int]


def page_picture(
    raw: bytes, name: str, number: int, quote: str, passage: str, *, width: int
) -> PagePicture:
    """Return page `number` of a PDF, counted from 1, drawn `width` pixels wide.

    The words of `quote` are marked if they are on the page; of several places that which is like
    the `passage`. DocumentError if there is no such page, or if it cannot be drawn.
    """
    raw = from_mark(raw)
    with ExitStack() as stack:
        file, locked = open_quick(raw, name, stack)
        if file is None:
            open_slow(raw, name, locked=locked)  # which says what is wrong, if it knows
            raise _undrawn(name, number, "its pages cannot be drawn")
        if not 1 <= number <= len(file):
            raise _no_page(name, number, len(file))
        return _drawn(file, name, number, (quote, passage), width)


def _drawn(
    file: PdfiumFile, name: str, number: int, wanted: tuple[str, str], width: int
) -> PagePicture:
    index = number - 1
    try:
        pixels = file.draw(index, min(max(width, LEAST_WIDTH), MOST_WIDTH), MOST_PIXELS)
    except MemoryError:
        raise
    except Exception as error:  # PdfiumError, and what ctypes makes of damage
        raise _undrawn(name, number, reason(error)) from error
    lines = file.lines(index)
    boxes = marked(lines, *wanted)
    marks = tuple(_with_margin(file.on_drawing(index, box, pixels.shape), pixels) for box in boxes)
    _paint(pixels, marks)
    has_text = any(not letter.is_space for line in lines for letter in line)
    height, across = pixels.shape[:2]
    return PagePicture(_png(pixels), across, height, marks, has_text, len(file))


def _with_margin(mark: _Mark, pixels: Pixels) -> _Mark:
    """Return a mark that reaches a little beyond its words, and not beyond the picture."""
    height, width = pixels.shape[:2]
    margin = max(round(width * _MARGIN), 1)
    left, top, right, bottom = mark
    return (
        min(max(left - margin, 0), width - 1),
        min(max(top - margin, 0), height - 1),
        max(min(right + margin, width), 1),
        max(min(bottom + margin, height), 1),
    )


def _paint(pixels: Pixels, marks: Iterable[_Mark]) -> None:
    """Colour what is marked as a marker does, with a line around it for dark pages."""
    for left, top, right, bottom in marks:
        area = pixels[top:bottom, left:right]
        area[:] = area.astype("uint16") * MARKER // 255
    for left, top, right, bottom in marks:
        for edge in (
            pixels[top : top + 2, left:right],
            pixels[bottom - 2 : bottom, left:right],
            pixels[top:bottom, left : left + 2],
            pixels[top:bottom, right - 2 : right],
        ):
            edge[:] = FRAME


def _png(pixels: Pixels) -> bytes:
    with importing("PIL"):
        from PIL import Image  # noqa: PLC0415 - most files are only read
    target = BytesIO()
    Image.fromarray(pixels).save(target, format="PNG")
    return target.getvalue()


def _no_page(name: str, number: int, count: int) -> DocumentError:
    has = f"{count:,} pages" if count != 1 else "one page"
    return DocumentError(f"{name} has {has}, and no page {number:,}", f"name one from 1 to {count}")


def _undrawn(name: str, number: int, why: str) -> DocumentError:
    return DocumentError(f"page {number} of {name} cannot be shown: {why}", RESAVE)
