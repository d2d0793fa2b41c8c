"""PDFs through pypdfium2, which is quick and opens what pypdf cannot."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Self

from rapid_cli.machine.libraries import importing
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.pdf.legibility import is_nothing
from rapid_cli.reader.pdf.page_texts import PageTexts

# PDFium's mark for a hyphen at the end of a line, which it joins to the next.
_HYPHEN = re.compile("\x02(?:\r?\n)?")
_SPLIT_WORD = re.compile("(?<=[a-zß-öø-ÿ])\x02(?:\r?\n)?(?=[a-zß-öø-ÿ])")


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


class PdfiumFile:
    """An open PDF; opening it raises what pypdfium2 raises."""

    def __init__(self, raw: bytes) -> None:
        with importing("pypdfium2"):
            import pypdfium2  # noqa: PLC0415 - as above

        self._pdf = pypdfium2.PdfDocument(raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()

    def __len__(self) -> int:
        return len(self._pdf)

    def text(self, index: int) -> str | None:
        """Return the text of a page, "" if it has none, or None if the page is damaged."""
        try:
            with closing(self._pdf[index]) as page:
                text = page.get_textpage().get_text_bounded()
        except Exception:  # PdfiumError, and what ctypes makes of damage
            return None
        text = clean(_HYPHEN.sub("-", _SPLIT_WORD.sub("", text)))
        return "" if is_nothing(text) else text

    def read(self) -> PageTexts:
        """Return the texts and labels of all pages."""
        pages = range(len(self))
        return PageTexts([self.text(at) for at in pages], [self._label(at) for at in pages])

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
