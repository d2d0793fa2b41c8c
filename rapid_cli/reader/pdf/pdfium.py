"""PDFs through pypdfium2, which is quick and opens what pypdf cannot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress
from ctypes import byref, c_double, c_int
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rapid_cli.machine.libraries import importing
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.pdf.layout.legibility import is_nothing
from rapid_cli.reader.pdf.layout.letters import Box, Letter, Line
from rapid_cli.reader.pdf.layout.pieces import Pieces

Pixels = NDArray[np.uint8]
"""A drawing as (height, width, 3): red, green and blue."""

if TYPE_CHECKING:
    from pypdfium2 import PdfBookmark, PdfPage, PdfTextPage

# PDFium's mark for a hyphen at the end of a line, in place of the end.
_HYPHEN = re.compile("\x02(?:\r?\n)?")
_HYPHEN_CODE, _RETURN_CODE, _LINE_CODE = 2, 13, 10
_NEAR = 1.0  # points from a place to a letter there
MOST_LETTERS = 100_000
"""Letters and pieces of a page whose places are looked at."""
_MOST_PICTURES = 1_000
_LEAST_PICTURE = 0.5
"""Which share of a page the pictures take on a page of pictures."""

_LEAST_LENGTH = 1.0
"""Points that a side of a page has at least, whatever the file says."""

_BELOW = 1 - 1e-6

_OBJECT_END = b"endobj"
_OBJECT = re.compile(rb"\b(\d{1,9} \d{1,5})\s+obj\b")
_LARGEST_CATALOG = 4_000  # bytes from its beginning to the name of its type


def is_locked(error: Exception) -> bool:
    """Tell whether opening a PDF failed for want of a password."""
    from pypdfium2.raw import FPDF_ERR_PASSWORD  # noqa: PLC0415 - keeps `rapid --help` fast

    return bool(getattr(error, "err_code", None) == FPDF_ERR_PASSWORD)


def is_cut(raw: bytes) -> bool:
    """Tell whether a file ends without the mark that ends a PDF."""
    return raw.rfind(b"%%EOF") <= raw.rfind(_OBJECT_END)


def with_end(raw: bytes) -> bytes:
    """Return the whole objects of a file and an end that names its catalog; nothing without one.

    That is enough for PDFium, which then looks through the file for what else there is.
    """
    place = raw.find(b"/Catalog")
    objects = list(_OBJECT.finditer(raw, max(0, place - _LARGEST_CATALOG), max(0, place)))
    if not objects:
        return b""
    whole = raw[: raw.rfind(_OBJECT_END) + len(_OBJECT_END)]
    return whole + b"\ntrailer\n<</Root %b R>>\nstartxref\n0\n%%%%EOF\n" % objects[-1][1]


class Bookmark(NamedTuple):
    """A heading of an outline, of level 1 or more, and the place that it leads to.

    `page` counts from 0, None if it leads to none; `top` is the height there, in points from the
    bottom of the page, None where the file does not tell it.
    """

    level: int
    title: str
    page: int | None
    top: float | None


@cache
def _cleaned(code: int) -> str:
    return clean(chr(code))


class PdfiumFile:
    """An open PDF; opening it raises what pypdfium2 raises."""

    def __init__(self, raw: bytes) -> None:
        with importing("pypdfium2"):
            import pypdfium2  # noqa: PLC0415 - as above

        self._pdf = pypdfium2.PdfDocument(raw)
        self._open: tuple[int, PdfPage, PdfTextPage] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()

    def __len__(self) -> int:
        return len(self._pdf)

    def text(self, index: int) -> str | None:
        """Return the text of a page, "" if it has none, or None if the page is damaged."""
        try:
            text = self._page(index)[1].get_text_bounded()
        except Exception:  # PdfiumError, and what ctypes makes of damage
            return None
        text = clean(_HYPHEN.sub("-\n", text))
        return "" if is_nothing(text) else text

    def lines(self, index: int) -> list[Line]:
        """Return the letters of a page with their places, none of what cannot be read."""
        from pypdfium2 import raw  # noqa: PLC0415 - as above

        try:
            text = self._page(index)[1]
        except Exception:  # as in `text`
            return []
        lines: list[Line] = [[]]
        rectangle = raw.FS_RECTF()
        place = byref(rectangle)
        for at in range(min(text.count_chars(), MOST_LETTERS)):
            code = raw.FPDFText_GetUnicode(text, at)
            if code == _LINE_CODE:
                lines.append([])
            elif code and code != _RETURN_CODE:
                raw.FPDFText_GetLooseCharBox(text, at, place)
                box = Box(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
                hyphen = code == _HYPHEN_CODE
                lines[-1].append(Letter("-" if hyphen else _cleaned(code), box))
                if hyphen:
                    lines.append([])
        return lines

    def pieces(self, index: int) -> Pieces:
        """Return the places of the pieces in which a page draws its text, in their order."""
        from pypdfium2 import raw  # noqa: PLC0415 - as above

        try:
            text = self._page(index)[1]
        except Exception:  # as in `text`
            return np.empty((0, 4))
        sides = tuple(c_double() for _ in range(4))
        left, top, right, bottom = sides
        places = tuple(map(byref, sides))
        boxes = []
        for at in range(min(raw.FPDFText_CountRects(text, 0, -1), MOST_LETTERS)):
            raw.FPDFText_GetRect(text, at, *places)
            boxes.append((left.value, bottom.value, right.value, top.value))
        return np.array(boxes, dtype=float).reshape(-1, 4)

    def letter_at(self, index: int, place: Box) -> Letter | None:
        """Return the letter of a page at the left edge of a place, None if there is none."""
        from pypdfium2 import raw  # noqa: PLC0415 - as above

        text = self._page(index)[1]
        x, y = place.left, (place.bottom + place.top) / 2
        at = raw.FPDFText_GetCharIndexAtPos(text, x, y, _NEAR, place.height)
        if at < 0:
            return None
        rectangle = raw.FS_RECTF()
        raw.FPDFText_GetLooseCharBox(text, at, byref(rectangle))
        box = Box(rectangle.left, rectangle.bottom, rectangle.right, rectangle.top)
        return Letter(_cleaned(raw.FPDFText_GetUnicode(text, at)), box)

    def draw(self, index: int, width: int, most_pixels: int) -> Pixels:
        """Return a page drawn so wide, or less where that takes more than the most pixels.

        It raises what pypdfium2 raises at damage. Values of forms are drawn where no page was
        opened before.
        """
        if self._open is None:
            with suppress(Exception):  # a form that is damaged does not hide the page
                self._pdf.init_forms()
        page = self._page(index)[0]
        across, up = (max(length, _LEAST_LENGTH) for length in page.get_size())
        scale = min(width / across, (most_pixels / across / up) ** 0.5, most_pixels / (across + up))
        scale *= _BELOW  # as sides are rounded up
        drawn = page.render(scale=scale, rev_byteorder=True, limit_image_cache=True).to_numpy()
        return np.array(drawn[:, :, :3])  # a copy, as the bitmap is freed

    def on_drawing(self, index: int, box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Return where a box of a page is on its drawing of this shape: left, top, right, bottom.

        That is in pixels from the top left corner, whatever turns or crops the page.
        """
        from pypdfium2 import raw  # noqa: PLC0415 - as above

        page, (height, width) = self._page(index)[0], shape[:2]
        x, y = c_int(), c_int()
        corners = []
        for across, up in ((box.left, box.bottom), (box.right, box.top)):
            raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, across, up, byref(x), byref(y))
            corners.append((x.value, y.value))
        (left, right), (top, bottom) = (sorted(side) for side in zip(*corners, strict=True))
        return left, top, right, bottom

    def has_marks(self, index: int) -> bool:
        """Tell whether a page has fields or annotations that show a text."""
        from pypdfium2 import raw  # noqa: PLC0415 - as above

        silent = {raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_UNKNOWN}
        try:
            page = self._page(index)[0]
        except Exception:  # as in `text`
            return False
        for at in range(min(raw.FPDFPage_GetAnnotCount(page), MOST_LETTERS)):
            found = raw.FPDFPage_GetAnnot(page, at)
            kind = raw.FPDFAnnot_GetSubtype(found)
            raw.FPDFPage_CloseAnnot(found)
            if kind not in silent:
                return True
        return False

    def _page(self, index: int) -> tuple[PdfPage, PdfTextPage]:
        """Return a page and its text, both open until another page is asked for."""
        if self._open is None or self._open[0] != index:
            if self._open:
                self._open[2].close()
                self._open[1].close()
                self._open = None
            page = self._pdf[index]
            self._open = index, page, page.get_textpage()
        return self._open[1:]

    def outline(self) -> Iterator[Bookmark]:
        """Yield the headings of the outline in their order, as far as they can be read."""
        try:
            for item in self._pdf.get_toc():
                yield Bookmark(item.level + 1, clean(item.get_title()), *_destination(item))
        except Exception:  # as in `text`
            return

    def share_above(self, bookmark: Bookmark) -> float | None:
        """Return which share of the letters of its page is above a heading; None if unknown."""
        if bookmark.page is None or bookmark.top is None:
            return None
        try:
            text = self._page(bookmark.page)[1]
            above = len(text.get_text_bounded(bottom=bookmark.top))
            return above / max(int(text.count_chars()), above, 1)
        except Exception:  # as in `text`
            return None

    def labels(self) -> list[str | None]:
        """Return the labels of all pages."""
        return [self._label(at) for at in range(len(self))]

    def has_page(self, index: int) -> bool:
        """Tell whether there is a page where the file says that there is one."""
        try:
            self._pdf[index].close()
        except Exception:  # as in `text`
            return False
        return True

    def attachments(self) -> int:
        """Return how many files are attached."""
        return max(0, int(self._pdf.count_attachments()))

    def is_dynamic_form(self) -> bool:
        """Tell whether it is a form whose pages are made by Adobe's programs alone."""
        from pypdfium2.raw import FORMTYPE_XFA_FULL  # noqa: PLC0415 - as above

        return bool(self._pdf.get_formtype() == FORMTYPE_XFA_FULL)

    def images(self) -> int:
        """Return how many pages show an image."""
        from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE  # noqa: PLC0415 - as above

        return sum(
            self._shows(index, [FPDF_PAGEOBJ_IMAGE], default=False) for index in range(len(self))
        )

    def is_picture(self, index: int) -> bool:
        """Tell whether pictures take most of a page."""
        from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE  # noqa: PLC0415 - as above

        try:
            with closing(self._pdf[index]) as page:
                width, height = page.get_size()
                covered = 0.0
                for shown in islice(page.get_objects([FPDF_PAGEOBJ_IMAGE]), _MOST_PICTURES):
                    left, bottom, right, top = shown.get_bounds()
                    covered += max(right - left, 0) * max(top - bottom, 0)
        except Exception:  # as in `text`
            return False
        return bool(covered >= _LEAST_PICTURE * width * height)

    def is_blank(self, index: int) -> bool:
        """Tell whether nothing at all is drawn on a page."""
        return not self._shows(index, None, default=True)

    def _shows(self, index: int, kinds: list[int] | None, *, default: bool) -> bool:
        """Tell whether there is an object of these kinds on a page, `default` if it is damaged."""
        try:
            with closing(self._pdf[index]) as page:
                return next(page.get_objects(kinds), None) is not None
        except Exception:  # as in `text`
            return default

    def _label(self, index: int) -> str | None:
        try:
            return str(self._pdf.get_page_label(index))
        except Exception:  # as in `text`; labels are a convenience
            return None


def _destination(item: PdfBookmark) -> tuple[int | None, float | None]:
    """Return the page that an entry of the outline leads to, and the height there."""
    from pypdfium2 import raw  # noqa: PLC0415 - as above

    destination = item.get_dest()
    if destination is None or (page := destination.get_index()) is None:
        return None, None
    mode, view = destination.get_view()
    heights = {
        raw.PDFDEST_VIEW_XYZ: 1,
        raw.PDFDEST_VIEW_FITH: 0,
        raw.PDFDEST_VIEW_FITBH: 0,
        raw.PDFDEST_VIEW_FITR: 3,
    }
    at = heights.get(mode, len(view))
    top = view[at] if at < len(view) else 0.0
    return page, top or None  # a height that is left out is told as 0
