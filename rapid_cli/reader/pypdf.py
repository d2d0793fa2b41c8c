"""PDFs through pypdf, which keeps words and lines best."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from io import BytesIO

from rapid_cli.reader.cleaning import clean
from rapid_cli.reader.page_texts import PageTexts

# Without a handler Python prints what pypdf has to say of each oddity; a log file may want it.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


class LockedPdf(Exception):
    """The PDF does not open without a password."""


class PypdfFile:
    """An open PDF; opening it raises LockedPdf, or whatever pypdf trips over in a damaged file."""

    def __init__(self, raw: bytes) -> None:
        from pypdf import PdfReader  # noqa: PLC0415 - keeps `rapid --help` fast

        self._reader = PdfReader(BytesIO(raw), strict=False)
        if self._reader.is_encrypted and not self._reader.decrypt(""):
            raise LockedPdf
        self._count = len(self._reader.pages)

    def __len__(self) -> int:
        return self._count

    def text(self, index: int) -> str | None:
        """Return the text of a page, "" if it has none, or None if the page is damaged."""
        try:
            text = clean(self._reader.pages[index].extract_text())
        except Exception:  # KeyError, TypeError, RecursionError and more; other pages may be sound
            return None
        return text if text.strip() else ""

    def read(self) -> PageTexts:
        """Return the texts and labels of all pages."""
        return PageTexts([self.text(index) for index in range(self._count)], self._labels())

    def _labels(self) -> Sequence[str | None]:
        try:
            return [clean(label).strip() or None for label in self._reader.page_labels]
        except Exception:  # as in `text`; labels are a convenience
            return [None] * self._count
