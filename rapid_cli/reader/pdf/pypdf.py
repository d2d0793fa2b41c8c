"""PDFs through pypdf, which keeps words and lines best."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from rapid_cli.reader.cleaning import apart, clean
from rapid_cli.reader.pdf.annotations import marks_of
from rapid_cli.reader.pdf.layout.legibility import is_nothing
from rapid_cli.reader.pdf.layout.placing import Mark
from rapid_cli.reader.pdf.page_texts import PageTexts

if TYPE_CHECKING:
    from pypdf import PageObject

# Without a handler Python prints what pypdf has to say of each oddity; a log file may want it.
logging.getLogger("pypdf").addHandler(logging.NullHandler())

_DEEPEST = 8  # forms within forms

# What printers' drivers call a letter: by its code in hexadecimal.
_CODED = re.compile(r"/G([0-9A-F]{2})")


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
        self.bombs: set[int] = set()
        """The pages read so far that go beyond bounds."""

    def __len__(self) -> int:
        return self._count

    def text(self, index: int) -> str | None:
        """Return the text of a page, "" if it has none, or None if the page is damaged."""
        try:
            page = self._reader.pages[index]
            with suppress(Exception):  # a page that is odd in this may be sound else
                _name_letters(page)
            text = apart(clean(page.extract_text()))
        except Exception as error:  # KeyError, RecursionError and more; other pages may be sound
            # The second one is not in older versions of pypdf.
            if isinstance(error, MemoryError) or type(error).__name__ == "LimitReachedError":
                self.bombs.add(index)
            return None
        return "" if is_nothing(text) else text

    def draws_itself(self, index: int) -> bool:
        """Tell whether a form on a page draws itself, at which PDFium does not end."""
        try:
            return _is_endless(self._reader.pages[index], ())
        except Exception:  # as in `text`
            return True

    def marks(self, index: int) -> list[Mark]:
        """Return what is seen of the fields and annotations of a page."""
        try:
            return marks_of(self._reader.pages[index])
        except Exception:  # as in `text`
            return []

    def labels(self) -> Sequence[str | None]:
        """Return the labels of all pages."""
        try:
            return list(self._reader.page_labels)
        except Exception:  # as in `text`; labels are a convenience
            return [None] * self._count

    def read(self) -> PageTexts:
        """Return the texts and labels of all pages."""
        return PageTexts([self.text(index) for index in range(self._count)], self.labels())


def _is_endless(entry: Any, around: tuple[Any, ...]) -> bool:
    """Tell whether what is drawn within a page or form goes on for ever, or very deep."""
    resources = entry.get("/Resources")
    forms = resources.get_object().get("/XObject") if resources else None
    if len(around) > _DEEPEST:
        return True
    for form in (forms.get_object() if forms else {}).values():
        inner = form.get_object()
        if inner.get("/Subtype") == "/Form" and (
            any(inner is other for other in around) or _is_endless(inner, (*around, inner))
        ):
            return True
    return False


def _name_letters(page: PageObject) -> None:
    """Give letters their names where the fonts of a page call them by their codes."""
    fonts: Any = page["/Resources"]["/Font"]  # type: ignore[index]
    for font in fonts.values():
        encoding = font.get_object().get("/Encoding")
        named = encoding.get_object() if encoding is not None else None
        if not isinstance(named, dict) or "/Differences" not in named:
            continue
        names = named["/Differences"]
        for at, name in enumerate(names):
            if found := _CODED.fullmatch(str(name)):
                letter = bytes.fromhex(found[1]).decode("cp1252", "replace")
                names[at] = type(name)(f"/uni{ord(letter):04X}")
