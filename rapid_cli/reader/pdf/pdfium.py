"""PDFs through pypdfium2, which is quick and opens what pypdf cannot."""

from __future__ import annotations

import re
from types import TracebackType

from rapid_cli.machine.libraries import importing
from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.pdf.legibility import is_nothing
from rapid_cli.reader.pdf.page_texts import PageTexts

# PDFium's mark for a hyphen at the end of a line, which it joins to the next.
_HYPHEN = re.compile("\x02(?:\r?\n)?")
_SPLIT_WORD = re.compile("(?<=[a-zß-öø-ÿ])\x02(?:\r?\n)?(?=[a-zß-öø-ÿ])")


def is_locked(error: Exception) -> bool:
    """Tell whether opening a PDF failed for want of a password."""
    from pypdfium2.raw import FPDF_ERR_PASSWORD  # noqa: PLC0415 - keeps `rapid --help` fast

    return bool(getattr(error, "err_code", None) == FPDF_ERR_PASSWORD)


class PdfiumFile:
    """An open PDF; opening it raises what pypdfium2 raises."""

    def __init__(self, raw: bytes) -> None:
        with importing("pypdfium2"):
            import pypdfium2  # noqa: PLC0415 - as above

        self._pdf = pypdfium2.PdfDocument(raw)

    def __enter__(self) -> PdfiumFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pdf.close()

    def __len__(self) -> int:
        return len(self._pdf)

    def text(self, index: int) -> str | None:
        """Return the text of a page, "" if it has none, or None if the page is damaged."""
        try:
            page = self._pdf[index]
            try:
                text = page.get_textpage().get_text_bounded()
            finally:
                page.close()
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
            page = self._pdf[index]
            try:
                return next(page.get_objects(kinds), None) is not None
            finally:
                page.close()
        except Exception:  # as in `text`
            return default

    def _label(self, index: int) -> str | None:
        try:
            return str(self._pdf.get_page_label(index))
        except Exception:  # as in `text`; labels are a convenience
            return None
